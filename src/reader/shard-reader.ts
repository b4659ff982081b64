import { ShardQueue } from '../merge/shard-queue.ts'
import { compareSequenceNumbers, isSequenceNumber } from '../position/sequence-number.ts'
import type { UnsettledStart } from '../shards/loaded-settlement.ts'
import { CLOCK_SKEW_MS, RETENTION_MS } from '../shards/retention.ts'
import { isOldestRetained, type ShardNode } from '../shards/shard.ts'
import type { IteratorStart } from '../streams-api/streams-api.ts'
import { createdAtMsOf, sequenceNumberOf } from '../wire/record-fields.ts'
import type { WireRecord, WireRecords } from '../wire/wire-record.ts'
import { invalidateTip, nextStep } from './next-step.ts'
import { nextPollAt } from './poll-interval.ts'
import { initialReadState, type ReadState, withoutCurrentIterator } from './read-state.ts'
import type { Action, Outcome, StepContext } from './step.ts'

export type ReaderPhase =
  /** In the schedule. */
  | 'scheduled'
  /** A read is in flight. */
  | 'reading'
  /** Not scheduled, because enough of its records are buffered. */
  | 'prefetched'
  /** A page had no next iterator: a listing must show whether the shard is closed. */
  | 'checkingEnd'
  /** A call is in flight that shows why a read failed. */
  | 'probing'
  /** Not scheduled until an error has been thrown to the caller. */
  | 'failed'
  /** It will not be read again. */
  | 'stopped'

/** The part of a step's context that the reader itself does not have. */
export type SharedContext = Pick<
  StepContext,
  'now' | 'presentSince' | 'serviceNow' | 'random' | 'idlePollMs'
> & {
  /** The latest possible service time (ms). */
  readonly serviceNowAtMost: number
  /** A caller waits until every shard has been read after this read number; undefined if no caller waits. */
  readonly awaitedAfter: number | undefined
  readonly isPrefetched: boolean
}

/** @internal */
export interface ReaderOptions {
  /** Whether its records are held back until those of its parent are delivered. */
  readonly isHeld: boolean
  /** The service's time (ms). */
  readonly serviceNow: number
  /** The granularity to which the service truncates record times (ms). */
  readonly timeGranularityMs: number
  /** Called after each change of the reader's state. */
  readonly onChange: (reader: ShardReader) => void
}

/**
 * One shard that is being read: its iterator, the results of its reads, and its buffered records. It makes no
 * calls. It determines what to request and processes the outcome; `nextStep` decides what follows.
 *
 * @internal
 */
export class ShardReader {
  readonly node: ShardNode
  readonly queue: ShardQueue
  readonly #onChange: (reader: ShardReader) => void
  #phase: ReaderPhase = 'stopped'
  #state: ReadState = initialReadState
  #isHeld: boolean
  /** Records older than this (ms) are skipped, until the first one that is not. */
  #since: number | undefined
  #dueAt = 0
  /** The number of its last read, counted over all shards. */
  #readNumber = 0
  /** The number of the last read that showed whether there is anything new. */
  #lastPolledRead = 0
  /** When its last read started (monotonic ms, and the service's time in ms). */
  #polledAt: number = Number.NEGATIVE_INFINITY
  #polledAtServiceTime: number | undefined
  #respondedAt: number = Number.NEGATIVE_INFINITY
  #caughtUpAt: number | undefined
  /** Whether it was known, when its last read started, that no more records would be written. */
  #hadEnded = false

  constructor(node: ShardNode, { isHeld, serviceNow, timeGranularityMs, onChange }: ReaderOptions) {
    this.node = node
    this.#isHeld = isHeld
    this.#onChange = onChange
    const { start } = node
    if (typeof start === 'object' && 'since' in start) {
      this.#since = Math.floor(start.since / timeGranularityMs) * timeGranularityMs
    }
    const parentTime = Number.isFinite(node.reachedTime) ? node.reachedTime : undefined
    this.queue = new ShardQueue(node, parentTime ?? node.createdAt ?? serviceNow)
  }

  // ---- State ----------------------------------------------------------------------------------------------

  get phase(): ReaderPhase {
    return this.#phase
  }

  /** Whether its records are held back until those of its parent are delivered. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /** When it is due to be read (monotonic ms); valid while it is scheduled. */
  get dueAt(): number {
    return this.#dueAt
  }

