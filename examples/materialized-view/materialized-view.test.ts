import { copyFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStream } from 'dynamodb-stream-iterator'
import { ManualClock, StreamEmulator } from 'dynamodb-stream-iterator/testing'
import sqlite, { type Database } from 'node-sqlite3-wasm'
import { expect, test } from 'vitest'
import { below, seededRandom } from '../../src/testing/emulator/state/random.ts'
import { EmulatedOrders, rowsOf, wrongSums } from './emulated-orders.ts'
import { maintainView, type ScanPage } from './maintain-view.ts'
import { applyState, createView, inTransaction, type Order, resetView } from './order-view.ts'
import { sqliteCheckpointStore } from './sqlite-checkpoint-store.ts'

const HOUR = 3_600_000

function fixture(seed = 1) {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock, shards: 2, seed })
  const orders = new EmulatedOrders(emulator)
  const path = join(mkdtempSync(join(tmpdir(), 'view-')), 'view.db')
  const openView = (file = path) => {
    const db = new sqlite.Database(file)
    createView(db)
    return db
  }
  const open = (db: Database, startAt: 'latest' | 'trim_horizon' = 'latest') =>
    openStream<Order>({
      client: emulator.client(),
      streamArn: emulator.streamArn,
      startAt,
      checkpoint: { store: sqliteCheckpointStore(db), name: 'orders', everyRecords: 10 },
      idlePollMs: { min: 1_000, max: 1_000 },
      clock,
    })
  /** A page is read at once, and arrives after some time. `onRead` is called in between. */
  const slowScan =
    (size: number, onRead: (page: ScanPage) => void = () => {}, ms = 1_000) =>
    async (key: string | undefined): Promise<ScanPage> => {
      const page = orders.scanAfter(key, size)
      onRead(page)
      await new Promise<void>((resolve) => clock.setTimer(ms, resolve))
      return page
    }
  const isComplete = (db: Database) => db.get('SELECT is_complete FROM view_state')?.is_complete === 1
  return { clock, emulator, orders, path, openView, open, slowScan, isComplete }
}

const order = (id: string, cents: number, customer = 'ann'): Order => ({ id, customer, cents })

test('a view of orders that the stream no longer contains is complete after the scan', async () => {
  const { clock, orders, openView, open, slowScan, isComplete } = fixture()
  for (let n = 100; n < 200; n++) orders.put(order(`order-${n}`, n, `c${n % 3}`))
  await clock.advance(25 * HOUR)
  const db = openView()
  const stream = await open(db)
  const view = maintainView(db, { stream, scanAfter: slowScan(10), clock })
  await clock.advance(5_000)
  expect(rowsOf(db).length).toBeGreaterThan(0)
  expect(isComplete(db)).toBe(false)
  orders.put(order('order-150', 1))
  orders.remove('order-199')
  await clock.advance(15_000)
  expect(rowsOf(db)).toEqual(orders.rows)
  expect(wrongSums(db)).toEqual([])
  expect(isComplete(db)).toBe(true)
  await clock.run(stream.close())
  await clock.run(view)
})

test('an order that is deleted after the scan has read it, and before it is written to the view, is not restored', async () => {
  const { clock, orders, openView, open, slowScan } = fixture()
  orders.put(order('kept', 1))
  orders.put(order('removed', 2))
  const db = openView()
  const stream = await open(db)
  let wasRowDeleted = false
  const removeAndWait = () => {
    orders.remove('removed')
    // The change is applied while the page is still on its way.
    clock.setTimer(4_900, () => {
      wasRowDeleted = db.get("SELECT deleted FROM orders WHERE id = 'removed'")?.deleted === 'deleted'
    })
  }
  const scanAfter = slowScan(10, removeAndWait, 5_000)
  const view = maintainView(db, { stream, scanAfter, clock })
  await clock.advance(20_000)
  expect(wasRowDeleted).toBe(true)
  expect(rowsOf(db)).toEqual([order('kept', 1)].map(({ id, customer, cents }) => ({ id, customer, cents })))
  expect(wrongSums(db)).toEqual([])
  await clock.run(stream.close())
  await clock.run(view)
})

