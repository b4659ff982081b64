import { isStreamError, type ParkedKey, StreamError } from '../../../src/index.ts'
import type {
  AcquireParkingOptions,
  ParkedKeyUpdate,
  ParkedRecord,
  ParkingLease,
  ParkingRequest,
  ParkingStore,
} from '../../../src/parking/parking-store.ts'
import type { Process } from '../stream/process.ts'
import { Violation } from '../violation.ts'
import type { StoredKeyView } from './ledger.ts'
import type { StoreCalls } from './store-calls.ts'

/** A parked key in the store. */
export interface StoredKey {
  readonly key: ParkedKey
  /** The contents of the records that are not finished, by position, in order. */
  readonly records: ReadonlyMap<string, string>
  readonly request: ParkingRequest | undefined
}

/** The keys that were parked when a lease was acquired. */
export type Snapshot = ReadonlyMap<string, StoredKeyView & Pick<StoredKey, 'key' | 'records'>>

/** A run that uses a parking store. */
export interface ParkingClient {
  readonly process: Process
  acquired(keys: Snapshot): void
  /** It has received the response to a save. */
  saved(updates: readonly ParkedKeyUpdate[]): void
  /** A response shows that it has lost the lease. */
  lost(): void
}

/** What happens to a parking store. Must not throw. */
export interface ParkingWatcher {
  /** A save has taken effect. */
  saved(before: StoredKey | undefined, update: ParkedKeyUpdate, after: StoredKey): void
  removed(before: StoredKey): void
  completed(request: ParkingRequest): void
  violated(violation: Violation): void
}

/** The parking store of a history. It outlives the processes that use it. */
export interface ModelParkingStore {
  readonly keys: ReadonlyMap<string, StoredKey>
  /** The process that holds the lease. */
  readonly holder: Process | undefined
  /** The store as one run sees it. */
  open(client: ParkingClient): ParkingStore
  /** Requests something as an operator. Returns the key, or undefined if it is not parked. */
  request(keyHash: string, action: ParkingRequest['action']): StoredKey | undefined
}

interface Lease {
  readonly client: ParkingClient
  readonly epoch: number | undefined
  isBusy: boolean
  isClosed: boolean
}

export function createParkingStore(calls: StoreCalls, watcher: ParkingWatcher): ModelParkingStore {
  const keys = new Map<string, StoredKey>()
  let current: Lease | undefined
  let requests = 0

  const save = (update: ParkedKeyUpdate): void => {
    const { keyHash, finished } = update.key
    const before = keys.get(keyHash)
    const records = new Map(before?.records)
    for (const { position, content } of update.added) records.set(position, content)
    for (const position of records.keys()) {
      if (finished !== undefined && position <= finished) records.delete(position)
    }
    const after = { key: update.key, records, request: before?.request }
    keys.set(keyHash, after)
    watcher.saved(before, update, after)
  }

  const remove = (keyHash: string): void => {
    const before = keys.get(keyHash)
    if (before === undefined) return
    keys.delete(keyHash)
    watcher.removed(before)
  }

  const read = (keyHash: string, after: string | undefined, limit: number): ParkedRecord[] => {
    const found: ParkedRecord[] = []
    for (const [position, content] of keys.get(keyHash)?.records ?? []) {
      if (found.length < limit && (after === undefined || position > after)) found.push({ position, content })
    }
    return found
  }

  const openRequests = (): ParkingRequest[] =>
    [...keys.values()].flatMap(({ request }) => (request ? [{ ...request }] : []))

  const complete = ({ keyHash, id }: ParkingRequest): void => {
    const stored = keys.get(keyHash)
    if (stored?.request?.id !== id) return
    keys.set(keyHash, { ...stored, request: undefined })
    watcher.completed(stored.request)
  }

  const leaseFor = (lease: Lease): ParkingLease => {
    const { client } = lease
    const violated = (what: string) => watcher.violated(new Violation('parking store', what))
    const call = async <T>(what: string, effect: () => T, isQuiet = false): Promise<T> => {
      if (client.process.isAlive && lease.isClosed) violated(`${what} was called after close`)
      if (client.process.isAlive && lease.isBusy)
        violated(`${what} was called while another call was in flight`)
      lease.isBusy = true
      const fenced = () => {
        if (current === lease) return effect()
        throw new StreamError('checkpoint.conflict', 'Another worker has acquired the store.', {
          name: 'model',
        })
      }
      try {
        return await calls.call(client.process, what, fenced, isQuiet)
      } catch (error) {
        if (isStreamError(error, 'checkpoint.conflict')) client.lost()
        throw error
      } finally {
        lease.isBusy = false
      }
    }
    return {
      keys: [...keys.values()].map(({ key }) => structuredClone(key)),
      save: async (updates) => {
        const copy = structuredClone(updates)
        await call('save', () => {
          for (const update of copy) save(update)
        })
        client.saved(copy)
      },
      remove: (keyHash) => call('remove', () => remove(keyHash)),
      read: (keyHash, after, limit) => call('read', () => read(keyHash, after, limit)),
      requests: () => call('requests', openRequests, openRequests().length === 0),
      complete: (request) => call('complete', () => complete(request)),
      close: async () => {
        lease.isClosed = true
      },
    }
  }

  const acquire = (client: ParkingClient, { epoch, signal }: AcquireParkingOptions): ParkingLease => {
    signal?.throwIfAborted()
    if (epoch !== undefined && current?.epoch !== undefined && epoch < current.epoch) {
      throw new StreamError('checkpoint.conflict', 'A newer worker has acquired the store.', {
        name: 'model',
      })
    }
    current = { client, epoch, isBusy: false, isClosed: false }
    client.acquired(new Map([...keys].map(([keyHash, stored]) => [keyHash, viewOf(stored)])))
    return leaseFor(current)
  }

  return {
    keys,
    get holder() {
      return current?.client.process
    },
    open: (client) => ({
      acquire: (_, options = {}) => calls.call(client.process, 'acquire', () => acquire(client, options)),
      list: () => neverUsed(),
      get: () => neverUsed(),
      records: () => neverUsed(),
      release: () => neverUsed(),
      drop: () => neverUsed(),
    }),
    request: (keyHash, action) => {
      const stored = keys.get(keyHash)
      if (stored === undefined) return undefined
      const until = action === 'drop' ? stored.key.last : undefined
      const request = { keyHash, action, id: String(++requests), until }
      keys.set(keyHash, { ...stored, request })
      return stored
    },
  }
}

export function viewOf({ key, records }: StoredKey): StoredKeyView & Pick<StoredKey, 'key' | 'records'> {
  return { key, records, last: key.last, has: (position) => records.has(position) }
}

function neverUsed(): never {
  throw new Error('A worker does not call this.')
}
