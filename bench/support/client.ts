import { DynamoDBStreamsClient, type DynamoDBStreamsClientConfig } from '@aws-sdk/client-dynamodb-streams'

/** The client that every side gets. The SDK's default of 50 sockets would be what a bench of 1,000 shards measures. */
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
