import {
  type Clock,
  type DynamoDBStream,
  type ProcessingRun,
  type ProcessingSummary,
  processStream,
  systemClock,
} from 'dynamodb-stream-iterator'
import type { Database } from 'node-sqlite3-wasm'
import { positionOf } from '../exactly-once/position.ts'
import { applyState, inTransaction, type Order } from './order-view.ts'

export interface ScanPage {
  readonly orders: readonly Order[]
  /** The key after which the next page starts; undefined for the last page. */
  readonly next: string | undefined
}

export interface ViewSource {
  /** Opened before the first page is read, at `latest` or earlier. */
  readonly stream: DynamoDBStream<Order>
  /** Reads the page after a key, strongly consistent. */
  readonly scanAfter: (key: string | undefined, signal: AbortSignal) => Promise<ScanPage>
  /** Called once the view contains every order, and the changes that were made before the start. */
  readonly onComplete?: () => void
  readonly clock?: Clock
}

/** Applies the changes of the stream, and meanwhile fills a new view from a scan. */
export async function maintainView(db: Database, source: ViewSource): Promise<ProcessingSummary> {
  const run = applyChanges(db, source.stream)
  const ended = new AbortController()
  const end = () => ended.abort()
  void run.then(end, end)
  try {
    await fill(db, source, ended.signal)
  } catch (error) {
    if (!ended.signal.aborted) {
      await run.stop()
      throw error
    }
  }
  return run
}

function applyChanges(db: Database, stream: DynamoDBStream<Order>): ProcessingRun {
  return processStream(
    stream,
    {
      batch(records) {
        inTransaction(db, () => {
          for (const { keys, newImage, isTtlDelete, sequenceNumber } of records) {
            const position = positionOf(stream.streamArn, sequenceNumber)
            applyState(db, { id: String(keys.id), order: newImage, isTtlDelete, position })
          }
        })
      },
      batchSize: 500,
      maxBatchingWindowMs: 200,
    },
    // Another program can lock the database for some time.
    { retry: { classify: (error) => (String(error).includes('database is locked') ? 'wait' : 'retry') } },
  )
}

/** Copies what the stream does not contain: the items that have not changed since it was opened. */
async function fill(db: Database, source: ViewSource, ended: AbortSignal): Promise<void> {
  const { stream, scanAfter, onComplete = () => {}, clock = systemClock } = source
  for (;;) {
    const { scanned_to, is_scanned } = db.get('SELECT scanned_to, is_scanned FROM view_state') ?? {}
    if (is_scanned) break
    const { orders, next } = await scanAfter(scanned_to ? String(scanned_to) : undefined, ended)
    if (ended.aborted) return
    inTransaction(db, () => {
      for (const order of orders) {
        applyState(db, { id: order.id, order, isTtlDelete: false, position: '' })
      }
      db.run('UPDATE view_state SET scanned_to = ?, is_scanned = ?', [next ?? null, next === undefined])
    })
  }
  // The view is complete once the changes up to now are applied: they can delete what the scan has found.
  const scannedAt = clock.now()
  do {
    await new Promise<void>((resolve) => clock.setTimer(1_000, resolve))
    if (ended.aborted) return
  } while (clock.now() - stream.lag().millisBehindLatest < scannedAt)
  db.run('UPDATE view_state SET is_complete = 1')
  onComplete()
}
