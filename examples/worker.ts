// Prints every change of a table, in order, and resumes where it stopped the last time:
//   npx tsx examples/worker.ts orders
import { fileCheckpointStore, openStream } from 'dynamodb-stream-iterator'

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stop.abort())

try {
  await using stream = await openStream({
    tableName: process.argv[2] ?? 'orders',
    checkpoint: { store: fileCheckpointStore('./checkpoints'), name: 'worker' },
    signal: stop.signal,
  })
  for await (const record of stream) {
    console.log(record.eventName, record.keys, record.newImage)
  }
} catch (error) {
  // openStream rejects with the signal's reason if it aborts before the stream is open.
  if (error !== stop.signal.reason) throw error
}
