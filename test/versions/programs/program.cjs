// A consumer's program in CommonJS: the SDK's clients, over HTTP, on the emulator.
const { DynamoDBStreamsClient } = require('@aws-sdk/client-dynamodb-streams')
const { openStream } = require('dynamodb-stream-iterator')
const { dynamoDBCheckpointStore } = require('dynamodb-stream-iterator/checkpoints/dynamodb')
const { StreamEmulator } = require('dynamodb-stream-iterator/testing')

async function main() {
  if (typeof dynamoDBCheckpointStore !== 'function') throw new Error('no checkpoint store')
  const emulator = new StreamEmulator()
  const server = await emulator.listen()
  emulator.put({ id: 'a', n: 1 })
  const client = new DynamoDBStreamsClient({
    endpoint: server.url,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  })
  const stream = await openStream({ client, streamArn: emulator.streamArn })
  for await (const record of stream) {
    console.log(JSON.stringify({ seen: [record.newImage.n], first: record.newImage }))
    break
  }
  await stream.close()
  await server.close()
}

void main()