test('a view is correct after random changes during its scan, with restarts (12 seeds)', {
  timeout: 300_000,
}, async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const { clock, emulator, orders, openView, open, slowScan } = fixture(seed)
    const random = seededRandom(seed, 'changes')
    const change = () => {
      const id = `order-${below(random, 20)}`
      if (below(random, 4) === 0) orders.remove(id)
      else orders.put(order(id, below(random, 1_000), `c${below(random, 3)}`))
    }
    for (let n = 0; n < 20; n++) orders.put(order(`order-${n}`, n))
    const db = openView(':memory:')
    for (let start = 0; start < 4; start++) {
      const stream = await open(db)
      const scanAfter = slowScan(2, () => {
        for (let n = below(random, 5); n > 0; n--) change()
      })
      const view = maintainView(db, { stream, scanAfter, clock })
      for (let step = 0; step < (start === 3 ? 20 : 4); step++) {
        change()
        if (below(random, 10) === 0) emulator.split()
        await clock.advance(below(random, 1_500))
      }
      if (start === 3) await clock.advance(10_000)
      await clock.run(stream.close())
      await clock.run(view)
      expect(wrongSums(db), `seed ${seed}`).toEqual([])
    }
    expect(rowsOf(db), `seed ${seed}`).toEqual(orders.rows)
    db.close()
  }
})

test('a view whose changes are all delivered again does not change', async () => {
  const { clock, emulator, orders, openView, open, slowScan } = fixture()
  for (let n = 0; n < 200; n++) {
    const id = `order-${n % 17}`
    if (n % 7 === 0) orders.remove(id)
    else orders.put(order(id, n, `c${n % 5}`))
  }
  emulator.disable()
  const db = openView()
  await clock.run(
    maintainView(db, { stream: await open(db, 'trim_horizon'), scanAfter: slowScan(100), clock }),
  )
  const before = [rowsOf(db), db.all('SELECT * FROM customers ORDER BY customer')]
  expect(before[0]).toEqual(orders.rows)

  db.exec('DELETE FROM checkpoints')
  const stream = await open(db, 'trim_horizon')
  const summary = await clock.run(maintainView(db, { stream, scanAfter: slowScan(100), clock }))
  expect(summary.handled).toBe(emulator.records.length)
  expect([rowsOf(db), db.all('SELECT * FROM customers ORDER BY customer')]).toEqual(before)
})

test('an older change that is delivered again does not set an order back, not even for a moment', () => {
  const { openView } = fixture()
  const db = openView(':memory:')
  const apply = (cents: number | undefined, position: string) => {
    const state = cents === undefined ? undefined : order('a', cents)
    inTransaction(db, () => applyState(db, { id: 'a', order: state, isTtlDelete: false, position }))
    return db.get('SELECT cents FROM live_orders')?.cents
  }
  expect([apply(1, '1'), apply(2, '2'), apply(1, '1'), apply(2, '2')]).toEqual([1, 2, 2, 2])
  expect([apply(undefined, '3'), apply(2, '2'), apply(9, '')]).toEqual([undefined, undefined, undefined])
  expect(apply(4, '4')).toBe(4)
  expect(wrongSums(db)).toEqual([])
})

test('a copy of the file continues from the position that belongs to its rows', async () => {
  const { clock, orders, path, openView, open, slowScan } = fixture()
  const run = async (db: Database, ms: number) => {
    const stream = await open(db)
    const view = maintainView(db, { stream, scanAfter: slowScan(100), clock })
    await clock.advance(ms)
    return async () => {
      await clock.run(stream.close())
      await clock.run(view)
      db.close()
    }
  }
  const stop = await run(openView(), 10_000)
  for (let n = 0; n < 35; n++) orders.put(order(`order-${n % 10}`, n))
  await clock.advance(1_500)
  copyFileSync(path, `${path}.backup`)
  for (let n = 35; n < 70; n++) orders.put(order(`order-${n % 10}`, n))
  orders.remove('order-3')
  await clock.advance(10_000)
  await stop()

  const db = openView(`${path}.backup`)
  expect(rowsOf(db)).not.toEqual(orders.rows)
  const stopCopy = await run(db, 10_000)
  expect(rowsOf(db)).toEqual(orders.rows)
  expect(wrongSums(db)).toEqual([])
  await stopCopy()
})

