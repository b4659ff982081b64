import type { ParkedKey, ParkedKeyUpdate, ParkedProgress } from '../parking/parking-store.ts'
import { progressOf, unsettledEntry } from '../position/unsettled.ts'
import { hashItemKey } from '../records/item-key.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { RecordProgress } from '../shards/shard-ledger.ts'
import type { ParkReason } from './failure-policy.ts'
import type { ParkedDelivery } from './parked-delivery.ts'
import type { QueuedRecord } from './queued-record.ts'

/** A record of a parked key that is not in the store yet. */
export interface PendingRecord {
  readonly queued: QueuedRecord
  readonly position: string
}

type State =
  /** Its records wait for a release. */
  | 'parked'
  /** Its parked records are processed. */
  | 'releasing'
  /** All of them are finished: the key is being removed from the store. Records that arrive wait. */
  | 'returning'

/** What is reported once the first record of a key is in the store. */
export interface ParkAnnouncement {
  readonly head: QueuedRecord
  readonly reason: ParkReason
}

/**
 * A parked key: which of its records are in the store, which will be, and which are being processed. It makes
 * no call.
 */
export class ParkedKeyState {
  readonly itemKey: string
  readonly keyHash: string
  #state: State
  #parkedAt: number
  /** The number of records that are in the store and not finished. */
  #stored: number
  /** The position of the last record in the store, or that was in it. */
  #last: string | undefined
  #finished: string | undefined
  /** The position of the last record that was read from the store, or need not be read. */
  #read: string | undefined
  /** The progress of the first record, as long as it was not read from the store. */
  #progress: RecordProgress | undefined
  #pending: PendingRecord[] = []
  #arrivals: QueuedRecord[] = []
  /** The records that were read from the store and are not finished, in order. */
  #released: ParkedDelivery[] = []
  /** Records up to this position are dropped instead of being attempted. */
  #dropUntil: string | undefined
  /** Whether every record up to the last one in the store has been delivered in this run. */
  #isPassed: boolean
  #announcement: ParkAnnouncement | undefined

  private constructor(itemKey: string, stored: ParkedKey | undefined, parkedAt: number) {
    this.itemKey = itemKey
    this.keyHash = stored?.keyHash ?? hashItemKey(itemKey)
    this.#state = stored?.state ?? 'parked'
    this.#parkedAt = stored?.parkedAt ?? parkedAt
    this.#stored = stored?.records ?? 0
    this.#last = stored?.last
    this.#finished = stored?.finished
    this.#read = stored?.finished
    this.#progress = stored?.progress && progressOf({ from: '', ...stored.progress })
    this.#isPassed = stored === undefined
  }

  /** A key that is parked now. */
  static park(itemKey: string, now: number): ParkedKeyState {
    return new ParkedKeyState(itemKey, undefined, now)
  }

  /** A key that an earlier run has parked. */
  static load(stored: ParkedKey): ParkedKeyState {
    return new ParkedKeyState(stored.key, stored, stored.parkedAt)
  }

  get state(): State {
    return this.#state
  }

  /** The number of records that are not finished. */
  get records(): number {
    return this.#stored + this.#pending.length
  }

  /** The number of records that wait for the store. */
  get waiting(): number {
    return this.#pending.length + this.#arrivals.length
  }

  /** The number of records that were read from the store and are not finished. */
  get released(): number {
    return this.#released.length
  }

  // ---- Records that arrive --------------------------------------------------------------------------------

  /** Whether a delivered record was delivered before, to an earlier run that has parked or settled it. */
  isRedelivered(position: string): boolean {
    return this.#last !== undefined && position <= this.#last
  }

