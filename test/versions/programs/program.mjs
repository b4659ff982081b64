// A consumer's program as a JavaScript module: the SDK's clients, over HTTP, on the emulator.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { Coordinator, memoryCheckpointStore, openStream } from 'dynamodb-stream-iterator'
import { dynamoDBCheckpointStore } from 'dynamodb-stream-iterator/checkpoints/dynamodb'
import { StreamEmulator } from 'dynamodb-stream-iterator/testing'

const emulator = new StreamEmulator()
for (let n = 1; n <= 3; n++) emulator.put({ id: 'a', n })
emulator.split()
const server = await emulator.listen()
const config = {
  endpoint: server.url,
  region: 'eu-west-1',
  credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
}
const client = new DynamoDBStreamsClient(config)
const tableClient = new DynamoDBClient(config)
dynamoDBCheckpointStore({ client: tableClient, tableName: 'checkpoints' })

const stream = await openStream({
  tableName: emulator.tableName,
  client,
  tableClient,
  checkpoint: { store: memoryCheckpointStore(), name: 'worker' },
})
const seen = []
try {
  for await (const record of stream) {
    seen.push(record.newImage.n)
    if (seen.length === 3) break
  }
} finally {
  await stream.close()
}
const coordinator = new Coordinator({ client, streamArn: emulator.streamArn })
await coordinator.moveTo('trim_horizon')
const first = await coordinator.next()
await coordinator.close()
await server.close()
client.destroy()
tableClient.destroy()
console.log(JSON.stringify({ seen, first: first.newImage }))
