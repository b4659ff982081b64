import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { ParkedRecord, ParkingLease } from '../../../src/parking/parking-store.ts'
import { collect, positionOf, recordOf, recordsOf } from '../../../src/testing/contracts/parking/bench.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import {
  hideItems,
  incompressible,
  isTransaction,
  keyHash,
  once,
  operation,
  ParkingTestTable,
  readRecords,
  updateOf,
} from './parking-table.ts'

describeOnLocal('dynamoDBParkingStore: faults', (local) => {
  const table = new ParkingTestTable(local)

  describe('calls without a response', () => {
    test('a save whose response was lost succeeds when the SDK repeats it', async () => {
      const run = randomUUID()
      const { proxy, store } = await table.faultyStore('a', once({ do: 'loseResponse' }, isTransaction), 3)
      await using _ = proxy
      const lease = await store.acquire(run)
      await lease.save([updateOf(0, 3)])
      await lease.save([updateOf(3, 5)])
      expect(await readRecords(lease, keyHash)).toEqual(recordsOf(0, 5))
    })

    test('a save whose response was lost can be repeated with more records, and each is stored once', async () => {
      const run = randomUUID()
      const { proxy, store } = await table.faultyStore('a', once({ do: 'loseResponse' }, isTransaction))
      await using _ = proxy
      const lease = await store.acquire(run)
      await expect(lease.save([updateOf(0, 3)])).rejects.toThrow()
      expect(await table.store().get(run, keyHash)).toEqual(updateOf(0, 3).key)
      await lease.save([updateOf(0, 5)])
      await lease.save([updateOf(5, 6)])
      expect(await readRecords(lease, keyHash)).toEqual(recordsOf(0, 6))
      expect(await table.parts(`${run}#parking#${keyHash}`)).toHaveLength(6)
    })

    test('a request that is made between a save without a response and its retry is not lost', async () => {
      const run = randomUUID()
      const { proxy, store } = await table.faultyStore('a', once({ do: 'loseResponse' }, isTransaction))
      await using _ = proxy
      const lease = await store.acquire(run)
      await expect(lease.save([updateOf(0, 3)])).rejects.toThrow()
      expect(await table.store().release(run, keyHash)).toBe(true)
      await lease.save([updateOf(0, 4)])
      expect(await lease.requests()).toMatchObject([{ keyHash, action: 'release' }])
    })

    test('a request that is written after the key was removed has no effect when it is parked again', async () => {
      const run = randomUUID()
      const lease = await table.store().acquire(run)
      await lease.save([updateOf(0, 3)])
      const client = table.createClient()
      client.middlewareStack.add(
        (next, { commandName }) =>
          async (args) => {
            if (commandName === 'PutItemCommand') await lease.remove(keyHash)
            return next(args)
          },
        { step: 'initialize' },
      )
      await table.store('operator', client).drop(run, keyHash)
      await lease.save([updateOf(3, 5)])
      expect(await lease.requests()).toEqual([])
      expect(await (await table.store().acquire(run)).requests()).toEqual([])
      expect(await table.store().release(run, keyHash)).toBe(true)
      await expect(lease.requests()).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    })

    test('a removal whose response was lost can be repeated, and the key can be parked again', async () => {
      const run = randomUUID()
      let isLost = false
      const { proxy, store } = await table.faultyStore('a', (call) =>
        isLost && isTransaction(call) ? { do: 'loseResponse' } : undefined,
      )
      await using _ = proxy
      const lease = await store.acquire(run)
      await lease.save([updateOf(0, 3)])
      isLost = true
      for (let attempt = 0; attempt < 3; attempt++) await expect(lease.remove(keyHash)).rejects.toThrow()
      isLost = false
      await lease.remove(keyHash)
      expect(await table.leftovers(run)).toEqual([])
      await lease.save([updateOf(7, 9)])
      expect(await readRecords(lease, keyHash)).toEqual(recordsOf(7, 9))
    })

    test('an acquire request whose response was lost does not conflict with its own retry', async () => {
      const run = randomUUID()
      const lost = once({ do: 'loseResponse' }, operation('UpdateItem'))
      const { proxy, store } = await table.faultyStore('a', lost, 3)
      await using _ = proxy
      const lease = await store.acquire(run)
      await lease.save([updateOf(0, 1)])
      expect(await readRecords(lease, keyHash)).toEqual(recordsOf(0, 1))
    })
  })

  describe('a transaction that is carried out on one item after the other', () => {
    test('a worker that takes over meanwhile waits for it, and sees all of it', async () => {
      const run = randomUUID()
      const first = await table.store('first').acquire(run)
      await first.save([updateOf(0, 3)])
      const client = table.createClient()
      let inProgress = true
      hideItems(client, (part) => inProgress && part !== 'lease')
      let attempts = 0
      client.middlewareStack.add(
        (next, { commandName }) =>
          async (args) => {
            if (commandName !== 'TransactGetItemsCommand') return next(args)
            if (++attempts < 3) {
              const CancellationReasons = [{ Code: 'None' }, { Code: 'TransactionConflict' }]
              throw Object.assign(new Error(), { name: 'TransactionCanceledException', CancellationReasons })
            }
            const { TransactItems } = args.input as {
              TransactItems: { Get: { Key: { part: { S: string } } } }[]
            }
            expect(TransactItems.map(({ Get }) => Get.Key.part.S).sort()).toEqual([
              `key#${keyHash}`,
              ...recordsOf(0, 3).map(({ position }) => `record#${position}`),
            ])
            inProgress = false
            return next(args)
          },
        { step: 'initialize' },
      )
      const second = await table.store('second', client).acquire(run)
      expect(attempts).toBe(3)
      expect(second.keys).toEqual([updateOf(0, 3).key])
      expect(await readRecords(second, keyHash)).toEqual(recordsOf(0, 3))
    })

    test.each([0, 1, 2])('a reader that sees all but record %i meanwhile reads again', async (index) => {
      const run = randomUUID()
      await (await table.store().acquire(run)).save([updateOf(0, 3)])
      const client = table.createClient()
      let reads = 0
      hideItems(client, (part) => part === `record#${positionOf(index)}` && ++reads < 3)
      expect(await collect(table.store('reader', client).records(run, keyHash))).toEqual(recordsOf(0, 3))
      expect(reads).toBe(3)
    })
  })

  describe('a worker that ends during a call', () => {
    const large: ParkedRecord = recordOf(300, incompressible(900_000))

    /**
     * Lets a worker end at each call in turn that `act` makes, before or after the service has executed it.
     * Checks what the next worker finds.
     */
    async function endAtEachCall(
      act: (lease: ParkingLease) => Promise<void>,
      check: (found: { isParked: boolean; records: ParkedRecord[] }, isDone: boolean) => void,
    ): Promise<number> {
      for (let last = 1; ; last++) {
        for (const fate of ['drop', 'loseResponse'] as const) {
          const run = randomUUID()
          let calls = 0
          let isCounting = false
          const { proxy, store } = await table.faultyStore('dying', () => {
            if (!isCounting || ++calls < last) return undefined
            return { do: calls === last ? fate : 'drop' }
          })
          await using _ = proxy
          const dying = await store.acquire(run)
          await dying.save([updateOf(0, 3)])
          isCounting = true
          const isDone = await act(dying).then(
            () => true,
            () => false,
          )
          if (isDone && calls < last) return last

          const next = await table.store('next').acquire(run)
          const records = await readRecords(next, keyHash)
          const isParked = next.keys.length === 1
          check({ isParked, records }, isDone)
          expect(await collect(table.store().records(run, keyHash))).toEqual(records)
          if (isParked) {
            const stored = (await table.parts(`${run}#parking#${keyHash}`)).filter((part) =>
              part.startsWith('record#'),
            )
            expect(stored.length).toBeGreaterThanOrEqual(records.length)
          }
          await next.save([updateOf(400, 401)])
          expect(await readRecords(next, keyHash)).toEqual([...records, recordOf(400, '400')])
          await next.remove(keyHash)
          expect(await table.leftovers(run)).toEqual([])
        }
      }
    }

    test('a save of 250 small records and a large one is seen by the next worker completely or not at all', async () => {
      const update = updateOf(3, 250)
      const ends = await endAtEachCall(
        (lease) => lease.save([{ ...update, added: [...update.added, large] }]),
        ({ isParked, records }, isDone) => {
          expect(isParked).toBe(true)
          expect([isDone ? undefined : 3, 251]).toContain(records.length)
          expect(records).toEqual(records.length === 3 ? recordsOf(0, 3) : [...recordsOf(0, 250), large])
        },
      )
      expect(ends).toBeGreaterThan(3)
    })

    test('a removal of 250 records leaves either no trace, all records or a key without records', async () => {
      const seen = new Set<string>()
      const ends = await endAtEachCall(
        async (lease) => {
          await lease.save([updateOf(3, 250)])
          await lease.remove(keyHash)
        },
        ({ isParked, records }) => {
          seen.add(`${isParked} ${records.length}`)
        },
      )
      expect(ends).toBeGreaterThan(5)
      expect([...seen].sort()).toEqual(['false 0', 'true 0', 'true 250', 'true 3'])
    })
  })
})
