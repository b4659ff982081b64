// Copies a table into an index, in batches:
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
// A batch has up to 500 records, and is yielded no later than 200 ms after its first record. It is
// acknowledged, and covered by the next checkpoint, when the loop requests the next batch. If the process
// crashes before that, the batch is delivered again.
for await (const records of stream.batches({ maxRecords: 500, maxWaitMs: 200 })) {
  for (const { keys, newImage } of records) {
    if (newImage) index.set(newImage.id, newImage)
    else if (keys.id !== undefined) index.delete(keys.id)
  }
  console.log(`${index.size} orders after ${records.length} changes`)
}
