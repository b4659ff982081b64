import type {
  ParkedKey,
  ParkedRecord,
  ParkingLease,
  ParkingRequest,
  ParkingStore,
} from '../../../src/index.ts'
import { leaseLost } from '../../../src/parking/lease-lost.ts'

interface Run {
  keys: Map<string, { key: ParkedKey; records: ParkedRecord[]; requests: ParkingRequest[] }>
  lease: unknown
  epoch: number
  isRunning: boolean
  /** Requests for keys that were not parked, or that were removed. */
  strayRequests: Map<string, ParkingRequest[]>
}

const ascending = (one: ParkedRecord, other: ParkedRecord) => (one.position < other.position ? -1 : 1)

/** Each flaw of {@link flawedStore}, as the end of the sentence "a store that …". */
export const flaws = [
  'forgets progress',
  'forgets parkedAt',
  'keeps a member that the new state of a key does not have',
  'stores undefined for a member that is missing',
  'keeps references to what it saves',
  'returns references to what it stores',
  'shows later changes in the keys of a lease',
  'saves only the first of several updates',
  'ignores the case of hashes',
  'lists only the first 100 keys',
  'acquires only the first 500 keys',
  'replaces line separators in item keys',
  'truncates item keys to 4 kB',
  'ignores the case of names',
  'ignores slashes at the start of names',
  'truncates names to 200 characters',
  'normalizes names',
  'trims names',
  'cannot remove a key twice',
  'keeps the records of a removed key',
  'keeps the request of a removed key',
  'removes all keys',
  'appends a record again if a save is repeated',
  'ignores a record whose position is stored',
  'drops what is stored after the first added record',
  'replaces all records at each save',
  'sorts positions as numbers',
  'sorts positions as words',
  'truncates contents to 1.5 MB',
  'refuses saves of more than 5 MB',
  'replaces line separators in contents',
  'splits contents into lines',
  'returns records as latin1',
  'stores only 1,000 records in a save',
  'reads only the first 1,000 records of a key',
  'ignores the limit',
  'returns no record if the limit is 1',
  'includes the record at `after`',
  'requires that the record at `after` exists',
  'ignores `after`',
  'reads finished records',
  'yields finished records to operators',
  'yields records to operators in pages of 100',
  'deletes one record too many',
  'stores records one at a time',
  'stores the state of a key before its records',
  'fails to read a key that is removed meanwhile',
  'accepts requests for keys that are not parked',
  'claims that requests for keys that are not parked were made',
  'refuses all requests',
  'makes every request a release',
  'forgets what was parked at a drop',
  'keeps the first request of a key',
  'keeps all requests of a key',
  'gives requests the same id',
  'completes a request that was replaced',
  'never completes requests',
  'shows a replaced request again after the other was completed',
  'returns each request once',
  'forgets requests at a restart',
  'forgets the request at a save',
  'changes the state of a key when its release is requested',
  'accepts requests only while a worker runs',
  'cannot complete a request twice',
  'does not fence save',
  'fences save after it has taken effect',
  'does not fence remove',
  'fences remove after it has taken effect',
  'does not fence remove of a key that is not parked',
  'does not fence read',
  'does not fence read of a key that is not parked',
  'does not fence requests',
  'does not fence complete',
  'fences complete after it has taken effect',
  'fences with another error',
  'fences without the name',
  'does not fence a lease that has not been used',
  'fences the later worker',
  'takes effect later although it was fenced',
  'reads the keys before it fences the other worker',
  'releases the lease of the successor when it is closed',
  'takes the lease when keys are listed',
  'takes the lease when a release is requested',
  'ignores epochs',
  'rejects an equal epoch',
  'compares epochs as strings',
  'takes the lease before it compares epochs',
  'forgets the epoch if an acquisition has none',
  'compares epochs over all names',
  'ignores an aborted signal',
  'loses the lease when the signal aborts',
  'cannot be closed twice',
  'fails for a name that it does not know',
] as const

export type Flaw = (typeof flaws)[number]

