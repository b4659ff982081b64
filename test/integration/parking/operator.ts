import { setTimeout as wait } from 'node:timers/promises'
import { isServiceError } from '../../../src/checkpoints/dynamodb-table.ts'
import type { ParkedKey, ParkingStore } from '../../../src/index.ts'
import { below } from '../../../src/testing/emulator/state/random.ts'
import { CHECKPOINT_NAME } from '../processing/worker-log.ts'
import type { BrokenItems } from './broken-items.ts'
import type { Effects } from './effects.ts'

/** How many items are broken at a time. */
const MAX_BROKEN = 3

/** How many effects of other items there must be before a key is released. */
const OTHER_EFFECTS = 20

/** If there are fewer of them for this long, the other items are blocked. Not a measure of speed. */
const PATIENCE_MS = 120_000

export interface OperatorOptions {
  readonly store: ParkingStore
  readonly broken: BrokenItems
  /** The items that break for a while. Keys of others are parked now and then, because of the kills. */
  readonly items: readonly string[]
  /** The item whose key is not released. */
  readonly spared: string
  readonly effects: Effects
  readonly random: () => number
  /** Returns the id of the item of a record. */
  idOf(n: number): string
}

/** Breaks items, and sometimes repairs them; requests releases and drops while workers run and die. */
export interface Operator {
  /** Rejects when other items make no progress while one is parked, or when a call of the store fails. */
  readonly failed: Promise<never>
  /** The number of releases and drops that were requested. */
  readonly requested: { readonly release: number; readonly drop: number }
  /** Requests nothing any more. */
  stop(): Promise<void>
}

export function startOperator(options: OperatorOptions): Operator {
  const { store, broken, items, spared, effects, random, idOf } = options
  const requested = { release: 0, drop: 0 }
  /** When each key was seen for the first time while it was parked, and how many effects there were then. */
  const seen = new Map<string, { readonly at: number; readonly effects: number }>()
  let isStopped = false

  const request = async (action: 'release' | 'drop', { keyHash }: ParkedKey) => {
    if (await store[action](CHECKPOINT_NAME, keyHash)) requested[action]++
  }
  /** Whether other items have made progress since the key was seen. */
  const haveOthersProgressed = (id: string) => {
    const all = effects.all()
    const { at, effects: before } = seen.get(id) ?? { at: performance.now(), effects: all.length }
    seen.set(id, { at, effects: before })
    const others = all.slice(before).filter(({ n }) => idOf(n) !== id)
    if (others.length >= OTHER_EFFECTS) return true
    if (performance.now() <= at + PATIENCE_MS) return false
    throw new Error(`While ${id} was parked, the other items have made no progress.`)
  }
  const attend = async (key: ParkedKey) => {
    const id = idOfKey(key)
    if (id === spared) return
    if (key.state === 'releasing') {
      if (below(random, 20) === 0) await request('drop', key)
      else if (items.includes(id) && below(random, 10) === 0) broken.add(id)
      return
    }
    if (items.includes(id) && !haveOthersProgressed(id)) return
    seen.delete(id)
    if (below(random, 5) > 0) broken.delete(id)
    await request((requested.release + requested.drop) % 5 === 2 ? 'drop' : 'release', key)
  }
  const list = async () => {
    const keys: ParkedKey[] = []
    try {
      for await (const key of store.list(CHECKPOINT_NAME)) keys.push(key)
    } catch (error) {
      // The first worker creates the table.
      if (!isServiceError(error, 'ResourceNotFoundException')) throw error
    }
    return keys
  }
  const work = async () => {
    while (!isStopped) {
      const countBroken = items.filter((id) => broken.has(id)).length
      if (countBroken < MAX_BROKEN) broken.add(items[below(random, items.length)] as string)
      for (const key of await list()) await attend(key)
      await wait(100 + below(random, 200))
    }
  }
  const ended = work()
  const failed = ended.then(() => new Promise<never>(() => {}))
  failed.catch(() => {})
  return {
    failed,
    requested,
    async stop() {
      isStopped = true
      await ended
    },
  }
}

/** Requests that all keys are released. Returns how many are parked. */
export async function releaseAll(store: ParkingStore): Promise<number> {
  let keys = 0
  for await (const { keyHash } of store.list(CHECKPOINT_NAME)) {
    keys++
    await store.release(CHECKPOINT_NAME, keyHash)
  }
  return keys
}

/** Returns the id of the item of a parked key. */
function idOfKey({ key }: ParkedKey): string {
  return (JSON.parse(key) as { id: { S: string } }).id.S
}
