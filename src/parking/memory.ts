import { leaseLost } from './lease-lost.ts'
import type { ParkedKey, ParkingLease, ParkingRequest, ParkingStore } from './parking-store.ts'
import { RecordList } from './record-list.ts'

/**
 * Creates a store that keeps parked records in memory: for tests. When the process ends, they are lost: the
 * checkpoint covers them, so they are not read from the stream again.
 */
export function memoryParkingStore(): ParkingStore {
  const runs = new Map<string, StoredRun>()

  async function request(name: string, keyHash: string, action: ParkingRequest['action']): Promise<boolean> {
    const run = runs.get(name)
    const stored = run?.keys.get(keyHash)
    if (run === undefined || stored === undefined) return false
    run.requests++
    const until = action === 'drop' ? stored.key.last : undefined
    stored.request = { keyHash, action, id: String(run.requests), until }
    return true
  }

  return {
    async acquire(name, { epoch, signal } = {}) {
      signal?.throwIfAborted()
      const run = runs.get(name) ?? { keys: new Map(), lease: undefined, epoch: undefined, requests: 0 }
      runs.set(name, run)
      if (epoch !== undefined && run.epoch !== undefined && epoch < run.epoch) throw leaseLost(name)
      run.epoch = epoch ?? run.epoch
      run.lease = createLease(name, run)
      return run.lease
    },
    async *list(name) {
      yield* allKeys(runs.get(name))
    },
    async get(name, keyHash) {
      return structuredClone(runs.get(name)?.keys.get(keyHash)?.key)
    },
    async *records(name, keyHash) {
      yield* runs.get(name)?.keys.get(keyHash)?.records.after(undefined) ?? []
    },
    release: (name, keyHash) => request(name, keyHash, 'release'),
    drop: (name, keyHash) => request(name, keyHash, 'drop'),
  }
}

/** What is stored under one name. */
interface StoredRun {
  readonly keys: Map<string, StoredKey>
  /** The lease that was acquired last. */
  lease: ParkingLease | undefined
  /** The greatest epoch so far. */
  epoch: number | undefined
  /** The number of requests so far. */
  requests: number
}

interface StoredKey {
  key: ParkedKey
  readonly records: RecordList
  request: ParkingRequest | undefined
}

function createLease(name: string, run: StoredRun): ParkingLease {
  const checkLease = () => {
    if (run.lease !== lease) throw leaseLost(name)
  }
  const lease: ParkingLease = {
    keys: allKeys(run),
    async save(updates) {
      checkLease()
      for (const { key, added } of updates) {
        const stored = run.keys.get(key.keyHash) ?? { key, records: new RecordList(), request: undefined }
        run.keys.set(key.keyHash, stored)
        stored.key = structuredClone(key)
        stored.records.add(added)
        if (key.finished !== undefined) stored.records.removeUntil(key.finished)
      }
    },
    async remove(keyHash) {
      checkLease()
      run.keys.delete(keyHash)
    },
    async read(keyHash, after, limit) {
      checkLease()
      return run.keys.get(keyHash)?.records.after(after, limit) ?? []
    },
    async requests() {
      checkLease()
      return [...run.keys.values()].flatMap(({ request }) => (request ? [{ ...request }] : []))
    },
    async complete({ keyHash, id }) {
      checkLease()
      const stored = run.keys.get(keyHash)
      if (stored?.request?.id === id) stored.request = undefined
    },
    async close() {},
  }
  return lease
}

function allKeys(run: StoredRun | undefined): ParkedKey[] {
  return Array.from(run?.keys.values() ?? [], ({ key }) => structuredClone(key))
}
