// Keeps a view of the table "orders" in a SQLite file:
//   npx tsx examples/materialized-view/worker.ts orders view.db
import { rmSync } from 'node:fs'
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import { isStreamError, openStream } from 'dynamodb-stream-iterator'
import sqlite from 'node-sqlite3-wasm'
import { maintainView, type ScanPage } from './maintain-view.ts'
import { createView, type Order, resetView } from './order-view.ts'
import { sqliteCheckpointStore } from './sqlite-checkpoint-store.ts'

const [, , tableName = 'orders', file = 'view.db'] = process.argv
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())

// node-sqlite3-wasm locks the file with a folder, which a killed process leaves behind. This worker is the
// only one that writes. Libraries with locks of the operating system, such as better-sqlite3, do not need it.
rmSync(`${file}.lock`, { recursive: true, force: true })
const db = new sqlite.Database(file)
createView(db)
const client = new DynamoDBClient()

try {
  await using stream = await openStream<Order>({
    tableName,
    startAt: 'latest', // This position is saved before the scan starts.
    checkpoint: { store: sqliteCheckpointStore(db), name: 'orders' },
    signal: stop.signal,
  })
  console.log('started')
  await maintainView(db, { stream, scanAfter, onComplete: () => console.log('complete') })
} catch (error) {
  if (isStreamError(error, 'records.trimmed')) {
    // The worker was down for more than 24 hours. The next start builds the view again.
    resetView(db)
    process.exitCode = 1
  } else if (error !== stop.signal.reason) throw error
} finally {
  client.destroy()
  db.close()
}

async function scanAfter(key: string | undefined, abortSignal: AbortSignal): Promise<ScanPage> {
  const { Items = [], LastEvaluatedKey } = await client.send(
    new ScanCommand({
      TableName: tableName,
      // Without it, the scan can miss a change that was made before the stream was opened.
      ConsistentRead: true,
      Limit: 100,
      ...(key !== undefined && { ExclusiveStartKey: marshall({ id: key }) }),
    }),
    { abortSignal },
  )
  return {
    orders: Items.map((item) => unmarshall(item) as Order),
    next: LastEvaluatedKey && (unmarshall(LastEvaluatedKey).id as string),
  }
}
