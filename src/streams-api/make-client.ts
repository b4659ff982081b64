import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  type DynamoDBStreamsClientConfig,
} from '@aws-sdk/client-dynamodb-streams'
import { checkSdkClient } from '../core/sdk-client.ts'
import { regionOf } from '../core/stream-arn.ts'
import type { StreamsApi } from './streams-api.ts'

/**
 * A client from the environment (region, credentials, endpoint), for users who don't bring their own.
 *
 * It differs from a client with no options in its transport only: the SDK's default waits without end for a server
 * that has gone silent, and opens 50 connections at most, where a stream may have hundreds of shards.
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

/** A client for the region that the ARN names, as a stream cannot be read from another one. */
export function createClientFor(streamArn: string): DynamoDBStreamsClient {
  const region = regionOf(streamArn)
  return createStreamsClient(region === undefined ? {} : { region })
}

/** @throws StreamError `options.invalid` unless `client` can send the calls of DynamoDB Streams. */
export function checkStreamsClient(client: unknown): asserts client is DynamoDBStreamsClient {
  checkSdkClient('client', client, 'DynamoDB Streams', new DescribeStreamCommand({ StreamArn: undefined }))
}

/** Whether `value` is a {@link StreamsApi} already, rather than a client of the SDK. */
export function isStreamsApi(value: unknown): value is StreamsApi {
  if (typeof value !== 'object' || value === null) return false
  return ['listShards', 'openIterator', 'readRecords'].every(
    (call) => typeof Reflect.get(value, call) === 'function',
  )
}