test('orders that have expired are not live, even before DynamoDB deletes them, and the view remembers why they were deleted', async () => {
  const { clock, orders, openView, open, slowScan } = fixture()
  const db = openView()
  const stream = await open(db)
  const view = maintainView(db, { stream, scanAfter: slowScan(10), clock })
  orders.put({ ...order('expiring', 1), expiresAt: 1_000_000_000 })
  orders.put({ ...order('later', 2), expiresAt: 100_000_000_000 })
  orders.put(order('canceled', 3))
  await clock.advance(5_000)
  expect(db.all('SELECT id FROM live_orders ORDER BY id')).toEqual([{ id: 'canceled' }, { id: 'later' }])
  orders.remove('expiring', { ttl: true })
  orders.remove('canceled')
  await clock.advance(5_000)
  expect(db.all('SELECT id, deleted FROM orders ORDER BY id')).toEqual([
    { id: 'canceled', deleted: 'deleted' },
    { id: 'expiring', deleted: 'expired' },
    { id: 'later', deleted: null },
  ])
  expect(wrongSums(db)).toEqual([])
  await clock.run(stream.close())
  await clock.run(view)
})

test('a view that was not updated for more than 24 hours is built again', async () => {
  const { clock, emulator, orders, openView, open, slowScan, isComplete } = fixture()
  const db = openView()
  const start = async () => {
    const stream = await open(db)
    return { stream, view: maintainView(db, { stream, scanAfter: slowScan(10), clock }) }
  }
  orders.put(order('forgotten', 1))
  const first = await start()
  await clock.advance(10_000)
  await clock.run(first.stream.close())
  await clock.run(first.view)
  expect(isComplete(db)).toBe(true)

  orders.remove('forgotten')
  await clock.advance(25 * HOUR)
  orders.put(order('new', 2))
  const late = await start()
  await expect(clock.run(late.view)).rejects.toMatchObject({ code: 'records.trimmed' })
  await clock.run(late.stream.close())
  resetView(db)
  expect(isComplete(db)).toBe(false)
  emulator.roll()
  const second = await start()
  await clock.advance(20_000)
  expect(isComplete(db)).toBe(true)
  expect(rowsOf(db)).toEqual(orders.rows)
  expect(wrongSums(db)).toEqual([])
  await clock.run(second.stream.close())
  await clock.run(second.view)
})

test('a scan that fails stops the view, and is continued by the next start', async () => {
  const { clock, orders, openView, open, slowScan, isComplete } = fixture()
  for (let n = 10; n < 60; n++) orders.put(order(`order-${n}`, n))
  const db = openView()
  let pages = 0
  const failing = async (key: string | undefined) => {
    if (++pages > 3) throw new Error('The scan has failed.')
    return slowScan(10)(key)
  }
  const stream = await open(db)
  await expect(clock.run(maintainView(db, { stream, scanAfter: failing, clock }))).rejects.toThrow('The scan')
  await clock.run(stream.close())
  expect(rowsOf(db)).toHaveLength(30)

  const next = await open(db)
  const keys: (string | undefined)[] = []
  const scanAfter = (key: string | undefined) => {
    keys.push(key)
    return slowScan(10)(key)
  }
  const view = maintainView(db, { stream: next, scanAfter, clock })
  await clock.advance(10_000)
  expect(keys).toEqual(['order-39', 'order-49'])
  expect(isComplete(db)).toBe(true)
  expect(rowsOf(db)).toEqual(orders.rows)
  await clock.run(next.close())
  await clock.run(view)
})

test('a change that fails in the middle of a transaction leaves the view as it was', () => {
  const { openView } = fixture()
  const db = openView()
  const state = (id: string, cents: number) => ({
    id,
    order: order(id, cents),
    isTtlDelete: false,
    position: id,
  })
  const work = () => {
    applyState(db, state('a', 1))
    applyState(db, { ...state('b', 1), order: { ...order('b', 1), customer: null as never } })
    applyState(db, { ...state('c', 1), position: null as never })
  }
  expect(() => inTransaction(db, work)).toThrow()
  expect(rowsOf(db)).toEqual([])
  expect(db.all('SELECT * FROM customers')).toEqual([])
})
