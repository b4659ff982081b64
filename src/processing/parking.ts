import { type Clock, sleep } from '../core/clock.ts'
import type { Emitter } from '../core/emitter.ts'
import { writeContent } from '../parking/content.ts'
import type { ParkedKeyUpdate, ParkedRecord, ParkingLease, ParkingRequest } from '../parking/parking-store.ts'
import { parkedPosition } from '../parking/position.ts'
import { hashItemKey } from '../records/item-key.ts'
import { HIDDEN_PARENT_WAIT_MS } from '../shards/shard-forest.ts'
import type { CheckedParking } from './check-parking.ts'
import type { ProcessingEvents } from './events.ts'
import { ParkedDelivery } from './parked-delivery.ts'
import { ParkedKeyState } from './parked-key-state.ts'
import { ParkingCalls } from './parking-calls.ts'
import { acquireParking, tooManyParked } from './parking-errors.ts'
import { ParkingReads } from './parking-reads.ts'
import { ParkingWrites } from './parking-writes.ts'
import type { EvictedRecords } from './planner.ts'
import type { QueuedRecord } from './queued-record.ts'

/** How often requests of operators are read while keys are parked, in ms. */
const POLL_MS = 5_000

/**
 * All that was written before the store was acquired has been read once the lag is this much less than the
 * time since then, in ms. A shard that an earlier run has read may not be listed for minutes, and is not part
 * of the lag until then: see {@link HIDDEN_PARENT_WAIT_MS}.
 */
const LAG_MARGIN_MS = 2 * HIDDEN_PARENT_WAIT_MS

/** A sequence number that is not less than any other. */
const END = '9'.repeat(40)

/** How many records are read at a time when they are counted. */
const COUNTED_RECORDS = 20

/** How long the start of a run, and of an attempt, waits for a call of the store, in ms. */
const CALL_TIMEOUT_MS = 10_000

/** How long the end of a run waits until the progress of released records is saved, in ms. */
const FINISH_TIMEOUT_MS = 10_000

export interface ParkingContext {
  readonly options: CheckedParking
  readonly clock: Clock
  readonly random: () => number
  /** The name of the run. */
  readonly name: string
  readonly epoch: number | undefined
  readonly streamArn: () => string
  /** How far reading and processing are behind the stream, in ms. */
  readonly lagMs: () => number
  readonly events: Emitter<ProcessingEvents>
  readonly listener: ParkingListener
}

export interface ParkingListener {
  /** A record is in the store: it is settled. */
  onParked(record: QueuedRecord): void
  /** A record that was read from the store is parked again: the run no longer holds it. */
  onParkedAgain(record: QueuedRecord): void
  /** A record that was read from the store, and was to be attempted again, is dropped. */
  onDropped(record: QueuedRecord): void
  /** A record was read from the store, and is to be processed. */
  onReleased(delivery: ParkedDelivery): void
  /** Records that were in no lane are to be processed. */
  onReady(records: readonly QueuedRecord[]): void
  /** Whether memory is left for records of the store. */
  canRead(): boolean
  /** Saves the checkpoint. Rejects if that fails. */
  saveCheckpoint(): Promise<void>
  /** Something that the end of the run waits for has ended. */
  onCallEnded(): void
  onFatal(error: unknown): void
}

/**
 * The parked keys of a run. While a key is parked, its records are diverted from the stream to the store, and
 * a release processes them from there, in order. Only this component writes to the store.
 */
export class Parking {
  readonly #context: ParkingContext
  readonly #keys = new Map<string, ParkedKeyState>()
  readonly #closed = new AbortController()
  /** When the store was acquired, in monotonic ms: no other worker has parked a record after that. */
  #acquiredAt = 0
  #lease: ParkingLease | undefined
  #calls!: ParkingCalls
  #writes: ParkingWrites | undefined
  #reads: ParkingReads | undefined
  #isPolling = false
  /** Settles when all requests that were carried out are completed. */
  #completing: Promise<void> | undefined
  #isStopping = false
  /** Whether the run ends because of the store: what was to be saved may not be. */
  #hasFailed = false
  #cancelPoll = (): void => {}

  constructor(context: ParkingContext) {
    this.#context = context
  }

  // ---- State ----------------------------------------------------------------------------------------------

  /** The number of parked keys. */
  get parkedKeys(): number {
    return this.#keys.size
  }

