import { DynamoDBStreamsClient, type DynamoDBStreamsClientConfig } from '@aws-sdk/client-dynamodb-streams'

/**
 * Creates the client that every contender uses. With the SDK's default of 50 sockets, a benchmark with 1,000
 * shards would measure only that limit.
 */
export function makeClient(endpoint: string): DynamoDBStreamsClient {
  return new DynamoDBStreamsClient(clientOptions(endpoint))
}

export function clientOptions(endpoint: string): DynamoDBStreamsClientConfig {
  return {
    endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
    requestHandler: { httpAgent: { keepAlive: true, maxSockets: 256 } },
  }
}
