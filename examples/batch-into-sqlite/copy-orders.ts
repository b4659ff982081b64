import {
  type BatchItemFailure,
  type Destination,
  type DynamoDBStream,
  type ProcessingRun,
  processStream,
  type StreamRecord,
} from 'dynamodb-stream-iterator'
import type { Database } from 'node-sqlite3-wasm'

export interface Order {
  readonly id: string
  readonly customer: string
  readonly total: number
}

/** Creates the tables. Another program inserts the customers. */
export function createTables(db: Database): void {
  db.exec(`
    PRAGMA foreign_keys = ON;
    CREATE TABLE IF NOT EXISTS customers (id TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS orders (
      id TEXT PRIMARY KEY,
      customer TEXT NOT NULL REFERENCES customers (id),
      total REAL NOT NULL CHECK (total >= 0)
    )`)
}

/** Copies the table of orders, with one transaction per batch. */
export function copyOrders(stream: DynamoDBStream<Order>, db: Database, failed: Destination): ProcessingRun {
  return processStream(
    stream,
    {
      batch(records, context) {
        const batchItemFailures: BatchItemFailure[] = []
        const failedIds = new Set<unknown>()
        inTransaction(db, () => {
          for (const record of records) {
            // After a failed record, the later ones of its key are attempted again as well, in order.
            if (failedIds.has(record.keys.id)) continue
            try {
              write(db, record)
            } catch (error) {
              const { message } = error as Error
              if (message.startsWith('CHECK')) context.reject(record, message)
              else if (message.startsWith('FOREIGN KEY')) {
                // The customer is missing, and may be inserted later.
                batchItemFailures.push({ itemIdentifier: record.sequenceNumber })
                failedIds.add(record.keys.id)
              } else throw error // The database is locked, for example: the whole batch fails.
            }
          }
        })
        return { batchItemFailures }
      },
      batchSize: 500,
      maxBatchingWindowMs: 200,
    },
    {
      onFailure: failed,
      // A batch that fails is split until each record runs alone. This failure is not the fault of a record.
      retry: { classify: (error) => (String(error).includes('database is locked') ? 'wait' : 'retry') },
    },
  )
}

/** Can be repeated: the changes of an item always end with its last one. */
function write(db: Database, { keys, newImage }: StreamRecord<Order>): void {
  if (newImage === undefined) {
    db.run('DELETE FROM orders WHERE id = ?', [String(keys.id)])
    return
  }
  const { id, customer, total } = newImage
  db.run(
    `INSERT INTO orders (id, customer, total) VALUES (?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, total = excluded.total`,
    [id, customer, total],
  )
}

/** `work` is synchronous, so no other transaction can start meanwhile. */
function inTransaction(db: Database, work: () => void): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    work()
    db.exec('COMMIT')
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK')
    throw error
  }
}
