import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  type DynamoDBStreamsClientConfig,
} from '@aws-sdk/client-dynamodb-streams'
import { checkSdkClient } from '../core/sdk-client.ts'
import { regionOf } from '../core/stream-arn.ts'
import type { StreamsApi } from './streams-api.ts'

/**
 * Creates a client that is configured by the environment (region, credentials, endpoint), for users who do
 * not pass one.
 *
 * It differs from the SDK's default client only in its transport: the default has no time limit for a server
 * that stops responding, and opens at most 50 connections, although a stream may have hundreds of shards.
 */
export function createStreamsClient(overrides: DynamoDBStreamsClientConfig = {}): DynamoDBStreamsClient {
  return new DynamoDBStreamsClient({
    requestHandler: {
      connectionTimeout: 5_000,
      socketTimeout: 30_000,
      httpAgent: { keepAlive: true, maxSockets: 256 },
      httpsAgent: { keepAlive: true, maxSockets: 256 },
    },
    ...overrides,
  })
}

/** Creates a client for the region in the ARN, because a stream cannot be read from another region. */
export function createClientFor(streamArn: string): DynamoDBStreamsClient {
  const region = regionOf(streamArn)
  return createStreamsClient(region === undefined ? {} : { region })
}

/** @throws StreamError `options.invalid` if `client` cannot send the commands of DynamoDB Streams. */
export function checkStreamsClient(client: unknown): asserts client is DynamoDBStreamsClient {
  checkSdkClient('client', client, 'DynamoDB Streams', new DescribeStreamCommand({ StreamArn: undefined }))
}

/** Returns whether `value` is a {@link StreamsApi} rather than an SDK client. */
export function isStreamsApi(value: unknown): value is StreamsApi {
  if (typeof value !== 'object' || value === null) return false
  return ['listShards', 'openIterator', 'readRecords'].every(
    (call) => typeof Reflect.get(value, call) === 'function',
  )
}