  /** The number of records that are parked, or wait to be. */
  get parkedRecords(): number {
    let records = 0
    for (const key of this.#keys.values()) records += key.records
    return records
  }

  /** The number of records that wait for the store. */
  get waiting(): number {
    let waiting = 0
    for (const key of this.#keys.values()) waiting += key.waiting
    return waiting
  }

  /** Whether a release is in progress that does not wait for records of the stream. */
  get isReleasing(): boolean {
    for (const key of this.#keys.values()) {
      if (key.state === 'returning' || key.released > 0 || (key.state === 'releasing' && key.hasUnread))
        return true
    }
    return false
  }

  get isWriting(): boolean {
    return this.#writes?.isWriting === true
  }

  // ---- Life cycle -----------------------------------------------------------------------------------------

  /**
   * Acquires the store, and loads the parked keys.
   *
   * @throws StreamError `checkpoint.conflict` or `parking.failed`
   */
  async open(signal: AbortSignal): Promise<void> {
    const { options, name, epoch, clock, random, events } = this.#context
    const lease = await acquireParking(options.store, name, epoch, signal)
    this.#lease = lease
    this.#acquiredAt = clock.monotonic()
    if (this.#closed.signal.aborted) this.close()
    if (signal.aborted) return
    this.#calls = new ParkingCalls(lease, {
      clock,
      random,
      signal: this.#closed.signal,
      onRetry: (retry) => events.emit('parkingRetry', retry),
    })
    this.#writes = new ParkingWrites(this.#calls, clock, {
      contentOf: (record) => this.#contentOf(record),
      onSaved: (key, update) => this.#saved(key, update),
      onEnded: () => this.#context.listener.onCallEnded(),
      onFailed: (error) => this.#failed(error),
    })
    this.#reads = new ParkingReads(this.#calls, clock, name, {
      canRead: () => this.#context.listener.canRead(),
      onRead: (delivery) => this.#context.listener.onReleased(delivery),
      onSettled: (key) => {
        this.#writes?.saveSoon(key)
        this.#tryReturn(key)
      },
      onFailed: (error) => this.#failed(error),
    })
    for (const stored of lease.keys) this.#keys.set(stored.key, ParkedKeyState.load(stored))
    await this.#pollOnce()
  }

  /**
   * Reads requests before a record is taken: it may be one more than its key may have, unless the key is
   * released. If the store does not respond in time, the records of other keys do not wait for it.
   */
  async #pollOnce(): Promise<void> {
    const polled = new AbortController()
    void this.#poll().then(() => polled.abort())
    await sleep(this.#context.clock, CALL_TIMEOUT_MS, polled.signal)
  }

  /** Starts no release, and reads no record of the store any more. Records that wait are still saved. */
  stop(): void {
    this.#isStopping = true
    this.#cancelPoll()
    this.#reads?.stop()
  }

  /**
   * Saves the progress of a record that was read from the store. Resolves to false if that does not succeed
   * in time, or before `signal` aborts: an attempt that waits for it keeps others from starting.
   */
  async saveProgress({ record }: QueuedRecord, signal: AbortSignal): Promise<boolean> {
    const key = this.#keys.get(record.itemKey)
    if (key === undefined || this.#writes === undefined) return true
    const ended = new AbortController()
    const end = () => ended.abort()
    let isSaved = false
    void this.#writes.saved(key).then(() => {
      isSaved = true
      end()
    })
    signal.addEventListener('abort', end, { once: true })
    await sleep(this.#context.clock, CALL_TIMEOUT_MS, ended.signal)
    signal.removeEventListener('abort', end)
    return isSaved
  }

  /** Saves the progress of the records that were read and are not settled, if that is possible in time. */
  async finish(): Promise<void> {
    if (this.#writes === undefined) return
    for (const key of this.#keys.values()) if (key.released > 0) this.#writes?.saveSoon(key)
    const finished = new AbortController()
    void this.#endCalls(this.#writes).then(() => finished.abort())
    await sleep(this.#context.clock, FINISH_TIMEOUT_MS, finished.signal)
  }

  /** Resolves when everything is saved, and keys whose return has come that far are removed. */
  async #endCalls(writes: ParkingWrites): Promise<void> {
    await writes.flush()
    // A key that is being removed is not saved. This call is made after that, as the last one.
    await this.#calls.run(async () => {}).catch(() => {})
  }

  /** Makes no call any more, and changes nothing when those in progress end. */
  close(): void {
    this.stop()
    this.#closed.abort()
    this.#writes?.stop()
    const lease = this.#lease
    this.#lease = undefined
    if (lease !== undefined) void closeLease(lease)
  }

  // ---- What the run reports -------------------------------------------------------------------------------

  /**
   * Takes a record that was delivered, if its key is parked. Returns whether it was taken: then it must not
   * be attempted.
   */
  divert(queued: QueuedRecord, itemKey: string): boolean {
    const key = this.#keys.get(itemKey)
    if (key === undefined) return false
    const position = this.#positionOf(queued)
    key.pass(position)
    if (key.isRedelivered(position)) {
      this.#context.listener.onParked(queued)
      this.#tryReturn(key)
    } else this.#append(key, queued, position)
    return true
  }

  /** Parks the key of records that were evicted from their lane. */
  park({ records, reason }: EvictedRecords): void {
    const [head] = records as [QueuedRecord]
    const { itemKey } = head.record
    const parked = this.#keys.get(itemKey)
    if (parked !== undefined) {
      this.#parkAgain(parked, records, reason)
      return
    }
    const key = ParkedKeyState.park(itemKey, this.#context.clock.now())
    this.#keys.set(itemKey, key)
    key.announce({ head, reason })
    for (const queued of records) this.#append(key, queued, this.#positionOf(queued))
    if (this.#keys.size === 1) this.#schedulePoll()
  }

  /** The progress of a record that was read from the store has changed. */
  changed({ record, isFromParking }: QueuedRecord): void {
    const key = isFromParking ? this.#keys.get(record.itemKey) : undefined
    if (key !== undefined) this.#writes?.saveSoon(key)
  }

  /** Whether a record that was read from the store has to be dropped instead of being attempted. */
  isDropped({ delivery, record }: QueuedRecord): boolean {
    if (!(delivery instanceof ParkedDelivery)) return false
    return this.#keys.get(record.itemKey)?.isDropped(delivery.position) === true
  }

  /**
   * The stream has ended, and all that it delivers was delivered. Returns whether keys return to it that have
   * waited for this: the run has to stay open until they have.
   */
  streamEnded(): boolean {
    this.#passStream()
    for (const key of this.#keys.values()) this.#tryReturn(key)
    return this.isReleasing
  }

  // ---- Writing --------------------------------------------------------------------------------------------

  #append(key: ParkedKeyState, queued: QueuedRecord, position: string): void {
    key.add(queued, position)
    const { maxParkedPerKey } = this.#context.options
    if (key.state === 'parked' && key.records > maxParkedPerKey) {
      this.#failed(tooManyParked(this.#context.name, key.keyHash, maxParkedPerKey))
    } else if (key.hasPending) this.#writes?.save(key)
  }

  #saved(key: ParkedKeyState, update: ParkedKeyUpdate): void {
    const { listener, events } = this.#context
    for (const record of key.saved(update)) listener.onParked(record)
    const announcement = key.takeAnnouncement()
    if (announcement !== undefined) {
      const { record, delivery, shardId, attempts } = announcement.head
      const reference = {
        shardId,
        sequenceNumber: delivery.sequenceNumber,
        keyHash: hashItemKey(record.itemKey),
      }
      events.emit('parked', { ...reference, reason: announcement.reason, attempts })
    }
    this.#reads?.read(key)
    this.#tryReturn(key)
  }

  #parkAgain(key: ParkedKeyState, records: readonly QueuedRecord[], reason: EvictedRecords['reason']): void {
    const { listener, clock } = this.#context
    const kept = records.filter((record) => !this.isDropped(record))
    for (const record of records) if (!kept.includes(record)) listener.onDropped(record)
    const [head] = kept
    if (head === undefined) return
    // What has failed is dropped: nothing has failed that is left.
    if (head !== records[0]) return void listener.onReady(kept)
    this.#reads?.forget(key)
    key.parkAgain({ head, reason }, clock.now())
    for (const record of kept) listener.onParkedAgain(record)
    this.#writes?.save(key)
  }

  // ---- Requests -------------------------------------------------------------------------------------------

  #schedulePoll(): void {
    this.#cancelPoll()
    if (this.#isStopping || this.#keys.size === 0) return
    this.#cancelPoll = this.#context.clock.setTimer(POLL_MS, () => void this.#poll(), true)
  }

  async #poll(): Promise<void> {
    if (this.#isPolling) return
    this.#isPolling = true
    try {
      const { clock, lagMs } = this.#context
      const isCurrent = lagMs() + LAG_MARGIN_MS < clock.monotonic() - this.#acquiredAt
      if (isCurrent) this.#passStream()
      await this.#readRequests()
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#isPolling = false
      this.#schedulePoll()
    }
  }

  async #readRequests(): Promise<void> {
    // Otherwise they would be carried out again.
    await this.#completing
    if (this.#keys.size === 0) return
    const requests = await this.#calls.run((lease) => lease.requests())
    const byHash = new Map([...this.#keys.values()].map((key) => [key.keyHash, key]))
    const carriedOut: { readonly request: ParkingRequest; readonly key: ParkedKeyState | undefined }[] = []
    for (const request of requests) {
      if (this.#isStopping) return
      const key = byHash.get(request.keyHash)
      if (key !== undefined && !(await this.#carryOut(key, request))) continue
      carriedOut.push({ request, key })
    }
    // A key that returns meanwhile is removed with its request. It must not be stored again.
    const open = carriedOut.filter(({ key }) => key?.state !== 'returning')
    // Not all that has changed: while records arrive for other keys, there is always more.
    await Promise.all(open.map(({ key }) => key && this.#writes?.saved(key)))
    if (this.#hasFailed) return
    this.#completing = this.#complete(open.map(({ request }) => request)).catch((error: unknown) =>
      this.#failed(error),
    )
    for (const key of this.#keys.values()) {
      this.#reads?.read(key)
      this.#tryReturn(key)
    }
  }

  async #complete(requests: readonly ParkingRequest[]): Promise<void> {
    for (const request of requests) await this.#calls.run((lease) => lease.complete(request))
  }

  /** Returns whether the request is carried out: a key that is about to return is left alone. */
  async #carryOut(key: ParkedKeyState, { action, until }: ParkingRequest): Promise<boolean> {
    if (action === 'drop') return this.#drop(key, until ?? key.last)
    if (key.state === 'returning') return false
    const { keyHash, records, state } = key
    if (state === 'parked') {
      key.release()
      this.#context.events.emit('released', { keyHash, records })
    }
    return true
  }

  /** Drops the records up to a position. Those that were parked after the request are processed. */
  async #drop(key: ParkedKeyState, until: string | undefined): Promise<boolean> {
    const { keyHash } = key
    let kept = 0
    if (until !== undefined && until !== key.last) {
      kept = await this.#calls.run((lease) => this.#countAfter(lease, keyHash, until))
    }
    // A key that has been removed meanwhile is still in this state.
    if (this.#isStopping || key.state === 'returning') return false
    if (until !== undefined && !key.hasFinished(until)) {
      this.#context.events.emit('dropped', { keyHash, records: key.drop(until, kept) })
    }
    return true
  }

  /** Returns how many records after a position are stored. */
  async #countAfter(lease: ParkingLease, keyHash: string, position: string): Promise<number> {
    let count = 0
    let last: string | undefined = position
    while (last !== undefined && !this.#closed.signal.aborted) {
      const records: readonly ParkedRecord[] = await lease.read(keyHash, last, COUNTED_RECORDS)
      count += records.length
      last = records.at(-1)?.position
    }
    return count
  }

  /**
   * All that was in the stream when the run started was delivered. An earlier run may have parked records of
   * the table's next stream, if the loaded checkpoint is older than that: they will be delivered again.
   */
  #passStream(): void {
    const end = parkedPosition(this.#context.streamArn(), END)
    for (const key of this.#keys.values()) key.pass(end)
  }

  // ---- Return ---------------------------------------------------------------------------------------------

  #tryReturn(key: ParkedKeyState): void {
    if (this.#isStopping || !key.canReturn) return
    key.startReturn()
    this.#return(key).catch((error: unknown) => this.#failed(error))
  }

  /** Removes a key from the store, once the checkpoint covers all records that were parked. */
  async #return(key: ParkedKeyState): Promise<void> {
    const { listener, events } = this.#context
    try {
      await listener.saveCheckpoint()
    } catch {
      // Saving is still being retried. If the lease is lost, the run ends.
      if (this.#closed.signal.aborted) return
      key.cancelReturn((record) => this.#positionOf(record))
      if (key.hasPending) this.#writes?.save(key)
      return
    }
    this.#writes?.forget(key)
    await this.#calls.run((lease) => lease.remove(key.keyHash))
    if (this.#closed.signal.aborted) return
    this.#keys.delete(key.itemKey)
    listener.onReady(key.takeArrivals())
    events.emit('returned', { keyHash: key.keyHash })
    listener.onCallEnded()
  }

  #failed(error: unknown): void {
    this.#hasFailed = true
    if (!this.#closed.signal.aborted) this.#context.listener.onFatal(error)
  }

  #positionOf({ delivery }: QueuedRecord): string {
    return parkedPosition(this.#context.streamArn(), delivery.sequenceNumber)
  }

  #contentOf({ record, finishedTasks }: QueuedRecord): string {
    return writeContent({ record, done: finishedTasks }, this.#context.streamArn())
  }
}

/** A store that breaks its promise not to reject must not keep the run from ending. */
async function closeLease(lease: ParkingLease): Promise<void> {
  try {
    await lease.close()
  } catch {}
}
