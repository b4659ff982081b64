// Copies a table into an index, many records at a time:
//   npx tsx examples/batches.ts orders
import { fileCheckpointStore, openStream } from 'dynamodb-stream-iterator'

interface Order {
  readonly id: string
  readonly status: string
}

const index = new Map<string, Order>()

await using stream = await openStream<Order>({
  tableName: process.argv[2] ?? 'orders',
  checkpoint: { store: fileCheckpointStore('./checkpoints'), name: 'index' },
})
// Up to 500 records, or what has come within 200 ms of the first one. An array is done, and may be in the checkpoint,
// when the loop comes back for the next one: if the process dies before that, all of it is given out again.
for await (const records of stream.batches({ maxRecords: 500, maxWaitMs: 200 })) {
  for (const { keys, newImage } of records) {
    if (newImage) index.set(newImage.id, newImage)
    else if (keys.id !== undefined) index.delete(keys.id)
  }
  console.log(`${index.size} orders after ${records.length} changes`)
}
