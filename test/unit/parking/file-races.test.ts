import { describe, expect, test } from 'vitest'
import type { ParkingStore } from '../../../src/index.ts'
import type { DurableFiles } from '../../../src/parking/durable-files.ts'
import { createFileStore } from '../../../src/parking/file-store.ts'
import { keyOf, NAME, record, recordsOf, storeOn } from './file-fixture.ts'
import { readModel } from './parking-model.ts'
import { Killed, SimulatedDisk } from './simulated-disk.ts'

const { keyHash: A } = keyOf('a', 0)
const LIMITS = { bytes: 400, records: 3 }

async function collect<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const collected: Value[] = []
  for await (const value of values) collected.push(value)
  return collected
}

async function ticks(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await null
}

describe('operators of a file parking store', () => {
  const calls: [title: string, call: (store: ParkingStore) => Promise<unknown>, expected: unknown][] = [
    ['list()', (store) => collect(store.list(NAME)), ['a', 'b', 'c'].map((label) => keyOf(label, 7))],
    ['get()', (store) => store.get(NAME, A), keyOf('a', 7)],
    ['records()', (store) => collect(store.records(NAME, A)), recordsOf(0, 8)],
    ['release()', (store) => store.release(NAME, A), true],
    ['drop() of another key', (store) => store.drop(NAME, 'none'), false],
  ]

  test.each(calls)(
    '%s of a file parking store works while workers acquire the lease, however they overlap',
    async (title, call, expected) => {
      for (let delay = 0; delay < 40; delay++) {
        const disk = new SimulatedDisk()
        const lease = await storeOn(disk).acquire(NAME)
        const keys = ['a', 'b', 'c'].map((label) => keyOf(label, 7))
        await lease.save(keys.map((key) => ({ key, added: recordsOf(0, 8) })))
        const acquire = async () => {
          await ticks(delay)
          await storeOn(disk).acquire(NAME)
          await ticks(delay)
          return storeOn(disk).acquire(NAME)
        }
        const [next, result] = await Promise.all([acquire(), call(storeOn(disk))])
        expect(result).toEqual(expected)
        expect(await next.requests()).toHaveLength(title === 'release()' ? 1 : 0)
      }
    },
  )

  /** A store whose listings of the run's folder are changed. */
  function storeWithListings(
    disk: SimulatedDisk,
    change: (names: readonly string[]) => readonly string[],
  ): ParkingStore {
    const files = disk.files()
    const changed: DurableFiles = {
      ...files,
      list: async (folder) => {
        const names = await files.list(folder)
        return folder.endsWith('.parked') ? change(names) : names
      },
    }
    return createFileStore('/parking', changed, LIMITS)
  }

  test('a listing that shows the folder of the lease under its former name, too, does not mislead', async () => {
    const disk = new SimulatedDisk()
    const lease = await storeOn(disk).acquire(NAME, { epoch: 5 })
    await lease.save([{ key: keyOf('a', 7), added: recordsOf(0, 8) }])
    const former = ['lease-0-none-0123456789abcdef', 'lease-00-9-0123456789abcdef']
    for (const order of [(names: string[]) => names, (names: string[]) => names.reverse()]) {
      const store = storeWithListings(disk, (names) => order([...names, ...former]))
      expect(await store.get(NAME, A)).toEqual(keyOf('a', 7))
      const next = await store.acquire(NAME, { epoch: 5 })
      expect(next.keys).toEqual([keyOf('a', 7)])
    }
  })

  test('a listing that does not show the folder of the lease is repeated', async () => {
    const disk = new SimulatedDisk()
    const lease = await storeOn(disk).acquire(NAME)
    await lease.save([{ key: keyOf('a', 7), added: recordsOf(0, 8) }])
    let listings = 0
    const store = storeWithListings(disk, (names) => (listings++ % 2 === 0 ? [] : names))
    expect(await store.get(NAME, A)).toEqual(keyOf('a', 7))
    expect((await store.acquire(NAME)).keys).toEqual([keyOf('a', 7)])
  })
})

describe('a file parking store after failures', () => {
  test('the epoch of a lease of files survives a power failure', async () => {
    const disk = new SimulatedDisk()
    const lease = await storeOn(disk).acquire(NAME, { epoch: 5 })
    disk.failPower()
    await expect(storeOn(disk).acquire(NAME, { epoch: 4 })).rejects.toMatchObject({
      code: 'checkpoint.conflict',
    })
    await lease.requests()
  })

  /** Returns the number of the last operation of this kind when the calls are made without faults. */
  async function numberOf(operation: string, calls: (store: ParkingStore) => Promise<void>): Promise<number> {
    const disk = new SimulatedDisk()
    await calls(storeOn(disk))
    return disk.log.findLastIndex((line) => line.includes(operation))
  }

  test('what a rejected save has committed to files is not overwritten by a repeated call that is killed', async () => {
    const [first, second, repeated] = [
      { key: keyOf('a', 4), added: recordsOf(0, 5) },
      { key: keyOf('a', 6), added: recordsOf(5, 7) },
      // The first of the records has been finished since.
      { key: keyOf('a', 7, { finished: record(5).position }), added: recordsOf(5, 8) },
    ]
    const at = await numberOf('replace', async (store) => {
      const lease = await store.acquire(NAME)
      await lease.save([first])
      await lease.save([second])
    })
    let outcome: unknown
    for (let kill = at + 1; outcome !== 'saved'; kill++) {
      const disk = new SimulatedDisk()
      const lease = await storeOn(disk, [
        { at, kind: 'error', when: 'after' },
        { at: kill, kind: 'kill', when: 'after' },
      ]).acquire(NAME)
      await lease.save([first])
      await expect(lease.save([second])).rejects.toMatchObject({ code: 'EIO' })
      outcome = await lease.save([repeated]).then(
        () => 'saved',
        (error: unknown) => error,
      )
      const { model } = await readModel(storeOn(disk), NAME)
      const { key, records } = model.get(A) ?? {}
      if (key?.finished === undefined) expect(records).toEqual(recordsOf(0, 7))
      else expect(records).toEqual(recordsOf(6, 8))
      if (outcome !== 'saved') expect(outcome).toBeInstanceOf(Killed)
    }
  })

  test('records of a key whose removal from files was rejected, but has happened, do not appear again', async () => {
    const park = async (store: ParkingStore) => {
      const lease = await store.acquire(NAME)
      await lease.save([{ key: keyOf('a', 1), added: recordsOf(0, 2) }])
      return lease
    }
    const at = await numberOf('remove keys', async (store) => (await park(store)).remove(A))
    const disk = new SimulatedDisk()
    const store = storeOn(disk, [{ at, kind: 'error', when: 'after' }])
    const lease = await park(store)
    await expect(lease.remove(A)).rejects.toMatchObject({ code: 'EIO' })
    expect(await store.get(NAME, A)).toBeUndefined()
    await lease.save([{ key: keyOf('a', 2), added: recordsOf(2, 3) }])
    expect(await collect(store.records(NAME, A))).toEqual(recordsOf(2, 3))
  })
})
