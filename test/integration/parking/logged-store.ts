import type { ParkedKey, ParkedRecord, ParkingLease, ParkingStore } from '../../../src/index.ts'
import type {
  AddedRecord,
  Moment,
  ParkingAnswer,
  ParkingCall,
  ParkingEvent,
  StoredKey,
} from './worker-log.ts'

/** What a logged store reports, in addition to its events. */
export interface StoreListener {
  log(event: ParkingEvent): void
  /** A moment in which the worker can be killed. */
  reached(moment: Moment): void
}

export interface LoggedStore extends ParkingStore {
  /** Whether a key has no records left, so that it returns once the checkpoint is saved. */
  readonly isReturning: boolean
  /** Whether a record was read from the store. */
  wasRead(n: number): boolean
  /** Returns the id of the item with this hash. */
  idOf(keyHash: string): string
}

/** A store whose calls by the worker are logged. */
export function loggedParking(store: ParkingStore, { log, reached }: StoreListener): LoggedStore {
  const ids = new Map<string, string>()
  /** The keys that have no records left. */
  const done = new Set<string>()
  const read = new Set<number>()
  const idOf = (keyHash: string) => ids.get(keyHash) ?? 'unknown'
  const stored = (key: ParkedKey): StoredKey => {
    const { keyHash, state, records, last, finished = null } = key
    const { id } = JSON.parse(key.key) as { id: { S: string } }
    ids.set(keyHash, id.S)
    if (state === 'releasing' && records === 0) done.add(keyHash)
    else done.delete(keyHash)
    return { id: id.S, state, records, last, finished }
  }
  const call = async <T>(
    calling: ParkingCall,
    make: () => Promise<T>,
    detailsOf: (result: T) => Omit<ParkingAnswer, 'answered'> = () => ({}),
  ): Promise<T> => {
    log({ calling })
    try {
      const result = await make()
      log({ answered: calling.name, ...detailsOf(result) })
      return result
    } catch (error) {
      log({ failed: calling.name, code: String((error as { code?: unknown }).code) })
      throw error
    }
  }
  const logged = (lease: ParkingLease): ParkingLease => ({
    keys: lease.keys,
    async save(updates) {
      const saved = updates.map(({ key, added }) => ({
        ...stored(key),
        added: added.map((record) => addedRecord(record, key.keyHash)),
      }))
      const isParking = saved.some(({ state, added }) => state === 'parked' && added.length > 0)
      const made = call({ name: 'save', updates: saved }, () => lease.save(updates))
      if (isParking) reached('parking')
      else if (saved.some(({ finished }) => finished !== null)) reached('progressing')
      await made
      if (isParking) reached('parked')
    },
    async remove(keyHash) {
      const made = call({ name: 'remove', id: idOf(keyHash) }, () => lease.remove(keyHash))
      reached('removing')
      await made
      done.delete(keyHash)
      reached('removed')
    },
    read(keyHash, after, limit) {
      const made = call(
        { name: 'read', id: idOf(keyHash) },
        () => lease.read(keyHash, after, limit),
        (records) => ({ read: records.map((record) => numberOf(record)) }),
      )
      reached('reading')
      return made.then((records) => {
        for (const record of records) read.add(numberOf(record))
        return records
      })
    },
    requests: () =>
      call(
        { name: 'requests' },
        () => lease.requests(),
        (requests) => ({
          drops: requests.flatMap(({ action, keyHash, until = '' }) =>
            action === 'drop' ? [{ id: idOf(keyHash), until }] : [],
          ),
        }),
      ),
    async complete(request) {
      const { keyHash, action } = request
      const made = call({ name: 'complete', id: idOf(keyHash), action }, () => lease.complete(request))
      reached('completing')
      await made
      reached('completed')
    },
    close: () => lease.close(),
  })
  return {
    ...store,
    async acquire(...args) {
      const lease = await store.acquire(...args)
      log({ acquired: lease.keys.map(stored) })
      return logged(lease)
    },
    get isReturning() {
      return done.size > 0
    },
    wasRead: (n) => read.has(n),
    idOf,
  }
}

function addedRecord({ position, content }: ParkedRecord, keyHash: string): AddedRecord {
  const { shardId, record } = JSON.parse(content)
  const { SequenceNumber: sequenceNumber, NewImage } = record.dynamodb
  return { n: Number(NewImage.n.N), id: NewImage.id.S, shardId, sequenceNumber, keyHash, position }
}

function numberOf({ content }: ParkedRecord): number {
  return Number(JSON.parse(content).record.dynamodb.NewImage.n.N)
}
