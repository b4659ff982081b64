import { ShardQueue } from '../merge/shard-queue.ts'
import { compareSequenceNumbers, isSequenceNumber } from '../position/sequence-number.ts'
import { CLOCK_SKEW_MS, RETENTION_MS } from '../shards/retention.ts'
import { OLDEST_RETAINED, type ShardNode } from '../shards/shard.ts'
import type { IteratorStart } from '../streams-api/streams-api.ts'
import { createdAtMsOf, sequenceNumberOf } from '../wire/record-fields.ts'
import type { WireRecord, WireRecords } from '../wire/wire-record.ts'
import {
  type Action,
  initialReadState,
  invalidateTip,
  nextPollAt,
  nextStep,
  type Outcome,
  type ReadState,
  type StepContext,
  withoutCurrentIterator,
} from './next-step.ts'

export type ReaderPhase =
  /** In the schedule. */
  | 'scheduled'
  /** A read is in flight. */
  | 'reading'
  /** Enough is buffered. */
  | 'prefetched'
  /** A page had no next iterator: a listing must show whether the shard is closed. */
  | 'checkingEnd'
  /** A call was made because a read failed. */
  | 'probing'
  /** Waits for the caller, who must see an error first. */
  | 'failed'
  /** Not to be read any more. */
  | 'stopped'

/** What a step depends on that the reader does not know itself. */
export type SharedContext = Pick<
  StepContext,
  'now' | 'presentSince' | 'serviceNow' | 'random' | 'idlePollMs'
> & {
  /** The latest that the service's time may be (ms). */
  readonly serviceNowAtMost: number
  /** Reads after this one (by number) answer a caller who is waiting; undefined if none is. */
  readonly awaitedAfter: number | undefined
  readonly isPrefetched: boolean
}

/** @internal */
export interface ReaderOptions {
  /** Its records wait until those of its parent are delivered. */
  readonly isHeld: boolean
  /** The service's time (ms). */
  readonly serviceNow: number
  /** The service truncates record times to this (ms). */
  readonly timeGranularityMs: number
  /** Called after each change of what the reader says of itself. */
  readonly onChange: (reader: ShardReader) => void
}

