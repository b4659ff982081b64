// A consumer's program. package.test.ts compiles it under `nodenext` against the tarball and runs it on
// DynamoDB Local.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { Coordinator, fileCheckpointStore, openStream, type StreamRecord } from 'dynamodb-stream-iterator'
import { StreamEmulator } from 'dynamodb-stream-iterator/testing'

const [, , endpoint = '', tableName = '', folder = ''] = process.argv
const client = new DynamoDBStreamsClient({ endpoint })
await using stream = await openStream({
  tableName,
  client,
  tableClient: new DynamoDBClient({ endpoint }),
  checkpoint: { store: fileCheckpointStore(folder), name: 'worker' },
})
let count = 0
for await (const record of stream) {
  const { eventName, newImage }: StreamRecord = record
  console.log(eventName, newImage?.n)
  if (++count === 3) break
}
const coordinator = new Coordinator({ client, streamArn: stream.streamArn })
await coordinator.moveTo('trim_horizon')
console.log((await coordinator.next())?.keys.id, JSON.stringify(coordinator.token).length > 0)
await coordinator.close()
console.log(typeof StreamEmulator)
