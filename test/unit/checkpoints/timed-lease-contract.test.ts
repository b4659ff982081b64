import { describe, expect, test } from 'vitest'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import type {
  CheckpointLease,
  CheckpointLeaseOptions,
  CheckpointStore,
} from '../../../src/checkpoints/store.ts'
import { checkpointStoreContract } from '../../../src/testing/contracts/checkpoint-store.ts'
import { FakeTable } from '../../support/fake-table.ts'

type TimedStore = Required<CheckpointStore>

const storeOn = (table: FakeTable): TimedStore =>
  dynamoDBCheckpointStore({ client: table.client(), tableName: 'checkpoints' }) as TimedStore

/** A store whose leases differ. */
function withLease(
  table: FakeTable,
  change: (lease: CheckpointLease, name: string) => Partial<CheckpointLease>,
): CheckpointStore {
  const store = storeOn(table)
  return {
    ...store,
    lease: async (name, options) => {
      const lease = await store.lease(name, options)
      const differences = Object.getOwnPropertyDescriptors(change(lease, name))
      return Object.defineProperties(
        {
          token: lease.token,
          epoch: lease.epoch,
          lost: lease.lost,
          save: (token) => lease.save(token),
          renew: () => lease.renew?.() ?? Promise.resolve(),
          release: () => lease.release(),
        } satisfies CheckpointLease,
        differences,
      )
    },
  }
}

/** A store that acquires leases with other options. */
function withOptions(
  table: FakeTable,
  change: (options: CheckpointLeaseOptions) => CheckpointLeaseOptions,
): CheckpointStore {
  const store = storeOn(table)
  return { ...store, lease: (name, options = {}) => store.lease(name, change(options)) }
}

describe('dynamoDBCheckpointStore', () => {
  const table = new FakeTable()
  const options = { detectsConflicts: true, hasTimedLeases: true }
  for (const { title, run } of checkpointStoreContract(() => storeOn(table), options)) test(title, run)
})

// The flawed stores below differ from this one in one point each.
describe('a store that wraps the leases of dynamoDBCheckpointStore', () => {
  const table = new FakeTable()
  const options = { hasTimedLeases: true }
  for (const { title, run } of checkpointStoreContract(() => withLease(table, () => ({})), options)) {
    test(title, run)
  }
})

describe('checkpointStoreContract with timed leases', () => {
  const flaws: [title: string, create: (table: FakeTable) => CheckpointStore][] = [
    ['has no leaseState', (table) => ({ ...storeOn(table), leaseState: undefined }) as never],
    ['ignores ifState', (table) => withOptions(table, ({ ifState: _, ...options }) => options)],
    ['ignores leaseMs', (table) => withOptions(table, ({ leaseMs: _, ...options }) => options)],
    ['does not renew', (table) => withLease(table, () => ({ renew: async () => {} }))],
    ['does not release', (table) => withLease(table, () => ({ release: async () => {} }))],
    ['has no renew', (table) => withLease(table, () => ({ renew: undefined }) as never)],
    ['repeats its epochs', (table) => withLease(table, () => ({ epoch: 1 }))],
    ['never aborts the signal', (table) => withLease(table, () => ({ lost: new AbortController().signal }))],
    ['acquires without the token', (table) => withLease(table, () => ({ token: undefined }))],
    [
      'saves through another lease',
      (table) =>
        withLease(table, (_, name) => ({
          save: async (token) => (await storeOn(table).lease(name, { leaseMs: 60_000 })).save(token),
        })),
    ],
    [
      'returns one revision for all states',
      (table) => {
        const store = storeOn(table)
        const leaseState: TimedStore['leaseState'] = async (name, options) => ({
          ...(await store.leaseState(name, options)),
          revision: 'constant',
        })
        return { ...store, leaseState }
      },
    ],
    [
      'changes the revision with each read',
      (table) => {
        const store = storeOn(table)
        let reads = 0
        const leaseState: TimedStore['leaseState'] = async (name, options) => {
          const state = await store.leaseState(name, options)
          return { ...state, revision: `${state.revision} ${reads++}` }
        }
        return { ...store, leaseState }
      },
    ],
  ]

  test.each(flaws)('the contract fails for a checkpoint store that %s', async (_, create) => {
    const table = new FakeTable()
    const cases = checkpointStoreContract(() => create(table), { hasTimedLeases: true })
    const failed: string[] = []
    for (const { title, run } of cases) {
      if (/leas|state/i.test(title)) await run().catch(() => failed.push(title))
    }
    expect(failed).not.toHaveLength(0)
  })
})