  get iterator(): string | undefined {
    return this.#state.iterator
  }

  /** When its iterator expires (monotonic ms); undefined if it has none. */
  get iteratorExpiresAt(): number | undefined {
    return this.#state.iterator === undefined ? undefined : this.#state.iteratorExpiresAt
  }

  /** Whether a read has shown that nothing is left to read. */
  get atTip(): boolean {
    return this.#state.atTip
  }

  /** Whether it has been failing for so long that the merge no longer waits for it. */
  get isStalled(): boolean {
    return this.#state.isStalled
  }

  /** Whether its last call failed. */
  get isFailing(): boolean {
    return this.#state.failures > 0 || this.#phase === 'failed'
  }

  /** When the last read that returned a page started (monotonic ms). */
  get respondedAt(): number {
    return this.#respondedAt
  }

  /** The service's time up to which all records have been fetched (ms); undefined if unknown. */
  get caughtUpAt(): number | undefined {
    return this.#caughtUpAt
  }

  /** Records older than this (ms) are skipped; undefined once one that is not older was found. */
  get since(): number | undefined {
    return this.#since
  }

  /** Whether the merge must wait for it, because it may contain records older than the buffered ones. */
  get blocks(): boolean {
    if (this.#isHeld || this.#state.atTip || this.#state.isStalled || this.queue.length > 0) return false
    return this.#phase !== 'stopped' && this.#phase !== 'checkingEnd' && this.#phase !== 'failed'
  }

  /** Whether a caller that waits for a read after number `readNumber` need not wait for this shard. */
  hasPolledSince(readNumber: number): boolean {
    return (
      this.#lastPolledRead > readNumber ||
      this.#state.isStalled ||
      // The caller waits for the listing instead, if it is the first for this shard (`Discovery.isAwaited`).
      this.#phase === 'checkingEnd' ||
      this.#phase === 'stopped' ||
      this.#phase === 'failed'
    )
  }

  /** The position for the next iterator. `serviceNow`: the latest possible service time (ms). */
  iteratorStart(serviceNow: number): IteratorStart {
    const { lastRead } = this
    const unsettled = this.#unsettledStart
    if (unsettled) {
      return 'at' in unsettled
        ? { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: unsettled.at }
        : { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: unsettled.after }
    }
    // The position was refused, and that is not a gap: continue at the oldest retained record.
    if (this.#state.isRefused && !this.losesTrimmed(serviceNow)) return { type: 'TRIM_HORIZON' }
    if (lastRead !== undefined && !this.#isBeforeFirst(lastRead)) {
      return { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: lastRead }
    }
    const first = this.#firstSequenceNumber(serviceNow)
    return first === undefined
      ? { type: 'TRIM_HORIZON' }
      : { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: first }
  }

  /** The last sequence number that was read, by this process or before the position was saved. */
  get lastRead(): string | undefined {
    const { fetched, start } = this.node
    return fetched ?? (typeof start === 'object' && 'after' in start ? start.after : undefined)
  }

  // ---- Reading --------------------------------------------------------------------------------------------

  /** Schedules its next read at `dueAt` (monotonic ms), or as soon afterwards as its rate limit allows. */
  schedule(dueAt: number): void {
    this.#phase = 'scheduled'
    this.#dueAt = Math.max(dueAt, this.#state.notBefore)
    this.#onChange(this)
  }

  /**
   * Marks the start of a read.
   *
   * @param readNumber - the number of the read, counted over all shards.
   * @param now - monotonic ms.
   * @param serviceNow - the service's time (ms).
   */
  startRead(readNumber: number, now: number, serviceNow: number): void {
    this.#phase = 'reading'
    this.#readNumber = readNumber
    this.#polledAt = now
    this.#polledAtServiceTime = serviceNow
    this.#hadEnded = this.node.hasEnded
    this.#onChange(this)
  }

  /** Sets a new iterator, which expires at `expiresAt` (monotonic ms). */
  iteratorOpened(iterator: string, expiresAt: number): void {
    this.#state = { ...this.#state, iterator, iteratorExpiresAt: expiresAt }
  }

  /** Marks a shard whose iterator was opened with LATEST as caught up: nothing is left to read yet. */
  openedAtLatest(serviceNow: number): void {
    this.#caughtUpAt = serviceNow
    this.#state = { ...this.#state, atTip: true }
    this.#onChange(this)
  }

  /**
   * Registers the records of a page as fetched. Returns the index of the first one to deliver: records that
   * were fetched before (a page that was returned twice) and records older than `since` are skipped.
   */
  admit(records: WireRecords): number {
    const unseen = this.#firstUnseen(records)
    if (unseen < records.length) {
      this.node.fetched = sequenceNumberOf(records.at(records.length - 1) as WireRecord)
    }
    return this.#firstWanted(records, unseen)
  }

  /** Whether the records of a page show that an unsettled record before them was trimmed. */
  lacksUnsettled(records: WireRecords): boolean {
    const { ledger } = this.node
    if (!ledger.isResuming || records.length === 0) return false
    return ledger.isUnsettledMissing(this.lastRead, sequenceNumberOf(records.at(0) as WireRecord))
  }

  /** Applies an outcome to the state. Returns what to do next; undefined: continue as before. */
  step(outcome: Outcome, context: SharedContext): Action | undefined {
    if (outcome.kind === 'endChecked' && this.#phase !== 'checkingEnd') return undefined
    const { state, action, isPolled } = nextStep(this.#state, outcome, this.#stepContext(context))
    this.#state = state
    if (outcome.kind === 'page') this.#respondedAt = this.#polledAt
    if (isPolled) this.#lastPolledRead = this.#readNumber
    if (isPolled && state.atTip) this.#caughtUpAt = this.#polledAtServiceTime
    if (action) this.#phase = phaseAfter[action.do]
    this.#onChange(this)
    return action
  }

  /**
   * Called after a record was delivered from its queue. Returns its new due time (monotonic ms); undefined if
   * that does not change.
   */
  drained(context: SharedContext): number | undefined {
    const isEmpty = this.queue.length === 0
    if (isEmpty) this.#onChange(this)
    if (this.#phase === 'prefetched') return context.isPrefetched ? undefined : this.#nextPollAt(context)
    if (this.#phase !== 'scheduled' || !isEmpty) return undefined
    return this.#state.atTip || this.isFailing ? undefined : context.now
  }

  /**
   * When to read it for a caller that waits for new records (monotonic ms); undefined if no sooner than
   * scheduled.
   */
  dueForCaller({ idlePollMs, now }: SharedContext): number | undefined {
    if (this.#phase !== 'scheduled' || this.isFailing) return undefined
    const dueAt = this.#state.atTip ? this.#polledAt + idlePollMs.min : now
    return dueAt < this.#dueAt ? dueAt : undefined
  }

  /** Stops holding back its records: they can be delivered from now on. */
  release(): void {
    this.#isHeld = false
    this.#onChange(this)
  }

  /** Discards the finding that nothing is left to read. Reads up to number `lastStaleRead` cannot show it. */
  invalidateTip(lastStaleRead: number): void {
    this.#state = invalidateTip(this.#state, lastStaleRead)
    this.#onChange(this)
  }

  /** Drops the iterator: the next read opens a new one. */
  dropIterator(): void {
    this.#state = withoutCurrentIterator(this.#state)
    this.#onChange(this)
  }

  /** Sets the position to the oldest retained record, after a gap. */
  resetToTrimHorizon(): void {
    this.node.continueAfterGap()
  }

  /** Ends reading. */
  stop(): void {
    this.#phase = 'stopped'
    this.#onChange(this)
  }

  /** Whether a trimmed record of the shard is a gap. `serviceNow`: the latest possible service time (ms). */
  losesTrimmed(serviceNow: number): boolean {
    const { fetched, mustBeComplete, start } = this.node
    if (this.#unsettledStart) return true
    if (fetched !== undefined) {
      // Until a record of the requested time is found, trimmed records are a gap only if they may be as new.
      return this.#since === undefined || this.#since < serviceNow - RETENTION_MS
    }
    if (start === 'start') return mustBeComplete
    // Trimmed records are older than the retention. They are a gap if records that old were requested.
    return 'after' in start || (mustBeComplete && start.since < serviceNow - RETENTION_MS - CLOCK_SKEW_MS)
  }

  // ---------------------------------------------------------------------------------------------------------

  #stepContext(context: SharedContext): StepContext {
    const { node, queue } = this
    const { serviceNow } = context
    const { createdAt } = node
    const isYoung = createdAt !== undefined && createdAt > serviceNow - RETENTION_MS
    return {
      ...context,
      readNumber: this.#readNumber,
      polledAt: this.#polledAt,
      isAwaited: this.#isAwaited(context),
      hasBuffered: queue.length > 0,
      hasEnded: node.hasEnded,
      hadEnded: this.#hadEnded,
      isClosed: node.closed,
      createdAt,
      losesTrimmed: this.losesTrimmed(context.serviceNowAtMost),
      // Not a gap if the oldest retained records were requested and the shard is older than the retention.
      losesShard: node.mustBeComplete || node.fetched !== undefined || isYoung || node.ledger.isResuming,
      hasUnsettledStart: node.ledger.unsettledStartAfter(this.lastRead) !== undefined,
      opensAtUnsettled: this.#unsettledStart !== undefined,
    }
  }

  /**
   * Where to start if only settled records precede that position; undefined to start after the last one read.
   * If whatever is retained was requested, that position would not show that an unsettled record was trimmed.
   */
  get #unsettledStart(): UnsettledStart | undefined {
    const { fetched, ledger, start } = this.node
    const { unsettledStart } = this.#state
    const isUsed =
      unsettledStart === 'used' ||
      (unsettledStart === 'unused' && fetched === undefined && isOldestRetained(start))
    return isUsed ? ledger.unsettledStartAfter(this.lastRead) : undefined
  }

  #isAwaited({ awaitedAfter }: SharedContext): boolean {
    return awaitedAfter !== undefined && !this.#isHeld && !this.hasPolledSince(awaitedAfter)
  }

  #nextPollAt(context: SharedContext): number {
    const { now, idlePollMs } = context
    return nextPollAt(this.#state, {
      now,
      idlePollMs,
      polledAt: this.#polledAt,
      isAwaited: this.#isAwaited(context),
    })
  }

  /**
   * DynamoDB Local refuses sequence numbers before the shard's first one. A token can contain such a number
   * if it was converted from a position AT a record instead of AFTER one.
   */
  #isBeforeFirst(sequenceNumber: string): boolean {
    const first = this.node.startingSequenceNumber
    if (first === undefined || !isSequenceNumber(first)) return false
    return compareSequenceNumbers(sequenceNumber, first) < 0
  }

  /**
   * The shard's first sequence number, if reading has to start there. TRIM_HORIZON skips trimmed records
   * silently. So if a trimmed record is a gap, and the shard is old enough to have lost some, it is opened at
   * its first sequence number: that call fails if the record is trimmed.
   */
  #firstSequenceNumber(serviceNow: number): string | undefined {
    const { node } = this
    if (!this.losesTrimmed(serviceNow) || this.#state.rejectsFirstNumber) return undefined
    const { createdAt } = node
    if (createdAt === undefined || createdAt > serviceNow - RETENTION_MS) return undefined
    return node.startingSequenceNumber
  }

  #firstUnseen(records: WireRecords): number {
    const { fetched } = this.node
    if (fetched === undefined || !isSequenceNumber(fetched)) return 0
    let index = 0
    while (index < records.length) {
      const sequenceNumber = sequenceNumberOf(records.at(index) as WireRecord)
      if (!isSequenceNumber(sequenceNumber) || compareSequenceNumbers(sequenceNumber, fetched) > 0) break
      index++
    }
    return index
  }

  #firstWanted(records: WireRecords, from: number): number {
    if (this.#since === undefined) return from
    for (let index = from; index < records.length; index++) {
      const createdAt = createdAtMsOf(records.at(index) as WireRecord)
      // A record without a time is not skipped: it may be new enough.
      if (createdAt === undefined || createdAt >= this.#since) {
        this.#since = undefined
        return index
      }
    }
    return records.length
  }
}

const phaseAfter: { readonly [Do in Action['do']]: ReaderPhase } = {
  read: 'scheduled',
  pause: 'prefetched',
  checkEnd: 'checkingEnd',
  probeTrimHorizon: 'probing',
  describeStream: 'probing',
  fail: 'failed',
  reportGap: 'failed',
  finish: 'stopped',
  expire: 'stopped',
}
