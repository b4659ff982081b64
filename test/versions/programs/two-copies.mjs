// The consumer's clients come from another copy of the SDK than the one that the package imports.
import { openStream } from 'dynamodb-stream-iterator'
import { dynamoDBCheckpointStore } from 'dynamodb-stream-iterator/checkpoints/dynamodb'
import { StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { DynamoDBStreamsClient } from 'other-streams-client'
import { DynamoDBClient } from 'other-tables-client'

const emulator = new StreamEmulator()
emulator.put({ id: 'a', n: 1 })
const server = await emulator.listen()
const config = {
  endpoint: server.url,
  region: 'eu-west-1',
  credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
}
try {
  const client = new DynamoDBStreamsClient(config)
  const tableClient = new DynamoDBClient(config)
  const stream = await openStream({ tableName: emulator.tableName, client, tableClient })
  dynamoDBCheckpointStore({ client: tableClient, tableName: 'checkpoints' })
  for await (const record of stream) {
    console.log(JSON.stringify({ seen: [record.newImage.n], first: record.newImage }))
    break
  }
  await stream.close()
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message }))
} finally {
  await server.close()
}
