import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import type { ParkingLease, ParkingRequest } from '../../../parking/parking-store.ts'
import {
  assertConflict,
  assertKeys,
  assertParked,
  assertRequests,
  assertStored,
  collect,
  keyOf,
  type ParkingBench,
  type ParkingCase,
  positionOf,
  readAll,
  recordsOf,
} from './bench.ts'

/** Every method of a lease except `close`, called for a key that is parked and has a request. */
const CALLS: readonly (readonly [
  string,
  (lease: ParkingLease, request: ParkingRequest) => Promise<unknown>,
])[] = [
  ['save() of a state', async (lease) => lease.save([{ key: keyOf('key', { records: 9 }), added: [] }])],
  [
    'save() of records',
    async (lease) => lease.save([{ key: keyOf('key'), added: recordsOf(3, 5, 'late ') }]),
  ],
  ['save() of another key', async (lease) => lease.save([{ key: keyOf('late'), added: recordsOf(0, 1) }])],
  [
    'save() of finished records',
    async (lease) => lease.save([{ key: keyOf('key', { finished: positionOf(2) }), added: [] }]),
  ],
  ['remove()', async (lease) => lease.remove(keyOf('key').keyHash)],
  ['remove() of another key', async (lease) => lease.remove(keyOf('none').keyHash)],
  ['read()', async (lease) => lease.read(keyOf('key').keyHash, undefined, 10)],
  ['read() at the end', async (lease) => lease.read(keyOf('key').keyHash, positionOf(9), 10)],
  ['read() of another key', async (lease) => lease.read(keyOf('none').keyHash, undefined, 10)],
  ['requests()', async (lease) => lease.requests()],
  ['complete()', async (lease, request) => lease.complete(request)],
]

