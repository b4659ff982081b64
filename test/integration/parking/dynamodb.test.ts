import { randomUUID } from 'node:crypto'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { describe, expect, test } from 'vitest'
import { dynamoDBParkingStore } from '../../../src/parking/dynamodb.ts'
import type { ParkingLease } from '../../../src/parking/parking-store.ts'
import {
  collect,
  keyOf,
  positionOf,
  recordOf,
  recordsOf,
} from '../../../src/testing/contracts/parking/bench.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { finishedAt, incompressible, keyHash, ParkingTestTable, readRecords } from './parking-table.ts'

describeOnLocal('dynamoDBParkingStore', (local) => {
  const table = new ParkingTestTable(local)

  describe('what is stored', () => {
    test('a record of 2 MB is stored in several items, and they are deleted when it is finished', async () => {
      const run = randomUUID()
      const lease = await table.store().acquire(run)
      const large = recordOf(1, incompressible(2_000_000))
      await lease.save([{ key: keyOf('key'), added: [recordOf(0, 'a'), large, recordOf(2, 'b')] }])
      const parts = await table.parts(`${run}#parking#${keyHash}`)
      expect(parts.filter((part) => part.startsWith('record#'))).toHaveLength(3)
      // Random base64url has 6 bits per character: 1.5 MB, in pieces of up to 350 kB.
      expect(parts.filter((part) => part.startsWith('piece#'))).toHaveLength(5)
      expect(await readRecords(lease, keyHash)).toEqual([recordOf(0, 'a'), large, recordOf(2, 'b')])
      await lease.save([{ key: finishedAt(1), added: [] }])
      expect(await table.parts(`${run}#parking#${keyHash}`)).toEqual([`record#${positionOf(2)}`])
    })

    test('a large record that is replaced by another one is read, and nothing of either is left at the end', async () => {
      const run = randomUUID()
      const lease = await table.store().acquire(run)
      const contents = [
        incompressible(900_000),
        incompressible(1_400_000, 'other'),
        'small',
        incompressible(500_000),
      ]
      await lease.save([{ key: keyOf('key'), added: recordsOf(0, 3) }])
      for (const content of contents) {
        await lease.save([{ key: keyOf('key'), added: [recordOf(1, content)] }])
        expect(await readRecords(lease, keyHash)).toEqual([
          recordOf(0, '0'),
          recordOf(1, content),
          recordOf(2, '2'),
        ])
      }
      await lease.remove(keyHash)
      expect(await table.leftovers(run)).toEqual([])
    })

    test('3,000 finished records are deleted by the saves that follow, and the removal deletes the rest', async () => {
      const run = randomUUID()
      const lease = await table.store().acquire(run)
      await lease.save([{ key: keyOf('key'), added: recordsOf(0, 3_000) }])
      const stored = async () => (await table.parts(`${run}#parking#${keyHash}`)).length
      await lease.save([{ key: finishedAt(2_799), added: [] }])
      expect(await stored()).toBe(2_500)
      const next = await table.store().acquire(run)
      await next.save([{ key: finishedAt(2_799), added: [] }])
      expect(await stored()).toBe(2_000)
      expect(await readRecords(next, keyHash)).toEqual(recordsOf(2_800, 3_000))
      await next.remove(keyHash)
      expect(await table.leftovers(run)).toEqual([])
    })

    test('parked keys of more than 1 MB in total are all acquired and listed', async () => {
      const run = randomUUID()
      const keys = Array.from({ length: 300 }, (_, index) =>
        keyOf(`key ${index}`, { key: JSON.stringify({ id: { S: `${index} ${'x'.repeat(8_000)}` } }) }),
      )
      const lease = await table.store().acquire(run)
      await lease.save(keys.map((key) => ({ key, added: [] })))
      const byHash = (one: { keyHash: string }, other: { keyHash: string }) =>
        one.keyHash < other.keyHash ? -1 : 1
      const sorted = keys.toSorted(byHash)
      expect((await table.store().acquire(run)).keys.toSorted(byHash)).toEqual(sorted)
      expect((await collect(table.store().list(run))).toSorted(byHash)).toEqual(sorted)
    })

    test('records of more than 1 MB in total are read page by page', async () => {
      const run = randomUUID()
      const lease = await table.store().acquire(run)
      // Compressed, each has about 20 kB and is stored in one item.
      const records = Array.from({ length: 120 }, (_, index) =>
        recordOf(index, incompressible(26_000, `${index}`)),
      )
      await lease.save([{ key: keyOf('key'), added: records }])
      const page = await lease.read(keyHash, undefined, 1_000)
      expect(page.length).toBeLessThan(120)
      expect(await readRecords(lease, keyHash)).toEqual(records)
      expect(await collect(table.store().records(run, keyHash))).toEqual(records)
    })
  })

  describe('leases', () => {
    test('the error of an older epoch says how to continue after the checkpoint was deleted on purpose', async () => {
      const run = randomUUID()
      const before = await table.store('host-a:1').acquire(run, { epoch: 7 })
      await before.save([{ key: keyOf('key'), added: recordsOf(0, 2) }])
      await expect(table.store().acquire(run, { epoch: 1 })).rejects.toMatchObject({
        code: 'checkpoint.conflict',
        details: { name: run, owner: 'host-a:1' },
        message:
          `The parked keys of "${run}" were acquired by host-a:1 with a checkpoint of the epoch 7, but the ` +
          'checkpoint of this worker has the epoch 1: another worker has acquired it since. If you have deleted the ' +
          `checkpoint on purpose, also delete the item with the name "${run}#parking" and the part "lease" from ` +
          `the table "${table.tableName}"; parked records remain.`,
      })
      await table.delete(`${run}#parking`, 'lease')
      const lease = await table.store().acquire(run, { epoch: 1 })
      expect(await readRecords(lease, keyHash)).toEqual(recordsOf(0, 2))
      await expect(before.save([])).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    })

    test('a worker does not create the lease again if it was deleted from the table', async () => {
      const run = randomUUID()
      const lease = await table.store().acquire(run)
      await table.delete(`${run}#parking`, 'lease')
      const rejection = {
        code: 'checkpoint.conflict',
        message: `The lease of the parked keys of "${run}" was deleted: this worker can no longer save them.`,
      }
      await expect(lease.save([{ key: keyOf('key'), added: [] }])).rejects.toMatchObject(rejection)
      await expect(lease.requests()).rejects.toMatchObject(rejection)
      expect(await table.leftovers(run)).toEqual([])
    })

    test.each([
      ['save() without updates', (lease: ParkingLease) => lease.save([])],
      ['save()', (lease: ParkingLease) => lease.save([{ key: keyOf('key'), added: [] }])],
      ['read()', (lease: ParkingLease) => lease.read(keyHash, undefined, 10)],
      ['requests()', (lease: ParkingLease) => lease.requests()],
      ['complete()', (lease: ParkingLease) => lease.complete({ keyHash, action: 'drop', id: 'unknown' })],
      ['remove()', (lease: ParkingLease) => lease.remove(keyHash)],
      ['remove() of a key that is not parked', (lease: ParkingLease) => lease.remove('0'.repeat(22))],
    ])('a lease that was lost rejects its next call, also if that is %s', async (_, call) => {
      const run = randomUUID()
      await (await table.store().acquire(run)).save([{ key: keyOf('key'), added: recordsOf(0, 2) }])
      const lost = await table.store('lost').acquire(run)
      await table.store('next').acquire(run)
      await expect(call(lost)).rejects.toMatchObject({
        code: 'checkpoint.conflict',
        details: { name: run, owner: 'next' },
      })
    })

    test('two workers that acquire and save in turn, at the same time, never mix their records', async () => {
      const run = randomUUID()
      const accepted: string[] = []
      const work = async (worker: string) => {
        for (let round = 0; round < 15; round++) {
          const lease = await table.store(worker).acquire(run)
          for (let save = 0; save < 3; save++) {
            const note = `${worker} ${round} ${save} `
            const index = Number(lease.keys[0]?.records ?? 0) + save
            const key = keyOf('key', { records: index + 1 })
            const saved = await lease.save([{ key, added: [recordOf(index, note)] }]).then(
              () => true,
              (error) => {
                expect(error).toMatchObject({ code: 'checkpoint.conflict' })
                return false
              },
            )
            if (!saved) break
            accepted[index] = note
          }
        }
      }
      await Promise.all([work('a'), work('b')])
      const last = await table.store('last').acquire(run)
      const records = await readRecords(last, keyHash)
      expect(records).toEqual(accepted.map((note, index) => recordOf(index, note)))
      expect(last.keys[0]?.records).toBe(records.length)
    })

    test('acquiring a lease can be aborted', async () => {
      const { proxy, store } = await table.faultyStore('a', () => ({ do: 'pass', afterMs: 5_000 }))
      await using _ = proxy
      const acquired = store.acquire(randomUUID(), { signal: AbortSignal.timeout(50) })
      await expect(acquired).rejects.toMatchObject({ name: expect.stringMatching(/Abort|Timeout/) })
    })
  })

  test.each([
    ['is empty', ''],
    ['is longer than a key', 'x'.repeat(2_018)],
    ['contains a lone surrogate', '\ud800'],
  ])('the name of a run that %s is rejected before any call', async (_, name) => {
    const client = new DynamoDBClient({ region: 'nowhere' })
    const store = dynamoDBParkingStore({ client, tableName: 'parking' })
    const rejection = {
      code: 'options.invalid',
      message: expect.stringContaining('a well-formed string of 1 to 2017 bytes'),
    }
    await expect(store.acquire(name)).rejects.toMatchObject(rejection)
    await expect(collect(store.list(name))).rejects.toMatchObject(rejection)
    await expect(store.get(name, keyHash)).rejects.toMatchObject(rejection)
    await expect(store.release(name, keyHash)).rejects.toMatchObject(rejection)
  })

  test('a name of 2,017 bytes can be used', async () => {
    const run = `${randomUUID()}${'é'.repeat(990)}x`
    expect(Buffer.byteLength(run)).toBe(2_017)
    const lease = await table.store().acquire(run)
    await lease.save([{ key: keyOf('key'), added: recordsOf(0, 2) }])
    expect(await readRecords(lease, keyHash)).toEqual(recordsOf(0, 2))
  })
})
