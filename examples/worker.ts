// Prints every change of a table, those of each item in order, and resumes where it stopped the last time:
//   npx tsx examples/worker.ts orders
import { fileCheckpointStore, openStream, processStream } from 'dynamodb-stream-iterator'

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stop.abort())

try {
  await using stream = await openStream({
    tableName: process.argv[2] ?? 'orders',
    checkpoint: { store: fileCheckpointStore('./checkpoints'), name: 'worker' },
    signal: stop.signal, // stops the run: running handler calls finish, and the checkpoint is saved
  })
  const { handled } = await processStream(stream, async (record) => {
    console.log(record.eventName, record.keys, record.newImage)
  })
  console.log(`Handled ${handled} records.`)
} catch (error) {
  // openStream rejects with the signal's reason if it aborts before the stream is open.
  if (error !== stop.signal.reason) throw error
}