/** The cases on workers that compete for a name. */
export const fencingCases: readonly ParkingCase[] = [
  [
    'once another worker has acquired the lease, every method of the first rejects and changes nothing',
    async (bench) => {
      const key = keyOf('key', { records: 3, last: positionOf(2) })
      const first = await bench.acquire()
      await first.save([{ key, added: recordsOf(0, 3) }])
      await (await bench.store()).release(bench.name, key.keyHash)
      const [request] = await first.requests()
      assert.ok(request)
      const second = await bench.acquire()
      for (const [what, call] of CALLS) {
        await assertConflict(bench.name, what, () => call(first, request))
        // A rejected call must not take effect later either.
        await assertUnchanged(bench, second, request)
      }
      await first.close()
      await wait(50)
      await assertUnchanged(bench, second, request)
      await second.save([{ key, added: recordsOf(3, 4) }])
      await assertConflict(bench.name, 'save()', async () => first.save([{ key, added: recordsOf(4, 5) }]))
      await assertStored(bench, second, key.keyHash, recordsOf(0, 4))
      await second.remove(key.keyHash)
      await assertConflict(bench.name, 'save()', async () => first.save([{ key, added: recordsOf(4, 5) }]))
      await assertParked(bench, [])
    },
  ],
  [
    'a lease that has been unused until another worker acquires it is lost like any other',
    async (bench) => {
      const [first, second] = [await bench.acquire(), await bench.acquire()]
      const request = { keyHash: keyOf('key').keyHash, action: 'drop', id: 'unknown' } as const
      for (const [what, call] of CALLS) await assertConflict(bench.name, what, () => call(first, request))
      await second.save([{ key: keyOf('key'), added: [] }])
      await assertParked(bench, [keyOf('key')])
    },
  ],
  [
    'of workers that acquire the lease at the same time, one can use it, and the others cannot',
    async (bench) => {
      const seen = new Set<string>()
      for (let round = 0; round < 5; round++) {
        const acquired = await Promise.allSettled(Array.from({ length: 4 }, () => bench.acquire()))
        const leases: ParkingLease[] = []
        for (const result of acquired) {
          // A worker may notice already that another one was later.
          if (result.status === 'fulfilled') leases.push(result.value)
          else await assertConflict(bench.name, 'acquire()', () => Promise.reject(result.reason))
        }
        const key = keyOf(`round ${round}`)
        const results = await Promise.allSettled(
          leases.map(async (lease, index) =>
            lease.save([{ key: { ...key, records: index }, added: recordsOf(0, 2, `${index} `) }]),
          ),
        )
        const winners = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []))
        assert.equal(winners.length, 1, `${winners.length} workers could use the lease.`)
        const [winner = 0] = winners
        for (const [index, lease] of leases.entries()) {
          if (index === winner) await assertStored(bench, lease, key.keyHash, recordsOf(0, 2, `${winner} `))
          else await assertConflict(bench.name, 'requests()', async () => lease.requests())
        }
        seen.add(key.keyHash)
        assert.deepEqual(
          new Set((await collect((await bench.store()).list(bench.name))).map(({ keyHash }) => keyHash)),
          seen,
        )
      }
    },
  ],
  [
    'a save that is in flight while another worker acquires the lease is seen by it, or never takes effect',
    async (bench) => {
      let stored = 0
      for (let round = 1; round <= 10; round++) {
        const first = await bench.acquire()
        const key = keyOf('key', { records: round, last: positionOf(round * 10 - 1) })
        const added = recordsOf(stored, round * 10)
        const [saved, second] = await Promise.all([
          first.save([{ key, added }]).then(
            () => undefined,
            (error: unknown) => ({ error }),
          ),
          bench.acquire(),
        ])
        const found = second.keys.find(({ keyHash }) => keyHash === key.keyHash)
        if (saved === undefined) assertKeys('acquire()', second.keys, [key])
        else await assertConflict(bench.name, 'save()', () => Promise.reject(saved.error))
        if (found?.records === round) stored = round * 10
        await assertStored(bench, second, key.keyHash, recordsOf(0, stored))
        await assertParked(bench, second.keys)
      }
    },
  ],
  [
    'operators disturb neither the lease nor each other, whatever they call',
    async (bench) => {
      const key = keyOf('key')
      const lease = await bench.acquire()
      await lease.save([{ key, added: recordsOf(0, 2) }])
      const operator = await bench.store()
      assertKeys('list()', await collect(operator.list(bench.name)), [key])
      await operator.get(bench.name, key.keyHash)
      await collect(operator.records(bench.name, key.keyHash))
      await operator.release(bench.name, key.keyHash)
      await operator.drop(bench.name, key.keyHash)
      await lease.save([{ key, added: recordsOf(2, 3) }])
      assert.equal((await readAll(lease, key.keyHash)).length, 3)
      await assertRequests(lease, [{ keyHash: key.keyHash, action: 'drop' }])
      await lease.remove(key.keyHash)
    },
  ],
  [
    'acquire() with a smaller epoch than an earlier one rejects, and the present lease stays valid',
    async (bench) => {
      const key = keyOf('key')
      const lease = await bench.acquire(bench.name, 7)
      await lease.save([{ key, added: recordsOf(0, 1) }])
      for (const epoch of [6, 1, 0]) {
        await assertConflict(bench.name, `acquire() with the epoch ${epoch}`, () =>
          bench.acquire(bench.name, epoch),
        )
      }
      await lease.save([{ key, added: recordsOf(1, 2) }])
      await assertStored(bench, lease, key.keyHash, recordsOf(0, 2))
      const other = await bench.acquire(`${bench.name} other`, 1)
      await other.save([{ key, added: [] }])
      await lease.save([{ key, added: recordsOf(2, 3) }])
    },
  ],
  [
    'acquire() accepts an epoch that is equal or greater, or missing, and remembers the greatest one',
    async (bench) => {
      const epochs = [undefined, 3, 3, 4, undefined, 4, 10, 1_000_000, 1_000_001, undefined]
      let previous: ParkingLease | undefined
      for (const epoch of epochs) {
        const lease = await bench.acquire(bench.name, epoch)
        await lease.save([{ key: keyOf('key'), added: [] }])
        if (previous) {
          const { requests } = previous
          await assertConflict(bench.name, 'requests()', async () => requests.call(previous))
        }
        previous = lease
      }
      await assertConflict(bench.name, 'acquire()', () => bench.acquire(bench.name, 1_000_000))
      await assertConflict(bench.name, 'acquire()', () => bench.acquire(bench.name, 9))
      await previous?.save([{ key: keyOf('key'), added: [] }])
    },
  ],
  [
    'acquire() with an aborted signal rejects, and a signal that aborts later does not affect the lease',
    async (bench) => {
      const store = await bench.store()
      const controller = new AbortController()
      const lease = await store.acquire(bench.name, { signal: controller.signal })
      await lease.save([{ key: keyOf('key'), added: [] }])
      controller.abort(new Error('Stopped.'))
      await assert.rejects(async () => store.acquire(bench.name, { signal: controller.signal }))
      await lease.save([{ key: keyOf('key', { records: 2 }), added: recordsOf(0, 2) }])
      await assertStored(bench, lease, keyOf('key').keyHash, recordsOf(0, 2))
    },
  ],
  [
    'close() can be called more than once, and the next worker acquires what was saved',
    async (bench) => {
      const key = keyOf('key')
      const unused = await bench.acquire()
      await unused.close()
      const lease = await bench.acquire()
      await lease.save([{ key, added: recordsOf(0, 1) }])
      await Promise.all([lease.close(), lease.close()])
      await lease.close()
      const next = await assertParked(bench, [key])
      await assertStored(bench, next, key.keyHash, recordsOf(0, 1))
    },
  ],
]

/** Checks the key, the records and the request that the first worker has saved. */
async function assertUnchanged(
  bench: ParkingBench,
  lease: ParkingLease,
  request: ParkingRequest,
): Promise<void> {
  const key = keyOf('key', { records: 3, last: positionOf(2) })
  assertKeys('list()', await collect((await bench.store()).list(bench.name)), [key])
  await assertStored(bench, lease, key.keyHash, recordsOf(0, 3))
  assert.deepEqual(await lease.requests(), [request])
}
