import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryCheckpointStore, memoryDestination, openStream } from 'dynamodb-stream-iterator'
import { ManualClock, StreamEmulator } from 'dynamodb-stream-iterator/testing'
import sqlite from 'node-sqlite3-wasm'
import { expect, test } from 'vitest'
import { copyOrders, createTables, type Order } from './copy-orders.ts'

function fixture() {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock, shards: 2 })
  const path = join(mkdtempSync(join(tmpdir(), 'copy-orders-')), 'orders.db')
  const db = new sqlite.Database(path)
  createTables(db)
  const store = memoryCheckpointStore()
  return {
    clock,
    emulator,
    path,
    db,
    failed: memoryDestination(),
    rows: () => db.all('SELECT id, customer, total FROM orders ORDER BY id'),
    open: () =>
      openStream<Order>({
        client: emulator.client(),
        streamArn: emulator.streamArn,
        startAt: 'trim_horizon',
        checkpoint: { store, name: 'copy' },
        idlePollMs: { min: 5_000, max: 5_000 },
        clock,
      }),
  }
}

test('an order waits for its customer, an invalid one is rejected, and the rest of a batch is written', async () => {
  const { clock, emulator, db, failed, rows, open } = fixture()
  db.run("INSERT INTO customers VALUES ('ann')")
  for (let n = 0; n < 100; n++) emulator.put({ id: `order-${n}`, customer: 'ann', total: n })
  emulator.put({ id: 'early', customer: 'bob', total: 1 })
  emulator.put({ id: 'early', customer: 'bob', total: 2 })
  emulator.put({ id: 'negative', customer: 'ann', total: -1 })
  emulator.remove({ id: 'order-0' })
  emulator.disable()
  const run = copyOrders(await open(), db, failed)
  run.on('attemptFailed', ({ attempt }) => {
    if (attempt === 3) db.run("INSERT INTO customers VALUES ('bob')")
  })
  const summary = await clock.run(run)

  expect(rows()).toHaveLength(100) // 100 + 2 - order-0 - negative
  expect(rows()).toContainEqual({ id: 'early', customer: 'bob', total: 2 })
  expect(failed.letters.map(({ condition, failure }) => [condition, failure.reason])).toEqual([
    ['Rejected', 'CHECK constraint failed: total >= 0'],
  ])
  expect(summary).toMatchObject({ records: 104, handled: 103, deadLettered: { rejected: 1, exhausted: 0 } })
  expect(summary.batches).toBeLessThan(10)
  db.close()
})

test('a copy that is stopped while another program locks the database is complete after a restart', async () => {
  const { clock, emulator, path, db, failed, rows, open } = fixture()
  db.run("INSERT INTO customers VALUES ('ann')")
  const put = (from: number, to: number) => {
    for (let n = from; n < to; n++) emulator.put({ id: `order-${n % 10}`, customer: 'ann', total: n })
  }
  put(0, 100)
  const stream = await open()
  const run = copyOrders(stream, db, failed)
  await clock.advance(60_000)
  expect(run.counters.handled).toBe(100)

  const other = new sqlite.Database(path)
  other.exec('BEGIN IMMEDIATE')
  put(100, 200)
  await clock.advance(15 * 60_000) // longer than 20 attempts take
  expect(run.counters).toMatchObject({ records: 200, handled: 100 })
  await clock.run(run.stop())
  await clock.run(stream.close())

  const rest = copyOrders(await open(), db, failed)
  await clock.advance(60_000)
  other.exec('COMMIT')
  other.close()
  emulator.disable()
  await clock.run(rest)
  // Each order has the total of its last change.
  const expected = Array.from({ length: 200 }, (_, n) => n).slice(-10)
  expect(rows().map(({ total }) => total)).toHaveLength(10)
  expect(new Set(rows().map(({ total }) => total))).toEqual(new Set(expected))
  expect(failed.letters).toEqual([])
  db.close()
})
