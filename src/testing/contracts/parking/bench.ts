import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { inspect, isDeepStrictEqual } from 'node:util'
import { isStreamError } from '../../../core/errors.ts'
import type {
  ParkedKey,
  ParkedRecord,
  ParkingLease,
  ParkingRequest,
  ParkingStore,
} from '../../../parking/parking-store.ts'

/** Creates a parking store. All stores must use the same storage, as those of several processes do. */
export type CreateParkingStore = () => ParkingStore | Promise<ParkingStore>

/** A case of the contract. */
export type ParkingCase = readonly [title: string, check: (bench: ParkingBench) => Promise<void>]

const PARKED_AT = Date.UTC(2026, 0, 2, 3, 4, 5)

/** The stores of one case, and the keys and records that it parks. */
export class ParkingBench {
  /** A name that no other case uses. */
  readonly name: string = randomUUID()
  readonly #createStore: CreateParkingStore

  constructor(createStore: CreateParkingStore) {
    this.#createStore = createStore
  }

  /** Creates another store, as another process would. */
  async store(): Promise<ParkingStore> {
    return this.#createStore()
  }

  /** Acquires the lease with a store of its own, as a worker that starts does. */
  async acquire(name: string = this.name, epoch?: number): Promise<ParkingLease> {
    return (await this.store()).acquire(name, epoch === undefined ? undefined : { epoch })
  }
}

/** Returns a hash as long as those of real keys: 22 characters of base64url. */
export function hashOf(label: string): string {
  return createHash('sha256').update(label).digest('base64url').slice(0, 22)
}

/** Returns a position like those of real records. They are in the order of `index`. */
export function positionOf(index: number): string {
  return `2026-01-01T00:00:00.000/${String(421_000_000_000_000_000_000n + BigInt(index)).padStart(40, '0')}`
}

/** Returns a parked key. By default it has one record, at position 0. */
export function keyOf(label: string, changes: Partial<ParkedKey> = {}): ParkedKey {
  return {
    keyHash: hashOf(label),
    key: JSON.stringify({ id: { S: label } }),
    state: 'parked',
    parkedAt: PARKED_AT,
    records: 1,
    last: positionOf(0),
    ...changes,
  }
}

/** Returns the records from one index up to and excluding another, each with a content of its own. */
export function recordsOf(from: number, to: number, note = ''): ParkedRecord[] {
  return Array.from({ length: to - from }, (_, offset) => recordOf(from + offset, `${note}${from + offset}`))
}

/** @param value - a part of the record's content. */
export function recordOf(index: number, value: string): ParkedRecord {
  return { position: positionOf(index), content: JSON.stringify({ shardId: 'shard', record: { value } }) }
}

/** Returns all values, in order. */
export async function collect<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const collected: Value[] = []
  for await (const value of values) collected.push(value)
  return collected
}

/** Reads all records after a position, page by page, and checks the limit and the order of each page. */
export async function readAll(
  lease: ParkingLease,
  keyHash: string,
  { after, limit = 100 }: { after?: string; limit?: number } = {},
): Promise<ParkedRecord[]> {
  const read: ParkedRecord[] = []
  for (let last = after; ; ) {
    const page = await lease.read(keyHash, last, limit)
    assert.ok(page.length <= limit, `read() with the limit ${limit} returned ${page.length} records.`)
    for (const { position } of page) {
      assert.ok(
        last === undefined || position > last,
        `read() returned the position ${position} after ${last}.`,
      )
      last = position
    }
    if (page.length === 0) return read
    read.push(...page)
  }
}

/** Compares records without `assert.deepEqual`, which spends minutes on the difference of large strings. */
export function assertRecords(
  what: string,
  actual: readonly ParkedRecord[],
  expected: readonly ParkedRecord[],
): void {
  for (const [index, record] of expected.entries()) {
    const found = actual[index]
    assert.equal(found?.position, record.position, `${what} has a wrong position at index ${index}.`)
    assert.ok(
      found.content === record.content,
      `${what} has another content at ${record.position}: ${show(found.content)}`,
    )
  }
  assert.equal(actual.length, expected.length, `${what} has a wrong number of records.`)
}

/** Checks what `read()` and `records()` return for a key. */
export async function assertStored(
  bench: ParkingBench,
  lease: ParkingLease,
  keyHash: string,
  expected: readonly ParkedRecord[],
): Promise<void> {
  assertRecords('read()', await readAll(lease, keyHash), expected)
  const store = await bench.store()
  assertRecords('records()', await collect(store.records(bench.name, keyHash)), expected)
}

/** Checks keys, in any order. */
export function assertKeys(what: string, actual: readonly ParkedKey[], expected: readonly ParkedKey[]): void {
  const byHash = (one: ParkedKey, other: ParkedKey) => (one.keyHash < other.keyHash ? -1 : 1)
  const sorted = actual.toSorted(byHash)
  for (const [index, key] of expected.toSorted(byHash).entries()) assertKey(what, sorted[index], key)
  assert.equal(sorted.length, expected.length, `${what} has a wrong number of keys.`)
}

/** Compares the members of a key; one that is undefined must be missing. */
export function assertKey(what: string, actual: ParkedKey | undefined, expected: ParkedKey): void {
  const plain = actual === undefined ? undefined : { ...actual }
  if (!isDeepStrictEqual(plain, expected)) {
    assert.fail(`${what} has the key ${show(actual)} instead of ${show(expected)}.`)
  }
}

/** Checks that the keys are exactly these, for a reader and for the next worker, which acquires the lease. */
export async function assertParked(
  bench: ParkingBench,
  expected: readonly ParkedKey[],
): Promise<ParkingLease> {
  const store = await bench.store()
  assertKeys('list()', await collect(store.list(bench.name)), expected)
  for (const key of expected) assertKey('get()', await store.get(bench.name, key.keyHash), key)
  const lease = await bench.acquire()
  assertKeys('acquire()', lease.keys, expected)
  return lease
}

/** Checks the requests, in any order, apart from their ids. */
export async function assertRequests(
  lease: ParkingLease,
  expected: readonly Omit<ParkingRequest, 'id'>[],
): Promise<readonly ParkingRequest[]> {
  const requests = await lease.requests()
  const order = (one: string, other: string) => (one < other ? -1 : 1)
  assert.deepEqual(
    requests.map(({ keyHash, action }) => `${keyHash} ${action}`).sort(order),
    expected.map(({ keyHash, action }) => `${keyHash} ${action}`).sort(order),
  )
  return requests
}

/** Checks that a call rejects with `checkpoint.conflict`, and that the error has the name of the run. */
export async function assertConflict(
  name: string,
  what: string,
  call: () => Promise<unknown>,
): Promise<void> {
  const error: unknown = await call().then(
    () => assert.fail(`${what} of a lost lease resolved.`),
    (reason: unknown) => reason,
  )
  assert.ok(
    isStreamError(error, 'checkpoint.conflict'),
    `${what} rejected with ${error} instead of checkpoint.conflict.`,
  )
  assert.equal(error.details.name, name)
}

function show(value: unknown): string {
  const text = inspect(value, {
    depth: 5,
    maxStringLength: 200,
    breakLength: Number.POSITIVE_INFINITY,
  })
  return text.length > 600 ? `${text.slice(0, 600)}…` : text
}
