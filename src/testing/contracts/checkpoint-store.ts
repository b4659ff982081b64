import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { inspect, isDeepStrictEqual } from 'node:util'
import type { CheckpointStore } from '../../checkpoints/store.ts'
import { isStreamError } from '../../core/errors.ts'
import type { StreamToken } from '../../position/token.ts'
import { aBoolean, aFunction, checkOptions } from '../options/check-options.ts'
import { TIMED_LEASE_CASES } from './timed-lease-cases.ts'

/** Options of {@link checkpointStoreContract}. */
export interface CheckpointStoreContractOptions {
  /**
   * Whether `save` of the store fails with `checkpoint.conflict` after another worker has taken over the
   * checkpoint. Adds the cases that check this.
   * @default false
   */
  readonly detectsConflicts?: boolean | undefined
  /**
   * Whether the store provides `leaseState` and leases with a time limit, so that standby workers can use it.
   * Adds the cases that check this.
   * @default false
   */
  readonly hasTimedLeases?: boolean | undefined
}

/** One case of a contract, to be run by a test runner. */
export interface ContractCase {
  /** What the implementation must do, as a full sentence. */
  readonly title: string
  /** Runs the case. Rejects with an `AssertionError` if the implementation fails it. */
  run(): Promise<void>
}

/** Creates a store. All stores must use the same storage, as those of a restarted worker do. */
export type CreateCheckpointStore = () => CheckpointStore | Promise<CheckpointStore>

/**
 * Returns the contract of a checkpoint store as cases for any test runner. Each case uses unique checkpoint
 * names, so that all cases can run on the same storage, even concurrently.
 *
 * @example
 * for (const { title, run } of checkpointStoreContract(() => redisCheckpointStore(client))) test(title, run)
 * @throws StreamError `options.invalid` for an invalid argument.
 */
export function checkpointStoreContract(
  createStore: CreateCheckpointStore,
  options: CheckpointStoreContractOptions = {},
): readonly ContractCase[] {
  aFunction('createStore', createStore)
  checkOptions('', options, { detectsConflicts: aBoolean, hasTimedLeases: aBoolean })
  const cases = [
    ...COMMON_CASES,
    ...(options.detectsConflicts ? CONFLICT_CASES : []),
    ...(options.hasTimedLeases ? TIMED_LEASE_CASES : []),
  ]
  return cases.map(([title, check]) => ({ title, run: () => check(async () => createStore(), randomUUID()) }))
}

type Case = readonly [
  title: string,
  check: (createStore: () => Promise<CheckpointStore>, name: string) => Promise<void>,
]

const COMMON_CASES: readonly Case[] = [
  [
    'load() returns undefined for a name that was never saved',
    async (createStore, name) => {
      const store = await createStore()
      assert.equal(await store.load(name), undefined)
      assert.equal(await store.load(`__proto__ ${name}`), undefined)
    },
  ],
  [
    'a saved checkpoint is loaded unchanged, even after a restart',
    async (createStore, name) => {
      const store = await createStore()
      await store.load(name)
      await store.save(name, tokenOf(3))
      assertLoaded(await store.load(name), tokenOf(3))
      assertLoaded(await (await createStore()).load(name), tokenOf(3))
    },
  ],
  [
    'a checkpoint can be saved without a preceding load()',
    async (createStore, name) => {
      await (await createStore()).save(name, tokenOf(1))
      assertLoaded(await (await createStore()).load(name), tokenOf(1))
    },
  ],
  [
    'load() returns the checkpoint that was saved last, whatever the sizes of the earlier ones',
    async (createStore, name) => {
      const store = await createStore()
      await store.load(name)
      for (const size of [5, 2_000, 0, 1]) await store.save(name, tokenOf(size))
      assertLoaded(await (await createStore()).load(name), tokenOf(1))
    },
  ],
  [
    'a restarted worker can load and save the checkpoint again',
    async (createStore, name) => {
      for (const size of [1, 2, 3]) {
        const store = await createStore()
        assertLoaded(await store.load(name), size === 1 ? undefined : tokenOf(size - 1))
        await store.save(name, tokenOf(size))
      }
    },
  ],
  [
    'checkpoints under different names are independent, whatever characters the names contain',
    async (createStore, name) => {
      const store = await createStore()
      const names = [
        'a',
        'A',
        'a/b',
        '../a',
        'a%2fb',
        'a.json',
        '.a',
        'a b',
        'é',
        '*',
        `${'x'.repeat(300)}1`,
        `${'x'.repeat(300)}2`,
      ]
      for (const [index, part] of names.entries()) await store.save(`${part}${name}`, tokenOf(index))
      for (const [index, part] of names.entries()) {
        assertLoaded(await store.load(`${part}${name}`), tokenOf(index), part)
      }
    },
  ],
  [
    'fields that are unknown to the store are saved and loaded',
    async (createStore, name) => {
      const token = { ...tokenOf(1), pending: [{ shardId: 'a', after: null, parts: ['é', '\u0000', '"'] }] }
      await (await createStore()).save(name, token)
      assertLoaded(await (await createStore()).load(name), token)
    },
  ],
  [
    'changing a saved or loaded token object does not change the stored checkpoint',
    async (createStore, name) => {
      const store = await createStore()
      const saved = { ...tokenOf(0), note: 'saved' }
      await store.save(name, saved)
      saved.note = 'changed'
      const loaded = await store.load(name)
      assertLoaded(loaded, { ...tokenOf(0), note: 'saved' })
      Object.assign(loaded as object, { note: 'changed' })
      assertLoaded(await store.load(name), { ...tokenOf(0), note: 'saved' })
    },
  ],
  [
    'a checkpoint of 10,000 shards can be saved, loaded and replaced',
    async (createStore, name) => {
      const store = await createStore()
      await store.load(name)
      await store.save(name, tokenOf(10_000))
      assertLoaded(await store.load(name), tokenOf(10_000))
      await store.save(name, tokenOf(9_999))
      assertLoaded(await (await createStore()).load(name), tokenOf(9_999))
    },
  ],
]