/**
 * One shard that is being read: its iterator, how its reads went, and its buffered records. It makes no calls: it says how
 * the next one should be, and takes the outcome in. What happens after an outcome is decided in `next-step.ts`.
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
  /** Skip records older than this (ms), until one of that time or later comes. */
  #since: number | undefined
  #dueAt = 0
  #readNumber = 0
  #answeredRead = 0
  #polledAt: number = Number.NEGATIVE_INFINITY
  #answeredAt: number = Number.NEGATIVE_INFINITY
  #polledAtServiceTime: number | undefined
  #caughtUpAt: number | undefined
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

  // ---- What it says of itself --------------------------------------------------------------------------------------

  get phase(): ReaderPhase {
    return this.#phase
  }

  /** Whether its records wait until those of its parent are delivered. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /** When it is to be read (monotonic ms), if it is scheduled. */
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

  /** Whether it was seen that nothing is left to read. */
  get atTip(): boolean {
    return this.#state.atTip
  }

  /** Whether it has been failing for so long that the merge no longer waits for it. */
  get isStalled(): boolean {
    return this.#state.isStalled
  }

  get isFailing(): boolean {
    return this.#state.failures > 0 || this.#phase === 'failed'
  }

  /** When the last read that was answered with a page started (monotonic ms). */
  get answeredAt(): number {
    return this.#answeredAt
  }

  /** Up to when it is known that everything was fetched (ms, the service's time); undefined as long as it is not. */
  get caughtUpAt(): number | undefined {
    return this.#caughtUpAt
  }

  /** Skip records older than this (ms); undefined once one of that time was found. */
  get since(): number | undefined {
    return this.#since
  }

  /** Whether the merge must wait for it: it may hold records older than any that are buffered. */
  get blocks(): boolean {
    if (this.#isHeld || this.#state.atTip || this.#state.isStalled || this.queue.length > 0) return false
    return this.#phase !== 'stopped' && this.#phase !== 'checkingEnd' && this.#phase !== 'failed'
  }

  /** Whether a caller that asked for news after the read of that number need not wait for it. */
  hasAnsweredSince(readNumber: number): boolean {
    return (
      this.#answeredRead > readNumber ||
      this.#state.isStalled ||
      // Discovery makes the caller wait for the first look, and no longer.
      this.#phase === 'checkingEnd' ||
      this.#phase === 'stopped' ||
      this.#phase === 'failed'
    )
  }

  /** Where to start the next iterator. `serviceNow`: the latest that the service's time may be (ms). */
  iteratorStart(serviceNow: number): IteratorStart {
    const { lastRead } = this
    // Refused, and nothing is missed: continue at what is left.
    if (this.#state.isRefused && !this.losesTrimmed(serviceNow)) return { type: 'TRIM_HORIZON' }
    if (lastRead !== undefined && !this.#isBeforeFirst(lastRead)) {
      return { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: lastRead }
    }
    const first = this.#firstSequenceNumber(serviceNow)
    return first === undefined
      ? { type: 'TRIM_HORIZON' }
      : { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: first }
  }

  /** The last sequence number that was read, now or before the position was saved. */
  get lastRead(): string | undefined {
    const { fetched, start } = this.node
    return fetched ?? (typeof start === 'object' && 'after' in start ? start.after : undefined)
  }

  // ---- Reading -----------------------------------------------------------------------------------------------------

  /** It is to be read at `dueAt` (monotonic ms), or when its pace allows. */
  schedule(dueAt: number): void {
    this.#phase = 'scheduled'
    this.#dueAt = Math.max(dueAt, this.#state.notBefore)
    this.#onChange(this)
  }

  /** Its read of that number, counted over all shards, starts. */
  startRead(readNumber: number, now: number, serviceNow: number): void {
    this.#phase = 'reading'
    this.#readNumber = readNumber
    this.#polledAt = now
    this.#polledAtServiceTime = serviceNow
    this.#hadEnded = this.node.hasEnded
    this.#onChange(this)
  }

  /** It has a new iterator, good until `expiresAt` (monotonic ms). */
  iteratorOpened(iterator: string, expiresAt: number): void {
    this.#state = { ...this.#state, iterator, iteratorExpiresAt: expiresAt }
  }

  /** It was opened with LATEST: there is nothing to be read yet. */
  openedAtLatest(serviceNow: number): void {
    this.#caughtUpAt = serviceNow
    this.#state = { ...this.#state, atTip: true }
    this.#onChange(this)
  }

  /**
   * Takes in the records of a page, and returns the index of the first one to be delivered. Those that were fetched before
   * (a page that came twice) and those before `since` are skipped.
   */
  admit(records: WireRecords): number {
    const unseen = this.#firstUnseen(records)
    if (unseen < records.length) {
      this.node.fetched = sequenceNumberOf(records.at(records.length - 1) as WireRecord)
    }
    return this.#firstWanted(records, unseen)
  }

  /** Takes in an outcome, and returns what to do next. */
  step(outcome: Outcome, context: SharedContext): Action | undefined {
    if (outcome.kind === 'endChecked' && this.#phase !== 'checkingEnd') return undefined
    const { state, action, isAnswer } = nextStep(this.#state, outcome, this.#stepContext(context))
    this.#state = state
    if (outcome.kind === 'page') this.#answeredAt = this.#polledAt
    if (isAnswer) this.#answeredRead = this.#readNumber
    if (isAnswer && state.atTip) this.#caughtUpAt = this.#polledAtServiceTime
    if (action) this.#phase = phaseAfter[action.do]
    this.#onChange(this)
    return action
  }

  /** Records were taken out of its queue. Returns when to read it now (monotonic ms), if that has changed. */
  drained(context: SharedContext): number | undefined {
    const isEmpty = this.queue.length === 0
    if (isEmpty) this.#onChange(this)
    if (this.#phase === 'prefetched') return context.isPrefetched ? undefined : this.#nextPollAt(context)
    if (this.#phase !== 'scheduled' || !isEmpty) return undefined
    return this.#state.atTip || this.isFailing ? undefined : context.now
  }

  /** When to read it for a caller who asks whether it has anything new (monotonic ms); undefined if no sooner. */
  dueForCaller({ idlePollMs, now }: SharedContext): number | undefined {
    if (this.#phase !== 'scheduled' || this.isFailing) return undefined
    const dueAt = this.#state.atTip ? this.#polledAt + idlePollMs.min : now
    return dueAt < this.#dueAt ? dueAt : undefined
  }

  /** Its records may be delivered from now on. */
  release(): void {
    this.#isHeld = false
    this.#onChange(this)
  }

  /** It is not known any more whether something is left to read; reads up to number `lastStaleRead` do not show it. */
  invalidateTip(lastStaleRead: number): void {
    this.#state = invalidateTip(this.#state, lastStaleRead)
    this.#onChange(this)
  }

  /** The next read starts with a new iterator. */
  dropIterator(): void {
    this.#state = withoutCurrentIterator(this.#state)
    this.#onChange(this)
  }

  /** Records after the position are gone: continue at the oldest one that is left. */
  resetToTrimHorizon(): void {
    this.node.fetched = undefined
    this.node.ledger.startAfter(undefined)
    this.node.start = OLDEST_RETAINED
  }

  /** It is not to be read any more. */
  stop(): void {
    this.#phase = 'stopped'
    this.#onChange(this)
  }

  /** Whether a record of the shard that was trimmed by now would be missed. `serviceNow`: the service's time (ms). */
  losesTrimmed(serviceNow: number): boolean {
    const { fetched, mustBeComplete, start } = this.node
    if (fetched !== undefined) {
      // Until a record of the requested time is found, what was trimmed is only missed if it may be of that time.
      return this.#since === undefined || this.#since < serviceNow - RETENTION_MS
    }
    if (start === 'start') return mustBeComplete
    // What was trimmed is older than the retention; it is missed if records of that time are wanted.
    return 'after' in start || (mustBeComplete && start.since < serviceNow - RETENTION_MS - CLOCK_SKEW_MS)
  }

  // ------------------------------------------------------------------------------------------------------------------

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
      // Not where "the oldest that is left" was requested and all of the shard is older than that.
      losesShard: node.mustBeComplete || node.fetched !== undefined || isYoung,
    }
  }

  #isAwaited({ awaitedAfter }: SharedContext): boolean {
    return awaitedAfter !== undefined && !this.#isHeld && !this.hasAnsweredSince(awaitedAfter)
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

  /** DynamoDB Local refuses numbers before a shard's first one, such as come from tokens that say "at", not "after". */
  #isBeforeFirst(sequenceNumber: string): boolean {
    const first = this.node.startingSequenceNumber
    if (first === undefined || !isSequenceNumber(first)) return false
    return compareSequenceNumbers(sequenceNumber, first) < 0
  }

  /**
   * TRIM_HORIZON skips trimmed records silently. Where all records of a shard are promised and it is old enough to have
   * lost some, it is opened at its first sequence number, which fails if that is trimmed.
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
      // A record without a time is not skipped: it might be wanted.
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
