import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { ParkingLease } from '../../../src/parking/parking-store.ts'
import { recordsOf } from '../../../src/testing/contracts/parking/bench.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import {
  isTransaction,
  keyHash,
  once,
  operation,
  ParkingTestTable,
  readRecords,
  updateOf,
} from './parking-table.ts'

describeOnLocal('dynamoDBParkingStore: calls that arrive late', (local) => {
  const table = new ParkingTestTable(local)

  const LATE = { do: 'deliverLate', afterMs: 700 } as const

  test('a save that arrives after its repetition does not restore the earlier state', async () => {
    const run = randomUUID()
    const { proxy, store } = await table.faultyStore('a', once(LATE, isTransaction))
    await using _ = proxy
    const lease = await store.acquire(run)
    await expect(lease.save([updateOf(0, 2, 'late ')])).rejects.toThrow()
    await lease.save([updateOf(0, 5)])
    await proxy.lateCalls()
    expect(await table.store().get(run, keyHash)).toEqual(updateOf(0, 5).key)
    expect(await readRecords(lease, keyHash)).toEqual(recordsOf(0, 5))
  })

  test.each([
    ['read()', (lease: ParkingLease) => lease.read(keyHash, undefined, 10)],
    ['requests()', (lease: ParkingLease) => lease.requests()],
    ['a save without updates', (lease: ParkingLease) => lease.save([])],
  ])('a rejected save does not take effect after %s has succeeded', async (_, call) => {
    const run = randomUUID()
    const { proxy, store } = await table.faultyStore('a', once(LATE, isTransaction))
    await using __ = proxy
    const lease = await store.acquire(run)
    await expect(lease.save([updateOf(0, 2)])).rejects.toThrow()
    await call(lease)
    await proxy.lateCalls()
    expect(await table.store().get(run, keyHash)).toBeUndefined()
    expect(await table.leftovers(run)).toEqual([])
  })

  test('a save that arrives after the key was removed does not park it again', async () => {
    const run = randomUUID()
    const { proxy, store } = await table.faultyStore('a', once(LATE, isTransaction, 2))
    await using _ = proxy
    const lease = await store.acquire(run)
    await lease.save([updateOf(0, 2)])
    await expect(lease.save([updateOf(2, 4)])).rejects.toThrow()
    await lease.remove(keyHash)
    await proxy.lateCalls()
    expect(await table.leftovers(run)).toEqual([])
  })

  test('a removal that arrives after the key was parked again removes nothing', async () => {
    const run = randomUUID()
    // The second transaction of the removal deletes the records.
    const { proxy, store } = await table.faultyStore('a', once(LATE, isTransaction, 3))
    await using _ = proxy
    const lease = await store.acquire(run)
    await lease.save([updateOf(0, 3)])
    await expect(lease.remove(keyHash)).rejects.toThrow()
    await lease.remove(keyHash)
    await lease.save([updateOf(0, 3, 'again ')])
    await proxy.lateCalls()
    expect(await readRecords(lease, keyHash)).toEqual(recordsOf(0, 3, 'again '))
  })

  test('a part of a large save that arrives after another worker has taken over changes nothing', async () => {
    const run = randomUUID()
    const { proxy, store } = await table.faultyStore('a', once(LATE, isTransaction, 2))
    await using _ = proxy
    const first = await store.acquire(run)
    await expect(first.save([updateOf(0, 250)])).rejects.toThrow()
    const second = await table.store('b').acquire(run)
    expect(second.keys).toEqual([])
    expect(await table.leftovers(run)).toEqual([])
    await second.save([updateOf(200, 202)])
    await proxy.lateCalls()
    expect(await readRecords(second, keyHash)).toEqual(recordsOf(200, 202))
    expect(await table.parts(`${run}#parking#${keyHash}`)).toHaveLength(2)
    await expect(first.save([updateOf(0, 250)])).rejects.toMatchObject({
      code: 'checkpoint.conflict',
      details: { name: run, owner: 'b' },
      message: `The parked keys of "${run}" were taken over by b: this worker can no longer save them.`,
    })
  })

  test('an acquire request that arrives after another one does not restore the previous worker', async () => {
    const run = randomUUID()
    await table.store('setup').acquire(run)
    const { proxy, store } = await table.faultyStore('a', once(LATE, operation('UpdateItem')), 3)
    await using _ = proxy
    const first = await store.acquire(run)
    const second = await table.store('b').acquire(run)
    await second.save([updateOf(0, 1)])
    await proxy.lateCalls()
    await second.save([updateOf(1, 2)])
    await expect(first.save([updateOf(5, 6)])).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    expect(await readRecords(second, keyHash)).toEqual(recordsOf(0, 2))
  })
})