  /** Adds a record that will be saved, or that waits until the key has returned. */
  add(queued: QueuedRecord, position: string): void {
    if (this.#state === 'returning') this.#arrivals.push(queued)
    else this.#pending.push({ queued, position })
  }

  /** Sets what is reported once the first record is in the store. */
  announce(announcement: ParkAnnouncement): void {
    this.#announcement = announcement
    this.#progress = announcement.head.progress()
  }

  takeAnnouncement(): ParkAnnouncement | undefined {
    const announcement = this.#announcement
    this.#announcement = undefined
    return announcement
  }

  // ---- Saving ---------------------------------------------------------------------------------------------

  /**
   * Returns the next update for the store. It adds the first records that are pending: up to `limit`, and
   * about `maxBytes`. `limit` is 0 only for a key that is in the store already.
   */
  nextUpdate(limit: number, maxBytes: number, contentOf: (record: QueuedRecord) => string): ParkedKeyUpdate {
    const pending = this.#pending.slice(0, this.#countWithin(limit, maxBytes))
    const last = pending.at(-1)?.position ?? this.#last
    const head = this.#head
    const progress = writeProgress(head === undefined ? this.#progress : head.progress, head?.record)
    const key: ParkedKey = {
      keyHash: this.keyHash,
      key: this.itemKey,
      state: this.#state === 'parked' ? 'parked' : 'releasing',
      parkedAt: this.#parkedAt,
      records: this.#stored + pending.length,
      last: last as string,
      ...(this.#finished !== undefined && { finished: this.#finished }),
      ...(progress !== undefined && { progress }),
    }
    return { key, added: pending.map(({ queued, position }) => ({ position, content: contentOf(queued) })) }
  }

  /** An update was saved. Returns the records that it added. */
  saved({ added, key }: ParkedKeyUpdate): readonly QueuedRecord[] {
    const saved = this.#pending.splice(0, added.length)
    this.#stored += saved.length
    this.#last = key.last
    return saved.map(({ queued }) => queued)
  }

  #countWithin(limit: number, maxBytes: number): number {
    let count = 0
    let bytes = 0
    for (; count < Math.min(limit, this.#pending.length); count++) {
      bytes += (this.#pending[count] as PendingRecord).queued.bytes
      if (count > 0 && bytes > maxBytes) break
    }
    return count
  }

  get hasPending(): boolean {
    return this.#pending.length > 0
  }

  /** The first record that was read from the store and is neither finished nor dropped. */
  get #head(): ParkedDelivery | undefined {
    return this.#released.find(({ position }) => !this.isDropped(position))
  }

  // ---- Release --------------------------------------------------------------------------------------------

  /** Starts a release. The first record has a new budget of attempts, but its finished tasks are kept. */
  release(): void {
    this.#state = 'releasing'
    const { finishedTasks = [], since = 0 } = this.#progress ?? {}
    this.#progress =
      finishedTasks.length === 0
        ? undefined
        : { attempts: 0, since, isRunning: false, finishedTasks, error: undefined }
  }

  /**
   * Drops the records up to a position after the last finished one, and releases the key. They are finished
   * at once, also those whose attempt is running: after a crash, none of them is processed.
   *
   * @param kept - how many records after that position are in the store.
   * @returns how many are dropped.
   */
  drop(until: string, kept: number): number {
    const dropped = this.#stored - kept
    if (this.#state === 'parked') this.release()
    this.#stored = kept
    this.#finished = until
    this.#dropUntil = until
    if (this.#read === undefined || this.#read < until) {
      this.#read = until
      this.#progress = undefined
    }
    return dropped
  }

  /** Whether a released record is dropped instead of being attempted. */
  isDropped(position: string): boolean {
    return this.#dropUntil !== undefined && position <= this.#dropUntil
  }

  /** Whether every record up to a position is processed or dropped. */
  hasFinished(position: string): boolean {
    return this.#finished !== undefined && this.#finished >= position
  }

  /** After which position records can be read from the store; `undefined` for the first one. */
  get readAfter(): string | undefined {
    return this.#read
  }

  /** Whether records that were not read are in the store. */
  get hasUnread(): boolean {
    return this.#last !== undefined && this.#read !== this.#last
  }

  /** The position of the last record in the store. */
  get last(): string | undefined {
    return this.#last
  }

  /** What is known about the attempts of the first record since the release; undefined for all others. */
  get resumed(): RecordProgress | undefined {
    return this.#released.length === 0 && this.#read === this.#finished ? this.#progress : undefined
  }

  /** A record was read from the store. */
  wasRead(delivery: ParkedDelivery): void {
    this.#released.push(delivery)
    this.#read = delivery.position
    this.#progress = undefined
  }

  /** A record that was read has been settled. It is finished once all before it are. */
  advance(): void {
    while (this.#released[0]?.isSettled) {
      const { position } = this.#released.shift() as ParkedDelivery
      if (this.isDropped(position)) continue
      this.#finished = position
      this.#stored--
    }
  }

  /** A released record has failed again: those that were read and are not finished are parked again. */
  parkAgain(announcement: ParkAnnouncement, now: number): void {
    this.#state = 'parked'
    this.#parkedAt = now
    this.#released = []
    this.#read = this.#finished
    this.announce(announcement)
  }

  // ---- Return ---------------------------------------------------------------------------------------------

  /** Every record up to this position was delivered in this run, if it is delivered at all. */
  pass(position: string): void {
    if (this.#last === undefined || this.#last <= position) this.#isPassed = true
  }

  /**
   * Whether nothing is left to process, and no record that was parked or processed can be delivered again
   * once the checkpoint is saved.
   */
  get canReturn(): boolean {
    const isDone = !this.hasUnread && this.#released.length === 0 && this.#pending.length === 0
    return this.#state === 'releasing' && isDone && this.#isPassed
  }

  startReturn(): void {
    this.#state = 'returning'
  }

  /** The key cannot return now: what has arrived is parked, and then processed. */
  cancelReturn(positionOf: (record: QueuedRecord) => string): void {
    this.#state = 'releasing'
    for (const queued of this.#arrivals.splice(0)) this.add(queued, positionOf(queued))
  }

  /** The key is removed from the store. Returns the records that have arrived meanwhile. */
  takeArrivals(): readonly QueuedRecord[] {
    return this.#arrivals.splice(0)
  }
}

function writeProgress(
  progress: RecordProgress | undefined,
  record: StreamRecord | undefined,
): ParkedProgress | undefined {
  if (progress === undefined) return undefined
  const createdAt = record?.createdAt ?? new Date(0)
  const { from: _, key: __, ...written } = unsettledEntry('', undefined, progress, { createdAt })
  return written
}
