import type { ProcessingSummary, StreamToken } from '../../../src/index.ts'
import { Violation } from '../violation.ts'
import { type Entry, isCovered, type Ledger, type Stores } from './ledger.ts'
import type { Snapshot } from './parking-store.ts'

export interface RunOracleOptions {
  readonly ledger: Ledger
  readonly token: StreamToken | undefined
  readonly now: () => number
  /** Whether the record is in the parking store now, and its key waits for a request. */
  readonly isParked: (entry: Entry) => boolean
  /** Whether the record is in the parking store now. */
  readonly isStored: (entry: Entry) => boolean
  /** Whether this run holds the lease of the parking store. */
  readonly isHolder: () => boolean
  /** The most attempts that a record has before its key is parked; undefined: no limit is checked. */
  readonly maxAttempts: number | undefined
}

/** Something was done by a run, and the stores do not cover it yet. */
interface Done {
  readonly entry: Entry
  readonly at: number
  /** Whether the record was read from the parking store. */
  readonly isFromParking: boolean
}

/**
 * What one run may do, given what the stores contained when it started. What happened in earlier processes
 * need not be known: everything that must survive is in the stores.
 */
export class RunOracle {
  readonly #options: RunOracleOptions
  readonly #isCoveredByToken: (entry: Entry) => boolean
  #parked: Snapshot = new Map()
  #stores: Stores | undefined
  readonly #coveredAtStart = new Map<Entry, boolean>()
  readonly #done = new Set<Entry>()
  /** What the stores do not cover yet. */
  #uncovered: Done[] = []
  /** The records of the attempts that run, by key. */
  readonly #running = new Map<string, Set<Entry>>()
  /** When the run learned that a record is in the parking store. */
  readonly #parkedAt = new Map<Entry, number>()
  readonly #attempted = new Set<Entry>()
  /** The tasks that have succeeded in this run. */
  readonly #doneTasks = new Set<string>()
  #delivered = 0
  #handled = 0
  #isPaused = false
  /** Why nothing may start any more. */
  #halted: 'stops' | 'fenced' | undefined

  constructor(options: RunOracleOptions) {
    this.#options = options
    this.#isCoveredByToken = options.ledger.coverageOf(options.token)
  }

  // ---- What happens ---------------------------------------------------------------------------------------

