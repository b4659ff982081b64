import assert from 'node:assert/strict'
import type { CheckpointLease, CheckpointLeaseState, CheckpointStore } from '../../checkpoints/store.ts'
import { isStreamError } from '../../core/errors.ts'
import type { StreamToken } from '../../position/token.ts'

const LEASE_MS = 60_000

/** A store whose leases can have a time limit. */
type TimedLeaseStore = CheckpointStore & Required<Pick<CheckpointStore, 'lease' | 'leaseState'>>

/** The cases for stores whose leases can have a time limit, so that standby workers can use them. */
export const TIMED_LEASE_CASES: readonly (readonly [
  title: string,
  check: (createStore: () => Promise<CheckpointStore>, name: string) => Promise<void>,
])[] = [
  [
    'leaseState() of a checkpoint that was never acquired says that it can be acquired',
    async (createStore, name) => {
      const store = await timed(createStore)
      assert.equal((await store.leaseState(name)).leaseMs, 0)
      const lease = await store.lease(name, { leaseMs: LEASE_MS, ifState: await store.leaseState(name) })
      assert.equal(lease.token, undefined)
      assert.ok(Number.isSafeInteger(lease.epoch) && lease.epoch > 0, `the epoch is ${lease.epoch}`)
    },
  ],
  [
    'every save, renewal and release changes the revision of a lease, and reading its state does not',
    async (createStore, name) => {
      const store = await timed(createStore)
      const other = await timed(createStore)
      const revisions: string[] = [(await other.leaseState(name)).revision]
      const note = async (expectedMs: number, epoch: number) => {
        const state = await other.leaseState(name)
        assert.deepEqual([state.leaseMs, state.epoch], [expectedMs, epoch])
        assert.deepEqual(await other.leaseState(name), state)
        revisions.push(state.revision)
      }
      const lease = await store.lease(name, { leaseMs: LEASE_MS })
      await note(LEASE_MS, lease.epoch)
      for (const number of [1, 2]) {
        await lease.save(tokenOf(number))
        await note(LEASE_MS, lease.epoch)
        await renew(lease)
        await note(LEASE_MS, lease.epoch)
      }
      await lease.release()
      await note(0, lease.epoch)
      const next = await other.lease(name, { leaseMs: LEASE_MS, ifState: await other.leaseState(name) })
      await note(LEASE_MS, next.epoch)
      assert.equal(new Set(revisions).size, revisions.length, `revisions repeat: ${revisions.join(', ')}`)
      assert.ok(next.epoch > lease.epoch, `the epoch ${next.epoch} follows ${lease.epoch}`)
      assert.deepEqual(next.token, tokenOf(2))
    },
  ],
  [
    'a lease is acquired in the state that was seen, and not after a save or renewal',
    async (createStore, name) => {
      const holder = await (await timed(createStore)).lease(name, { leaseMs: LEASE_MS })
      const store = await timed(createStore)
      for (const change of [() => holder.save(tokenOf(1)), () => renew(holder)]) {
        const seen = await store.leaseState(name)
        await change()
        await assertConflict(store.lease(name, { leaseMs: LEASE_MS, ifState: seen }), name)
        await holder.save(tokenOf(2))
      }
      const lease = await store.lease(name, { leaseMs: LEASE_MS, ifState: await store.leaseState(name) })
      assert.deepEqual(lease.token, tokenOf(2))
      await assertConflict(renew(holder), name)
      await assertConflict(holder.save(tokenOf(3)), name)
      assert.ok(holder.lost.aborted, 'the lease that was replaced is not lost')
      await lease.save(tokenOf(4))
    },
  ],
  [
    'of several workers that have seen the same state, one acquires the lease',
    async (createStore, name) => {
      for (const isNew of [true, false]) {
        const stores = await Promise.all([timed(createStore), timed(createStore), timed(createStore)])
        const seen: CheckpointLeaseState = await (await timed(createStore)).leaseState(name)
        assert.equal(seen.epoch === 0, isNew)
        const leasing = stores.map((store) => store.lease(name, { leaseMs: LEASE_MS, ifState: seen }))
        const results = await Promise.allSettled(leasing)
        const acquired = results.filter(({ status }) => status === 'fulfilled')
        assert.equal(acquired.length, 1, `${acquired.length} workers have acquired the lease`)
        for (const result of results) {
          if (result.status === 'rejected') await assertConflict(Promise.reject(result.reason), name)
        }
      }
    },
  ],
  [
    'a worker that does not wait takes over a lease with a time limit, and its own lease has none',
    async (createStore, name) => {
      const holder = await (await timed(createStore)).lease(name, { leaseMs: LEASE_MS })
      await renew(holder)
      const store = await timed(createStore)
      const forced = await store.lease(name)
      assert.deepEqual([forced.token, (await store.leaseState(name)).leaseMs], [undefined, undefined])
      await assertConflict(renew(holder), name)
      await forced.save(tokenOf(1))
      assert.equal((await store.leaseState(name)).leaseMs, undefined)
      assert.deepEqual(await (await createStore()).load(name), tokenOf(1))
    },
  ],
  [
    'a lease can be renewed while a save is pending',
    async (createStore, name) => {
      const store = await timed(createStore)
      const lease = await store.lease(name, { leaseMs: LEASE_MS })
      for (const number of [1, 2, 3]) {
        const save = lease.save(tokenOf(number))
        await Promise.all([save, renew(lease), renew(lease)])
      }
      assert.ok(!lease.lost.aborted)
      assert.deepEqual(await store.load(name), tokenOf(3))
    },
  ],
  [
    'a lease that was released is neither renewed nor saved',
    async (createStore, name) => {
      const lease = await (await timed(createStore)).lease(name, { leaseMs: LEASE_MS })
      await lease.save(tokenOf(1))
      await lease.release()
      await lease.release()
      await assert.rejects(renew(lease), (error) => isStreamError(error, 'closed'))
      await assert.rejects(lease.save(tokenOf(2)), (error) => isStreamError(error, 'closed'))
      assert.deepEqual(await (await createStore()).load(name), tokenOf(1))
    },
  ],
]

async function timed(createStore: () => Promise<CheckpointStore>): Promise<TimedLeaseStore> {
  const store = await createStore()
  assert.equal(typeof store.lease, 'function', 'the store has no lease()')
  assert.equal(typeof store.leaseState, 'function', 'the store has no leaseState()')
  return store as TimedLeaseStore
}

async function renew(lease: CheckpointLease): Promise<void> {
  assert.equal(typeof lease.renew, 'function', 'the lease has no renew()')
  await lease.renew?.()
}

async function assertConflict(call: Promise<unknown>, name: string): Promise<void> {
  await assert.rejects(
    call,
    (error) => isStreamError(error, 'checkpoint.conflict') && error.details.name === name,
  )
}

function tokenOf(number: number): StreamToken {
  return {
    version: 1,
    streamArn: 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000',
    shards: [{ shardId: 'shardId-00000001767225600000-00000001', at: { after: String(number) } }],
  }
}