/** Creates a store in memory that has one flaw, or none. It shows that the cases of the contract can fail. */
export function flawedStore(flaw?: Flaw): ParkingStore {
  const has = (one: Flaw) => one === flaw
  const runs = new Map<string, Run>()
  let requestCount = 0
  let highestEpoch = -1

  const nameOf = (name: string): string => {
    if (has('ignores the case of names')) return name.toLowerCase()
    if (has('ignores slashes at the start of names')) return name.replace(/^\/+/, '')
    if (has('truncates names to 200 characters')) return name.slice(0, 200)
    if (has('normalizes names')) return name.normalize('NFC')
    if (has('trims names')) return name.trim()
    return name
  }
  const runOf = (name: string): Run => {
    const run = runs.get(nameOf(name)) ?? {
      keys: new Map(),
      lease: undefined,
      epoch: -1,
      isRunning: false,
      strayRequests: new Map(),
    }
    runs.set(nameOf(name), run)
    return run
  }
  const hash = (keyHash: string) => (has('ignores the case of hashes') ? keyHash.toLowerCase() : keyHash)
  const copy = <Value>(value: Value): Value =>
    has('returns references to what it stores') ? value : structuredClone(value)

  const toStoredKey = (key: ParkedKey, before: ParkedKey | undefined): ParkedKey => {
    if (has('keeps references to what it saves')) return key
    const { progress, ...rest } = structuredClone(key)
    const stored: ParkedKey = progress === undefined || has('forgets progress') ? rest : { ...rest, progress }
    if (has('forgets parkedAt')) return { ...stored, parkedAt: 0 }
    if (has('keeps a member that the new state of a key does not have')) return { ...before, ...stored }
    if (has('stores undefined for a member that is missing')) {
      return { ...stored, finished: stored.finished } as ParkedKey
    }
    if (has('replaces line separators in item keys')) {
      return { ...stored, key: stored.key.replaceAll('\u2028', '\n') }
    }
    if (has('truncates item keys to 4 kB')) return { ...stored, key: stored.key.slice(0, 4_000) }
    return stored
  }

  const toStoredContent = (content: string): string => {
    if (has('truncates contents to 1.5 MB')) return content.slice(0, 1_500_000)
    if (has('replaces line separators in contents')) return content.replaceAll('\u2028', '\n')
    if (has('splits contents into lines')) return content.split('\n')[0] ?? ''
    if (has('returns records as latin1')) return Buffer.from(content, 'utf8').toString('latin1')
    return content
  }

  const merge = (stored: ParkedRecord[], added: readonly ParkedRecord[]): ParkedRecord[] => {
    const limited = has('stores only 1,000 records in a save') ? added.slice(0, 1_000) : added
    const copies = has('keeps references to what it saves')
      ? [...limited]
      : limited.map(({ position, content }) => ({ position, content: toStoredContent(content) }))
    if (has('replaces all records at each save')) return copies.length > 0 ? copies : stored
    if (has('appends a record again if a save is repeated')) return [...stored, ...copies].sort(ascending)
    if (has('drops what is stored after the first added record')) {
      const first = copies[0]?.position ?? '\uffff'
      return [...stored.filter(({ position }) => position < first), ...copies]
    }
    const [one, other] = has('ignores a record whose position is stored')
      ? [copies, stored]
      : [stored, copies]
    const merged = [...new Map([...one, ...other].map((record) => [record.position, record])).values()]
    if (has('sorts positions as words')) return merged.sort((a, b) => a.position.localeCompare(b.position))
    const numberOf = ({ position }: ParkedRecord) => Number(position.split('/').at(-1)) || 0
    if (has('sorts positions as numbers'))
      return merged.sort((a, b) => numberOf(a) - numberOf(b) || ascending(a, b))
    return merged.sort(ascending)
  }

  const readFrom = (run: Run, keyHash: string, after: string | undefined, limit: number): ParkedRecord[] => {
    const stored = run.keys.get(hash(keyHash))
    if (stored === undefined) return []
    let records = stored.records
    if (has('reads only the first 1,000 records of a key')) records = records.slice(0, 1_000)
    const finished = has('reads finished records') ? '' : (stored.key.finished ?? '')
    records = records.filter(({ position }) => position > finished)
    if (has('requires that the record at `after` exists') && after !== undefined) {
      if (!records.some(({ position }) => position === after)) return []
    }
    if (after !== undefined && !has('ignores `after`')) {
      records = records.filter(({ position }) =>
        has('includes the record at `after`') ? position >= after : position > after,
      )
    }
    if (has('returns no record if the limit is 1') && limit === 1) return []
    return has('ignores the limit') ? records : records.slice(0, limit)
  }

  const request = async (name: string, keyHash: string, asked: ParkingRequest['action']) => {
    const run = runOf(name)
    if (has('takes the lease when a release is requested')) run.lease = undefined
    if (has('accepts requests only while a worker runs') && !run.isRunning) return false
    const stored = run.keys.get(hash(keyHash))
    const action = has('makes every request a release') ? 'release' : asked
    const id = has('gives requests the same id') ? 'id' : String(++requestCount)
    if (stored === undefined) {
      if (has('accepts requests for keys that are not parked')) {
        run.strayRequests.set(keyHash, [{ keyHash, action, id }])
        return true
      }
      return has('claims that requests for keys that are not parked were made')
    }
    if (has('refuses all requests')) return false
    if (has('changes the state of a key when its release is requested')) {
      stored.key = { ...stored.key, state: 'releasing' }
    }
    const keepsAll =
      has('keeps all requests of a key') ||
      has('shows a replaced request again after the other was completed')
    if (has('keeps the first request of a key') && stored.requests.length > 0) return true
    const until = action === 'drop' && !has('forgets what was parked at a drop') ? stored.key.last : undefined
    stored.requests = [{ keyHash, action, id, until }, ...(keepsAll ? stored.requests : [])]
    return true
  }

  const createLease = (name: string, run: Run): ParkingLease => {
    let isUsed = false
    const seen = new Set<string>()
    const isLost = () => run.lease !== lease
    const conflict = () => {
      if (has('fences with another error')) return new Error('Lost.')
      return leaseLost(has('fences without the name') ? '' : name)
    }
    const check = (isFenced = true) => {
      const ignores = !isFenced || (has('does not fence a lease that has not been used') && !isUsed)
      isUsed = true
      if (isLost() && !ignores) throw conflict()
    }
    const keys = [...run.keys.values()].map(({ key }) => key)
    const limited = has('acquires only the first 500 keys') ? keys.slice(0, 500) : keys
    const put = (key: ParkedKey, added: readonly ParkedRecord[]) => {
      const stored = run.keys.get(hash(key.keyHash))
      const requests = stored?.requests ?? run.strayRequests.get(key.keyHash) ?? []
      let records = merge(stored?.records ?? [], added)
      if (has('deletes one record too many') && key.finished !== undefined) {
        records = records.slice(records.findIndex(({ position }) => position > (key.finished ?? '')) + 1)
      }
      run.keys.set(hash(key.keyHash), {
        key: toStoredKey(key, stored?.key),
        records,
        requests: has('forgets the request at a save') ? [] : requests,
      })
    }
    const lease: ParkingLease = {
      get keys() {
        return has('shows later changes in the keys of a lease')
          ? [...run.keys.values()].map(({ key }) => key)
          : limited.map(copy)
      },
      async save(updates) {
        check(
          !(
            has('does not fence save') ||
            has('fences save after it has taken effect') ||
            has('takes effect later although it was fenced')
          ),
        )
        if (has('takes effect later although it was fenced') && isLost()) {
          setTimeout(() => {
            for (const { key, added } of updates) put(key, added)
          }, 20)
          throw conflict()
        }
        const size = updates
          .flatMap(({ added }) => added)
          .reduce((sum, { content }) => sum + content.length, 0)
        if (has('refuses saves of more than 5 MB') && size > 5_000_000) throw new Error('Too large.')
        if (has('reads the keys before it fences the other worker')) await new Promise(setImmediate)
        for (const { key, added } of has('saves only the first of several updates')
          ? updates.slice(0, 1)
          : updates) {
          if (has('stores records one at a time')) {
            for (const record of added) {
              await new Promise(setImmediate)
              put(key, [record])
            }
          }
          if (has('stores the state of a key before its records')) {
            put(key, [])
            for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
          }
          put(key, added)
        }
        if (has('fences save after it has taken effect')) check()
      },
      async remove(keyHash) {
        const stored = run.keys.get(hash(keyHash))
        check(
          !(
            has('does not fence remove') ||
            has('fences remove after it has taken effect') ||
            (has('does not fence remove of a key that is not parked') && stored === undefined)
          ),
        )
        if (has('cannot remove a key twice') && stored === undefined) throw new Error('Not parked.')
        if (has('removes all keys')) run.keys.clear()
        if (has('keeps the records of a removed key') && stored) {
          removedRecords.set(`${nameOf(name)} ${keyHash}`, stored.records)
        }
        if (has('keeps the request of a removed key') && stored) {
          run.strayRequests.set(keyHash, stored.requests)
        }
        run.keys.delete(hash(keyHash))
        if (has('fences remove after it has taken effect')) check()
      },
      async read(keyHash, after, limit) {
        const isParked = run.keys.has(hash(keyHash))
        check(
          !(
            has('does not fence read') ||
            (has('does not fence read of a key that is not parked') && !isParked)
          ),
        )
        const removed = removedRecords.get(`${nameOf(name)} ${keyHash}`)
        if (removed && !isParked && after === undefined) return removed.slice(0, limit)
        return readFrom(run, keyHash, after, limit).map(copy)
      },
      async requests() {
        check(!has('does not fence requests'))
        const all = [...run.keys.values()].flatMap(({ requests }) =>
          has('keeps all requests of a key') ? requests : requests.slice(0, 1),
        )
        if (has('forgets requests at a restart')) return all.filter(({ id }) => !formerRequests.has(id))
        if (!has('returns each request once')) return all.map(copy)
        const unseen = all.filter(({ id }) => !seen.has(id))
        for (const { id } of unseen) seen.add(id)
        return unseen
      },
      async complete({ keyHash, id }) {
        check(!(has('does not fence complete') || has('fences complete after it has taken effect')))
        const stored = run.keys.get(hash(keyHash))
        if (has('cannot complete a request twice') && stored && stored.requests.length === 0) {
          throw new Error('No such request.')
        }
        if (stored && !has('never completes requests')) {
          stored.requests = has('completes a request that was replaced')
            ? []
            : stored.requests.filter((one) => one.id !== id)
        }
        if (has('fences complete after it has taken effect')) check()
      },
      async close() {
        run.isRunning = false
        if (has('releases the lease of the successor when it is closed')) run.lease = undefined
        if (has('cannot be closed twice') && isClosed) throw new Error('Closed.')
        isClosed = true
      },
    }
    let isClosed = false
    return lease
  }
  const removedRecords = new Map<string, ParkedRecord[]>()
  const formerRequests = new Set<string>()

  return {
    async acquire(name, { epoch, signal } = {}) {
      if (!has('ignores an aborted signal')) signal?.throwIfAborted()
      const run = runOf(name)
      run.isRunning = true
      for (const { requests } of run.keys.values()) for (const { id } of requests) formerRequests.add(id)
      const lease = createLease(name, run)
      if (has('takes the lease before it compares epochs')) run.lease = lease
      const greatest = has('compares epochs over all names') ? highestEpoch : run.epoch
      const isSmaller = has('compares epochs as strings')
        ? String(epoch) < String(greatest)
        : (epoch ?? greatest) < greatest
      const isRejected = isSmaller || (has('rejects an equal epoch') && epoch === greatest)
      if (epoch !== undefined && isRejected && !has('ignores epochs')) throw leaseLost(name)
      run.epoch = epoch ?? (has('forgets the epoch if an acquisition has none') ? -1 : run.epoch)
      highestEpoch = Math.max(highestEpoch, run.epoch)
      if (has('reads the keys before it fences the other worker')) {
        for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
      }
      if (!has('fences the later worker') || run.lease === undefined) run.lease = lease
      if (has('loses the lease when the signal aborts')) {
        signal?.addEventListener('abort', () => {
          run.lease = undefined
        })
      }
      return lease
    },
    async *list(name) {
      if (has('fails for a name that it does not know') && !runs.has(nameOf(name)))
        throw new Error('Unknown.')
      const run = runOf(name)
      if (has('takes the lease when keys are listed')) run.lease = undefined
      const keys = [...run.keys.values()].map(({ key }) => copy(key))
      yield* has('lists only the first 100 keys') ? keys.slice(0, 100) : keys
    },
    async get(name, keyHash) {
      if (has('fails for a name that it does not know') && !runs.has(nameOf(name)))
        throw new Error('Unknown.')
      return copy(runOf(name).keys.get(hash(keyHash))?.key)
    },
    async *records(name, keyHash) {
      const run = runOf(name)
      const stored = run.keys.get(hash(keyHash))
      if (has('yields records to operators in pages of 100')) {
        yield* readFrom(run, keyHash, undefined, 100)
        return
      }
      if (has('yields finished records to operators')) return yield* stored?.records ?? []
      if (has('fails to read a key that is removed meanwhile')) {
        for (const record of readFrom(run, keyHash, undefined, Number.POSITIVE_INFINITY)) {
          if (!run.keys.has(hash(keyHash))) throw new Error('Not found.')
          yield record
        }
        return
      }
      for (const record of readFrom(run, keyHash, undefined, Number.POSITIVE_INFINITY)) yield copy(record)
    },
    release: (name, keyHash) => request(name, keyHash, 'release'),
    drop: (name, keyHash) => request(name, keyHash, 'drop'),
  }
}
