import { afterAll, beforeAll, expect, test } from 'vitest'
import { Coordinator } from '../../src/coordinator/coordinator.ts'
import type { Position } from '../../src/position/position.ts'
import { drain, drainUntil, numbersOf, range } from '../support/read.ts'
import { describeOnLocal } from '../support/shared-local.ts'
import { createTable, putNumbers, type TestTable } from '../support/tables.ts'

describeOnLocal('Coordinator on DynamoDB Local', (local) => {
  const tables = local.tableClient()
  const client = local.streamsClient()
  const open: Coordinator[] = []
  let table: TestTable

  const coordinatorAt = async (position: Position | string, of: TestTable = table): Promise<Coordinator> => {
    const coordinator = new Coordinator({ client, streamArn: of.streamArn })
    open.push(coordinator)
    await coordinator.moveTo(position as Position)
    return coordinator
  }
  const put = (from: number, to: number, of: TestTable = table) => putNumbers(tables, of, 'a', [from, to])

  beforeAll(async () => {
    table = await createTable(tables)
    await put(1, 6)
  })
  afterAll(async () => {
    for (const coordinator of open) await coordinator.close()
    tables.destroy()
    client.destroy()
  })

  test.for(['trim_horizon', 'TRIM_HORIZON'])(
    'all records are delivered in order from %s',
    async (position) => {
      expect(numbersOf(await drain(await coordinatorAt(position)))).toEqual(range(1, 6))
    },
  )

  test('records written after moveTo(latest) are delivered, also from a token saved immediately', async () => {
    const own = await createTable(tables)
    const coordinator = await coordinatorAt('latest', own)
    const token = JSON.stringify(coordinator.token)
    await put(1, 3, own)
    expect(numbersOf(await drainUntil(coordinator, 3))).toEqual([1, 2, 3])
    expect(numbersOf(await drainUntil(await coordinatorAt(token, own), 3))).toEqual([1, 2, 3])
  })

  test('after moveTo(latest) on a stream with records, the later records are delivered without a hole', async () => {
    const own = await createTable(tables)
    await put(1, 5, own)
    const coordinator = await coordinatorAt('latest', own)
    await put(6, 9, own)
    const seen = numbersOf(await drain(coordinator))
    expect(seen).toEqual(range(10 - seen.length, 9))
    expect(seen.length).toBeGreaterThanOrEqual(4)
  })

  test('all records written since a time are delivered', async () => {
    const past = new Date(Date.now() - 120_000)
    expect(numbersOf(await drain(await coordinatorAt(past)))).toEqual(range(1, 6))
  })

  test('a time in the future delivers no earlier records and all new ones', async () => {
    const own = await createTable(tables)
    const coordinator = await coordinatorAt(new Date(Date.now() + 3_600_000), own)
    expect(await drain(coordinator)).toEqual([])
    await put(1, 2, own)
    const records = await drainUntil(coordinator, 2)
    expect(numbersOf(records), JSON.stringify(coordinator.token)).toEqual([1, 2])
  })

  test('a token taken after any number of records resumes with the next record', async () => {
    const first = await coordinatorAt('trim_horizon')
    const tokens = [JSON.stringify(first.token)]
    for (const n of range(1, 6)) {
      expect((await first.next())?.newImage?.n).toBe(n)
      tokens.push(JSON.stringify(first.token))
    }
    for (const [delivered, token] of tokens.entries()) {
      expect(numbersOf(await drain(await coordinatorAt(token)))).toEqual(range(delivered + 1, 6))
    }
  })

  test('records written later are delivered from a token at the tip', async () => {
    const own = await createTable(tables)
    await put(1, 2, own)
    const first = await coordinatorAt('trim_horizon', own)
    await drain(first)
    const token = JSON.stringify(first.token)
    await put(3, 4, own)
    expect(numbersOf(await drainUntil(await coordinatorAt(token, own), 2))).toEqual([3, 4])
    expect(numbersOf(await drainUntil(first, 2))).toEqual([3, 4])
  })

  test('a Coordinator can be moved back and forth', async () => {
    const coordinator = await coordinatorAt('trim_horizon')
    expect(numbersOf(await drain(coordinator, undefined, 4))).toEqual([1, 2, 3, 4])
    const token = coordinator.token
    await coordinator.moveTo('trim_horizon')
    expect(numbersOf(await drain(coordinator, undefined, 2))).toEqual([1, 2])
    await coordinator.moveTo(token)
    expect(numbersOf(await drain(coordinator))).toEqual([5, 6])
  })

  test('reading continues after a heartbeat, and the lag at the tip is 0', async () => {
    const coordinator = await coordinatorAt('trim_horizon')
    await drain(coordinator, undefined, 3)
    await coordinator.heartbeat()
    expect(numbersOf(await drain(coordinator))).toEqual([4, 5, 6])
    expect(coordinator.lag().millisBehindLatest).toBe(0)
    expect(coordinator.buffer.length).toBe(0)
    expect(coordinator.ended).toBe(false)
  })
})