  /** The run has acquired the parking store. */
  acquired(parked: Snapshot): void {
    this.#parked = parked
    this.#stores = {
      isCoveredByToken: this.#isCoveredByToken,
      parked: (keyHash) => parked.get(keyHash),
    }
  }

  /** The run has taken a record, from the stream or the parking store. */
  delivered(): void {
    this.#expectActive('a record was taken')
    this.#delivered++
  }

  /** An attempt of a record starts, or of one of its tasks. */
  started(entries: readonly Entry[], attempts: readonly number[], task = ''): void {
    const [first] = entries as readonly [Entry]
    // The tasks of an attempt start one after the other.
    const isNew = this.#running.get(first.keyHash)?.has(first) !== true
    if (isNew) this.#expectActive(`${first.name} was attempted`)
    if (isNew && this.#isPaused) throw new Violation('stops', `${first.name} was attempted during a pause`)
    for (const [index, entry] of entries.entries()) {
      this.#expectMayStart(entry, entries.slice(0, index))
      this.#expectAttempt(entry, attempts[index] ?? 1)
      if (task !== '') this.#expectUnfinished(entry, task)
    }
    for (const { keyHash } of entries) this.#expectFree(keyHash, entries)
    for (const entry of entries) {
      const running = this.#running.get(entry.keyHash) ?? new Set()
      this.#running.set(entry.keyHash, running.add(entry))
      this.#attempted.add(entry)
    }
  }

  /** An attempt has ended. The run settles the records that are `done`. */
  ended(entries: readonly Entry[], done: readonly Entry[]): void {
    for (const { keyHash } of entries) this.#running.delete(keyHash)
    for (const entry of done) this.#finish(entry)
    this.#handled += done.length
  }

  /** A task of a record has succeeded. */
  taskSucceeded(entry: Entry, task: string): void {
    this.#doneTasks.add(`${entry.name} ${task}`)
  }

  /** A dead letter of a record was accepted. */
  deadLettered(entry: Entry): void {
    this.#finish(entry)
  }

  /** A save of the parking store has succeeded, as far as the run knows. */
  parked(entries: readonly Entry[]): void {
    // When the run ends, the token is not changed any more: the records are redelivered, and ignored.
    if (this.#halted) return
    for (const entry of entries) this.#parkedAt.set(entry, this.#options.now())
  }

  /** The run saves a checkpoint. Records are no longer part of it once the parking store has them. */
  saving(token: StreamToken): void {
    const isCovered = this.#options.ledger.coverageOf(token)
    for (const [entry, at] of this.#parkedAt) {
      if (at >= this.#options.now()) continue
      if (!isCovered(entry))
        throw new Violation('exact checkpoint', `${entry.name} is parked, and unsettled in the token`)
      this.#parkedAt.delete(entry)
    }
  }

  /** The run was stopped, or knows that it has lost a lease. */
  halted(why: 'stops' | 'fenced'): void {
    this.#halted ??= why
  }

  paused(isPaused: boolean): void {
    this.#isPaused = isPaused
  }

  get isHalted(): boolean {
    return this.#halted !== undefined
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  hasAttempted(entry: Entry): boolean {
    return this.#attempted.has(entry)
  }

  // ---- Checks ---------------------------------------------------------------------------------------------

  /**
   * Checks that what was done is covered in time.
   *
   * @param checkpointMs - how long the checkpoint may take.
   * @param parkingMs - how long the progress of released records may take.
   */
  expectTimely(stores: Stores, checkpointMs: number, parkingMs: number): void {
    const now = this.#options.now()
    this.#uncovered = this.#uncovered.filter(
      ({ entry }) => !entry.record.trimmed && !isCovered(entry, stores),
    )
    for (const { entry, at, isFromParking } of this.#uncovered) {
      const limit = isFromParking ? parkingMs : checkpointMs
      if (now - at <= limit) continue
      throw new Violation('timely saves', `that ${entry.name} is done was not saved for ${now - at} ms`)
    }
  }

  /** Faults of a store have delayed everything that is not covered yet. */
  excuseDelays(): void {
    const now = this.#options.now()
    this.#uncovered = this.#uncovered.map((done) => ({ ...done, at: now }))
  }

  /** Checks the counters of the run. */
  expectCounters(counters: ProcessingSummary, isAllSettled: boolean): void {
    const { records, handled, filtered, discarded, parked, deadLettered } = counters
    const letters = Object.values(deadLettered).reduce((sum, count) => sum + count, 0)
    const settled = handled + filtered + discarded + parked + letters
    const fail = (what: string) => {
      throw new Violation('counters', `${what}: ${JSON.stringify(counters)}`)
    }
    if (records !== this.#delivered) fail(`${this.#delivered} records were taken`)
    if (handled !== this.#handled) fail(`${this.#handled} records were handled`)
    if (settled > records) fail('more records are settled than were taken')
    if (isAllSettled && settled < records) fail(`${records - settled} records are unsettled`)
  }

  #finish(entry: Entry): void {
    const isFromParking = this.#options.isStored(entry)
    this.#done.add(entry)
    this.#uncovered.push({ entry, at: this.#options.now(), isFromParking })
  }

  #expectActive(what: string): void {
    if (this.#halted) throw new Violation(this.#halted, `${what} after the run was stopped or fenced`)
  }

  /** A record is attempted when all earlier ones of its key are settled, once, and not while it is parked. */
  #expectMayStart(entry: Entry, before: readonly Entry[]): void {
    const { ledger, isParked, isHolder } = this.#options
    if (this.#isSettled(entry))
      throw new Violation('no duplicates', `${entry.name} was attempted although it is settled`)
    for (const earlier of ledger.ofKey(entry.keyHash).slice(0, entry.index)) {
      const { mayBeDropped, record } = earlier
      if (this.#isSettled(earlier) || before.includes(earlier) || mayBeDropped || record.trimmed) continue
      throw new Violation('key order', `${entry.name} was attempted before ${earlier.name} was settled`)
    }
    if (!isHolder()) return
    if (entry.droppedAt !== undefined && entry.droppedAt < this.#options.now())
      throw new Violation('one fate', `${entry.name} was attempted after it was dropped`)
    if (isParked(entry)) throw new Violation('stays parked', `${entry.name} was attempted while it is parked`)
  }

  /** One attempt of a key runs at a time. It can have several tasks. */
  #expectFree(keyHash: string, entries: readonly Entry[]): void {
    const running = this.#running.get(keyHash)
    if (!running || (entries.length === 1 && running.size === 1 && running.has(entries[0] as Entry))) return
    const names = [...running].map(({ name }) => name)
    throw new Violation('one at a time', `${entries[0]?.name} was attempted while ${names} was running`)
  }

  #expectAttempt(entry: Entry, attempt: number): void {
    const { maxAttempts } = this.#options
    if (maxAttempts === undefined || attempt <= maxAttempts) return
    throw new Violation('attempts', `attempt ${attempt} of ${entry.name}: its key was not parked`)
  }

  /** A task that has succeeded does not run again, unless no store showed it when the run started. */
  #expectUnfinished(entry: Entry, task: string): void {
    const { ledger, token } = this.#options
    const isDone = this.#doneTasks.has(`${entry.name} ${task}`) || ledger.doneIn(token, entry).includes(task)
    if (isDone || this.#doneWhenParked(entry).includes(task))
      throw new Violation('no duplicates', `the task ${task} of ${entry.name} runs again`)
  }

  #doneWhenParked(entry: Entry): readonly string[] {
    const key = this.#parked.get(entry.keyHash)
    const content = key?.records.get(entry.position)
    if (key === undefined || content === undefined) return []
    const { done = [] } = JSON.parse(content) as { readonly done?: readonly string[] }
    const isHead = [...key.records.keys()][0] === entry.position
    return isHead ? [...done, ...(key.key.progress?.done ?? [])] : done
  }

  #isSettled(entry: Entry): boolean {
    return this.#done.has(entry) || this.#wasCovered(entry)
  }

  #wasCovered(entry: Entry): boolean {
    if (this.#stores === undefined) return this.#isCoveredByToken(entry)
    const known = this.#coveredAtStart.get(entry) ?? isCovered(entry, this.#stores)
    this.#coveredAtStart.set(entry, known)
    return known
  }
}
