import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { inspect, isDeepStrictEqual } from 'node:util'
import type { CheckpointStore } from '../../checkpoints/store.ts'
import { isStreamError } from '../../core/errors.ts'
import { checkNames } from '../../core/options.ts'
import type { StreamToken } from '../../position/token.ts'

export interface CheckpointStoreContractOptions {
  /**
   * Whether the store tells that another worker has taken a name over (`checkpoint.conflict`).
   * @default false
   */
  readonly detectsConflicts?: boolean | undefined
}

export interface ContractCase {
  /** A sentence about what a store does. */
  readonly title: string
  /** Rejects with an `AssertionError` when the store does not. */
  run(): Promise<void>
}

/** Gives a store on the same storage at each call, as a worker does that starts again. */
export type MakeCheckpointStore = () => CheckpointStore | Promise<CheckpointStore>

/**
 * What every checkpoint store must do, as cases for any test runner. Each uses names of its own, so that they may run
 * on one storage, also side by side.
 *
 * ```ts
 * for (const { title, run } of checkpointStoreContract(() => redisCheckpointStore(client))) test(title, run)
 * ```
 */
export function checkpointStoreContract(
  makeStore: MakeCheckpointStore,
  options: CheckpointStoreContractOptions = {},
): readonly ContractCase[] {
  checkNames('', options, ['detectsConflicts'])
  const cases = options.detectsConflicts ? [...COMMON_CASES, ...CONFLICT_CASES] : COMMON_CASES
  return cases.map(([title, check]) => ({ title, run: () => check(async () => makeStore(), randomUUID()) }))
}

type Case = readonly [
  title: string,
  check: (makeStore: () => Promise<CheckpointStore>, name: string) => Promise<void>,
]

const COMMON_CASES: readonly Case[] = [
  [
    'there is no checkpoint under a name that was never saved',
    async (makeStore, name) => {
      const store = await makeStore()
      assert.equal(await store.load(name), undefined)
      assert.equal(await store.load(`__proto__ ${name}`), undefined)
    },
  ],
  [
    'a checkpoint comes back as it was saved, also after a restart',
    async (makeStore, name) => {
      const store = await makeStore()
      await store.load(name)
      await store.save(name, tokenOf(3))
      assertLoaded(await store.load(name), tokenOf(3))
      assertLoaded(await (await makeStore()).load(name), tokenOf(3))
    },
  ],
  [
    'a checkpoint can be saved without having been loaded before',
    async (makeStore, name) => {
      await (await makeStore()).save(name, tokenOf(1))
      assertLoaded(await (await makeStore()).load(name), tokenOf(1))
    },
  ],
  [
    'the checkpoint saved last counts, whatever the sizes of those before',
    async (makeStore, name) => {
      const store = await makeStore()
      await store.load(name)
      for (const size of [5, 2_000, 0, 1]) await store.save(name, tokenOf(size))
      assertLoaded(await (await makeStore()).load(name), tokenOf(1))
    },
  ],
  [
    'a restarted worker goes on saving',
    async (makeStore, name) => {
      for (const size of [1, 2, 3]) {
        const store = await makeStore()
        assertLoaded(await store.load(name), size === 1 ? undefined : tokenOf(size - 1))
        await store.save(name, tokenOf(size))
      }
    },
  ],
  [
    'names are kept apart, whatever characters they have',
    async (makeStore, name) => {
      const store = await makeStore()
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
    'fields that the store does not know come back too',
    async (makeStore, name) => {
      const token = { ...tokenOf(1), pending: [{ shardId: 'a', after: null, parts: ['é', '\u0000', '"'] }] }
      await (await makeStore()).save(name, token)
      assertLoaded(await (await makeStore()).load(name), token)
    },
  ],
  [
    'what was saved does not change with the object that was given or got',
    async (makeStore, name) => {
      const store = await makeStore()
      const given = { ...tokenOf(0), note: 'saved' }
      await store.save(name, given)
      given.note = 'changed'
      const got = await store.load(name)
      assertLoaded(got, { ...tokenOf(0), note: 'saved' })
      Object.assign(got as object, { note: 'changed' })
      assertLoaded(await store.load(name), { ...tokenOf(0), note: 'saved' })
    },
  ],
  [
    'a checkpoint of 10,000 shards fits, and can be replaced by another one',
    async (makeStore, name) => {
      const store = await makeStore()
      await store.load(name)
      await store.save(name, tokenOf(10_000))
      assertLoaded(await store.load(name), tokenOf(10_000))
      await store.save(name, tokenOf(9_999))
      assertLoaded(await (await makeStore()).load(name), tokenOf(9_999))
    },
  ],
]

/** Without the difference: to compute it takes assert of Node 22 and 24 minutes where one of the tokens is large. */
function assertLoaded(loaded: unknown, expected: unknown, name?: string): void {
  if (isDeepStrictEqual(loaded, expected)) return
  const where = name === undefined ? '' : ` under the name ${JSON.stringify(name)}`
  assert.fail(`${shown(loaded)} was loaded${where} instead of ${shown(expected)}`)
}

function shown(token: unknown): string {
  const text = inspect(token, { depth: 5, maxArrayLength: 3, breakLength: Number.POSITIVE_INFINITY })
  return text.length > 500 ? `${text.slice(0, 500)}…` : text
}

const CONFLICT_CASES: readonly Case[] = [
  [
    'the worker that loaded last takes over, and the former one gets checkpoint.conflict',
    async (makeStore, name) => {
      const former = await makeStore()
      await former.load(name)
      await former.save(name, tokenOf(1))
      const latter = await makeStore()
      assertLoaded(await latter.load(name), tokenOf(1))
      await assertConflict(former.save(name, tokenOf(2)), name)
      await latter.save(name, tokenOf(3))
      await assertConflict(former.save(name, tokenOf(4)), name)
      await latter.save(name, tokenOf(5))
      assertLoaded(await (await makeStore()).load(name), tokenOf(5))
    },
  ],
  [
    'of two workers that start on a new name at once, one goes on',
    async (makeStore, name) => {
      const workers = await Promise.all([makeStore(), makeStore()])
      await Promise.all(workers.map((store) => store.load(name)))
      const results = await Promise.allSettled(workers.map((store) => store.save(name, tokenOf(1))))
      assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
      for (const result of results) {
        if (result.status === 'rejected') await assertConflict(Promise.reject(result.reason), name)
      }
    },
  ],
  [
    'a worker that did not load does not overwrite what is there',
    async (makeStore, name) => {
      await (await makeStore()).save(name, tokenOf(1))
      await assertConflict((await makeStore()).save(name, tokenOf(2)), name)
      assertLoaded(await (await makeStore()).load(name), tokenOf(1))
    },
  ],
]

async function assertConflict(save: Promise<void>, name: string): Promise<void> {
  await assert.rejects(
    save,
    (error) => isStreamError(error, 'checkpoint.conflict') && error.details.name === name,
  )
}

/** A token of so many shards, with ids and numbers that are as hard to compress as the real ones. */
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