/**
 * Compares tokens without `assert.deepEqual`, which in Node 22 and 24 spends minutes on the difference if one
 * of them is large.
 */
function assertLoaded(loaded: unknown, expected: unknown, name?: string): void {
  if (isDeepStrictEqual(loaded, expected)) return
  const where = name === undefined ? '' : ` for the name ${JSON.stringify(name)}`
  assert.fail(`load()${where} returned ${show(loaded)} instead of ${show(expected)}`)
}

function show(token: unknown): string {
  const text = inspect(token, { depth: 5, maxArrayLength: 3, breakLength: Number.POSITIVE_INFINITY })
  return text.length > 500 ? `${text.slice(0, 500)}…` : text
}

const CONFLICT_CASES: readonly Case[] = [
  [
    'the worker that loaded last takes over, and save() of the previous one fails with checkpoint.conflict',
    async (createStore, name) => {
      const previous = await createStore()
      await previous.load(name)
      await previous.save(name, tokenOf(1))
      const next = await createStore()
      assertLoaded(await next.load(name), tokenOf(1))
      await assertConflict(previous.save(name, tokenOf(2)), name)
      await next.save(name, tokenOf(3))
      await assertConflict(previous.save(name, tokenOf(4)), name)
      await next.save(name, tokenOf(5))
      assertLoaded(await (await createStore()).load(name), tokenOf(5))
    },
  ],
  [
    'if two workers start with a new name at the same time, only one of them can save',
    async (createStore, name) => {
      const workers = await Promise.all([createStore(), createStore()])
      await Promise.all(workers.map((store) => store.load(name)))
      const results = await Promise.allSettled(workers.map((store) => store.save(name, tokenOf(1))))
      assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
      for (const result of results) {
        if (result.status === 'rejected') await assertConflict(Promise.reject(result.reason), name)
      }
    },
  ],
  [
    'save() without a preceding load() does not overwrite an existing checkpoint',
    async (createStore, name) => {
      await (await createStore()).save(name, tokenOf(1))
      await assertConflict((await createStore()).save(name, tokenOf(2)), name)
      assertLoaded(await (await createStore()).load(name), tokenOf(1))
    },
  ],
]

async function assertConflict(save: Promise<void>, name: string): Promise<void> {
  await assert.rejects(
    save,
    (error) => isStreamError(error, 'checkpoint.conflict') && error.details.name === name,
  )
}

/** Creates a token with `shardCount` shards, whose ids and numbers are as hard to compress as real ones. */
function tokenOf(shardCount: number): StreamToken {
  const digits = (seed: number, count: number) => {
    let state = seed + 1
    let text = ''
    while (text.length < count) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      text += String(state % 100_000).padStart(5, '0')
    }
    return text.slice(0, count)
  }
  return {
    version: 1,
    streamArn: 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000',
    shards: Array.from({ length: shardCount }, (_, index) => ({
      shardId: `shardId-0000000${1_767_225_600_000 + index}-${digits(index, 8)}`,
      parentId: `shardId-0000000${1_767_211_200_000 + index}-${digits(index + 1e6, 8)}`,
      at: { after: digits(index + 2e6, 30) },
    })),
  }
}
