import { isDeepStrictEqual } from 'node:util'
import type {
  ParkedKey,
  ParkedKeyUpdate,
  ParkedRecord,
  ParkingLease,
  ParkingRequest,
  ParkingStore,
} from '../../../src/index.ts'
import { retry } from './file-fixture.ts'

/** What a store must contain of one key. */
export interface ModelKey {
  readonly key: ParkedKey
  /** Those that are not finished. */
  readonly records: readonly ParkedRecord[]
  readonly request: ParkingRequest['action'] | undefined
}

/** What a store must contain, by hash. */
export type Model = ReadonlyMap<string, ModelKey>

/** One call of the worker or of an operator. */
export type Step =
  | { readonly do: 'save'; readonly updates: readonly ParkedKeyUpdate[] }
  | { readonly do: 'remove'; readonly keyHash: string }
  | { readonly do: 'request'; readonly keyHash: string; readonly action: ParkingRequest['action'] }
  | { readonly do: 'complete'; readonly keyHash: string }
  | { readonly do: 'acquire' }

/** Returns what the store must contain after a step. */
export function applyStep(model: Model, step: Step): Model {
  const next = new Map(model)
  if (step.do === 'save') {
    for (const { key, added } of step.updates) {
      const before = next.get(key.keyHash)
      const records = [...(before?.records ?? []), ...added].filter(
        ({ position }) => position > (key.finished ?? ''),
      )
      const byPosition = new Map(records.map((record) => [record.position, record]))
      const sorted = [...byPosition.values()].sort((one, other) => (one.position < other.position ? -1 : 1))
      next.set(key.keyHash, { key, records: sorted, request: before?.request })
    }
  }
  if (step.do === 'remove') next.delete(step.keyHash)
  const found = step.do === 'request' || step.do === 'complete' ? next.get(step.keyHash) : undefined
  if (found && step.do === 'request') next.set(step.keyHash, { ...found, request: step.action })
  if (found && step.do === 'complete') next.set(step.keyHash, { ...found, request: undefined })
  return next
}

/** Makes the calls of a step. Returns the lease that is valid afterwards. */
export async function takeStep(
  store: ParkingStore,
  name: string,
  lease: ParkingLease,
  step: Step,
): Promise<ParkingLease> {
  switch (step.do) {
    case 'save':
      await lease.save(step.updates)
      return lease
    case 'remove':
      await lease.remove(step.keyHash)
      return lease
    case 'request':
      await store[step.action === 'drop' ? 'drop' : 'release'](name, step.keyHash)
      return lease
    case 'complete': {
      const requests = await lease.requests()
      const request = requests.find(({ keyHash }) => keyHash === step.keyHash)
      // As a worker does: a call that fails is repeated with its request, which may not be listed any more.
      if (request) await retry(() => lease.complete(request))
      return lease
    }
    case 'acquire':
      return store.acquire(name)
  }
}

/** Returns what a reader, and then the next worker, find in the store. Throws if they differ. */
export async function readModel(
  store: ParkingStore,
  name: string,
): Promise<{ readonly model: Model; readonly lease: ParkingLease }> {
  const listed: ParkedKey[] = []
  for await (const key of store.list(name)) listed.push(key)
  const read = new Map<string, ParkedRecord[]>()
  for (const { keyHash } of listed) {
    const records: ParkedRecord[] = []
    for await (const record of store.records(name, keyHash)) records.push(record)
    read.set(keyHash, records)
  }
  const lease = await store.acquire(name)
  const requests = await lease.requests()
  const byHash = (one: ParkedKey, other: ParkedKey) => (one.keyHash < other.keyHash ? -1 : 1)
  assertSame('keys', lease.keys.toSorted(byHash), listed.toSorted(byHash))
  const model = new Map<string, ModelKey>()
  for (const key of lease.keys) {
    const records = await readPages(lease, key.keyHash)
    assertSame('records', records, read.get(key.keyHash))
    const request = requests.find(({ keyHash }) => keyHash === key.keyHash)?.action
    model.set(key.keyHash, { key, records, request })
  }
  return { model, lease }
}

async function readPages(lease: ParkingLease, keyHash: string): Promise<ParkedRecord[]> {
  const records: ParkedRecord[] = []
  for (;;) {
    const page = await lease.read(keyHash, records.at(-1)?.position, 2)
    if (page.length === 0) return records
    records.push(...page)
  }
}

/** Checks that each key is as before a step or as after it: an update is complete or has no effect. */
export function assertEither(found: Model, before: Model, after: Model): void {
  for (const keyHash of new Set([...found.keys(), ...before.keys(), ...after.keys()])) {
    const isAllowed = [before, after].some((model) =>
      isDeepStrictEqual(found.get(keyHash), model.get(keyHash)),
    )
    if (isAllowed) continue
    const expected = { before: before.get(keyHash), after: after.get(keyHash) }
    throw new Error(
      `The key ${keyHash} is ${JSON.stringify(found.get(keyHash))}, expected ${JSON.stringify(expected)}.`,
    )
  }
}

function assertSame(what: string, found: unknown, listed: unknown): void {
  if (isDeepStrictEqual(found, listed)) return
  throw new Error(`The worker has the ${what} ${JSON.stringify(found)}, readers ${JSON.stringify(listed)}.`)
}
