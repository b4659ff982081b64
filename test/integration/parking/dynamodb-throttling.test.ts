import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { keyOf, positionOf, recordOf, recordsOf } from '../../../src/testing/contracts/parking/bench.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { isTransaction, keyHash, once, ParkingTestTable, readRecords, updateOf } from './parking-table.ts'

/** Repeats a call as the library does, until it succeeds. Returns the names of the errors. */
async function retried(call: () => Promise<unknown>): Promise<string[]> {
  const errors: string[] = []
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      await call()
      return errors
    } catch (error) {
      errors.push((error as Error).name)
    }
  }
  throw new Error(`200 attempts have failed: ${errors.at(-1)}`)
}

describeOnLocal('dynamoDBParkingStore: a save that is throttled', (local) => {
  const table = new ParkingTestTable(local)

  const THROTTLED = { do: 'refuse', error: 'ProvisionedThroughputExceededException' } as const

  test('a save of 1,000 records of which every second transaction is throttled makes progress', async () => {
    const run = randomUUID()
    let transactions = 0
    const { proxy, store } = await table.faultyStore('a', (call) =>
      isTransaction(call) && ++transactions % 2 === 0 ? THROTTLED : undefined,
    )
    await using _ = proxy
    const lease = await store.acquire(run)
    const other = { key: keyOf('other'), added: recordsOf(0, 1) }
    const errors = await retried(() => lease.save([other, updateOf(0, 1_000)]))
    expect(new Set(errors)).toEqual(new Set([THROTTLED.error]))
    // 11 transactions are needed, one for the other key, and each attempt but the last one fails in one.
    expect(transactions).toBeLessThan(40)
    expect(await readRecords(lease, keyHash)).toEqual(recordsOf(0, 1_000))
    expect(await readRecords(lease, other.key.keyHash)).toEqual(recordsOf(0, 1))
  })

  test('a key that a failed save has saved is saved again after it was removed', async () => {
    const run = randomUUID()
    const { proxy, store } = await table.faultyStore('a', once(THROTTLED, isTransaction, 2))
    await using _ = proxy
    const lease = await store.acquire(run)
    const other = { key: keyOf('other'), added: recordsOf(0, 1) }
    await expect(lease.save([other, updateOf(0, 120)])).rejects.toThrow()
    await lease.remove(other.key.keyHash)
    await lease.save([other, updateOf(0, 120)])
    expect(await table.store().get(run, other.key.keyHash)).toEqual(other.key)
    expect(await readRecords(lease, other.key.keyHash)).toEqual(recordsOf(0, 1))
    expect(await readRecords(lease, keyHash)).toEqual(recordsOf(0, 120))
  })

  test('a repeated save with other contents does not mix them with those of the first attempt', async () => {
    const run = randomUUID()
    const { proxy, store } = await table.faultyStore('a', once(THROTTLED, isTransaction, 3))
    await using _ = proxy
    const lease = await store.acquire(run)
    await expect(lease.save([updateOf(0, 300, 'first ')])).rejects.toThrow()
    await lease.save([updateOf(0, 310, 'second ')])
    expect(await readRecords(lease, keyHash)).toEqual(recordsOf(0, 310, 'second '))
  })

  test('the records of a save that is not repeated are deleted by the next save of other records', async () => {
    const run = randomUUID()
    const { proxy, store } = await table.faultyStore('a', once(THROTTLED, isTransaction, 3))
    await using _ = proxy
    const lease = await store.acquire(run)
    await expect(lease.save([updateOf(0, 300)])).rejects.toThrow()
    expect(await table.leftovers(run)).not.toEqual([])
    await lease.save([updateOf(100, 500)])
    expect(await readRecords(lease, keyHash)).toEqual(recordsOf(100, 500))
    await lease.remove(keyHash)
    expect(await table.leftovers(run)).toEqual([])
  })

  test('the records of a transaction without a response are deleted, too, if the save is not repeated', async () => {
    const run = randomUUID()
    const { proxy, store } = await table.faultyStore('a', once({ do: 'loseResponse' }, isTransaction, 2))
    await using _ = proxy
    const lease = await store.acquire(run)
    await expect(lease.save([updateOf(0, 300)])).rejects.toThrow()
    expect(await table.leftovers(run)).toHaveLength(198)
    // Contains the records of the first transaction, but not those of the second.
    const { key, added } = updateOf(0, 300)
    const others = added.filter((_, index) => index < 99 || index >= 200)
    await lease.save([{ key, added: others }])
    expect(await readRecords(lease, keyHash)).toEqual(others)
  })

  test('a save succeeds although the finished records cannot be deleted, and they are deleted later', async () => {
    const run = randomUUID()
    let isDenied = true
    const { proxy, store } = await table.faultyStore('a', ({ operation: name, body }) =>
      isDenied && name === 'TransactWriteItems' && body.includes('"Delete"')
        ? { do: 'refuse', error: 'AccessDeniedException' }
        : undefined,
    )
    await using _ = proxy
    const lease = await store.acquire(run)
    await lease.save([updateOf(0, 50)])
    const finished = { ...updateOf(0, 50).key, finished: positionOf(39), records: 10 }
    await lease.save([{ key: finished, added: [] }])
    expect(await table.parts(`${run}#parking#${keyHash}`)).toHaveLength(50)
    expect(await readRecords(lease, keyHash)).toEqual(recordsOf(40, 50))
    // A permission that is missing must not remain unnoticed.
    await expect(lease.remove(keyHash)).rejects.toMatchObject({ name: 'AccessDeniedException' })
    isDenied = false
    await lease.save([updateOf(50, 51)])
    expect(await readRecords(lease, keyHash)).toEqual([recordOf(50, '50')])
    expect(await table.parts(`${run}#parking#${keyHash}`)).toHaveLength(1)
  })
})
