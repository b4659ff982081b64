import { ShardQueue } from '../buffer/shard-queue.ts'
import { compareSequenceNumbers, isSequenceNumber } from '../position/sequence-number.ts'
import { shardCreatedAt } from '../position/shard-id.ts'
import { RETENTION_MS } from '../shards/retention.ts'
import { OLDEST_LEFT, type ShardNode } from '../shards/shard.ts'
import { CALL_TIMEOUT_MS, LONGEST_RETRY_DELAY_MS } from '../streams-api/retry.ts'
import type { IteratorStart } from '../streams-api/streams-api.ts'
import { createdAtMsOf, sequenceNumberOf } from '../wire/record-fields.ts'
import type { WireRecord, WireRecords } from '../wire/wire-record.ts'
import { Pace } from './pace.ts'

/** A shard iterator is good for 15 minutes after it was returned (API reference, GetShardIterator). */
export const ITERATOR_LIFE_MS: number = 15 * 60_000

/**
 * How many empty answers in a row show that nothing is left to read. DynamoDB Streams answers with about five empty pages
 * while an iterator crosses an empty stretch of a shard, at its beginning or in the middle; so it takes one more.
 */
export const EMPTY_PAGES_TO_CROSS = 6 as const

/** A closed shard ends with an answer without iterator. If it does not after so many empty ones, we slow down. */
const EMPTY_PAGES_OF_CLOSED_SHARD = 100

/** How far apart the service's clock and ours may be, in ms, before a time that is just within the retention counts as beyond. */
const CLOCK_SKEW_MS = 300_000

/** Records older than this (ms) are a backlog, to be fetched as fast as it comes. */
const BACKLOG_AGE_MS = 60_000

/**
 * How far apart the failures of calls that are made again and again are at most, in ms: the time limit of a call, the
 * longest pause, and some room. After more than that, nobody asked in between, and it has not been failing all the time.
 */
const LONGEST_BETWEEN_FAILURES_MS: number = 1.5 * (CALL_TIMEOUT_MS + LONGEST_RETRY_DELAY_MS)

/** For how long a listing that says "open" is believed at most, in ms. */
const LONGEST_BELIEF_MS = 10_000

export type ReaderPhase =
  /** In the schedule: to be read at its time. */
  | 'scheduled'
  /** A call is under way. */
  | 'reading'
  /** Enough is buffered. */
  | 'resting'
  /** No next iterator: a listing must tell whether the shard is closed. */
  | 'ending'
  /** Not to be read any more, or not before somebody acts. */
  | 'stopped'

/**
 * One shard that is being read: its iterator, how its answers were, and the records that wait to be given out.
 * It makes no calls; it says how the next one should be, and takes the answer in.
 *
 * @internal
 */
export class ShardReader {
  readonly node: ShardNode
  readonly queue: ShardQueue
  phase: ReaderPhase = 'stopped'
  /** Its place in the schedule, and the time (ms) that it stands there for; see `ReadSchedule`. */
  ticket = 0
  dueAt = 0
  /** Its records wait until those of its parent are given out. */
  held: boolean

  iterator: string | undefined
  iteratorExpiresAt = 0
  #probeRefused = false
  /** Pass over records older than this (ms), until one of that time or later comes. */
  since: number | undefined

  /** Whether it was seen that nothing is left to read. */
  atTip = false
  emptyPages = 0
  /** Empty answers in a row since it is at the tip; the pauses grow with them. */
  idleAnswers = 0
  /** Whether the shard was known to have ended when its last read began, so that no next iterator means its end. */
  knewEnd = false
  /** The number of its last read, counted over all shards. */
  readNumber = 0
  /** When its last read began. */
  askedAtMs: number = Number.NEGATIVE_INFINITY

  /** Not to be read before this time (ms), however much somebody wants it. */
  notBefore = 0
  readonly #pace = new Pace()

  /** How often a listing has answered that it is open though it has no next iterator, and until when to believe it. */
  openAnswers = 0
  believedOpenUntil: number = Number.NEGATIVE_INFINITY

  /** Whether it was seen just now that not every position is refused, so that one that is was trimmed. */
  oldestWasRead = false

  /** Failed calls in a row. */
  failures = 0
  failingSince: number | undefined
  #lastFailedAt: number = Number.NEGATIVE_INFINITY
  leftBehind = false

  constructor(node: ShardNode, held: boolean, now: number, timeGranularityMs: number) {
    this.node = node
    this.held = held
    const { start } = node
    if (typeof start === 'object' && 'since' in start) {
      this.since = Math.floor(start.since / timeGranularityMs) * timeGranularityMs
    }
    const parentTime = Number.isFinite(node.reachedTime) ? node.reachedTime : undefined
    this.queue = new ShardQueue(node, parentTime ?? shardCreatedAt(node.shardId) ?? now)
  }

  /** Whether the merge must wait for it: it may hold records older than any that are buffered. */
  get blocks(): boolean {
    return (
      !this.held &&
      !this.atTip &&
      !this.leftBehind &&
      this.queue.length === 0 &&
      this.phase !== 'stopped' &&
      this.phase !== 'ending'
    )
  }

  /** What to open the next iterator with. */
  iteratorStart(now: number): IteratorStart {
    const { lastRead } = this
    if (lastRead !== undefined && !this.#isBeforeFirst(lastRead)) {
      return { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: lastRead }
    }
    const first = this.#firstSequenceNumber(now)
    return first === undefined
      ? { type: 'TRIM_HORIZON' }
      : { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: first }
  }

  /** A read was answered. */
  succeeded(nextIterator: string | undefined): void {
    this.iterator = nextIterator
    this.iteratorExpiresAt = this.askedAtMs + ITERATOR_LIFE_MS
    if (nextIterator !== undefined) {
      // It does not leave the iterator out by habit: when it does, that means something.
      this.openAnswers = 0
      this.believedOpenUntil = Number.NEGATIVE_INFINITY
    }
    this.oldestWasRead = false
    this.failures = 0
    this.failingSince = undefined
    this.leftBehind = false
  }

  /** A read failed once more. Returns for how long it has been failing, in ms. */
  failed(now: number): number {
    this.failures++
    if (now - this.#lastFailedAt > LONGEST_BETWEEN_FAILURES_MS) this.failingSince = undefined
    this.#lastFailedAt = now
    this.failingSince ??= now
    return now - this.failingSince
  }

  /** The shard could not even be opened, because nothing is left in it. */
  foundNothing(): void {
    this.iterator = undefined
    // One that has ended is about to make room for its children: newer records of other shards wait for those.
    this.atTip = !this.node.hasEnded
    this.idleAnswers++
    this.failures = 0
    this.failingSince = undefined
  }

  /** What came after the position is gone: goes on at the oldest record that is left. */
  goToOldest(): void {
    this.node.fetched = undefined
    this.node.start = OLDEST_LEFT
  }

  /** The last sequence number that was read, now or before the position was saved. */
  get lastRead(): string | undefined {
    const { fetched, start } = this.node
    return fetched ?? (typeof start === 'object' && 'after' in start ? start.after : undefined)
  }

  /**
   * The next read begins with making an iterator anew. That one has its own stretch of empty pages to cross, so it is
   * not known any more whether something is left to read.
   */
  renewIterator(): void {
    this.iterator = undefined
    this.atTip = false
    this.emptyPages = 0
    this.idleAnswers = 0
  }

  /** DynamoDB Local refuses numbers before a shard's first one, such as come from tokens that say "at", not "after". */
  #isBeforeFirst(sequenceNumber: string): boolean {
    const first = this.node.startingSequenceNumber
    if (first === undefined || !isSequenceNumber(first)) return false
    return compareSequenceNumbers(sequenceNumber, first) < 0
  }

  /**
   * TRIM_HORIZON passes over trimmed records in silence. Where all records of a shard are promised and it is old
   * enough to have been trimmed, it is opened at its first sequence number, which tells.
   */
  #firstSequenceNumber(now: number): string | undefined {
    const { node } = this
    if (!this.promisesTrimmed(now) || this.#probeRefused) return undefined
    const createdAt = shardCreatedAt(node.shardId)
    if (createdAt === undefined || createdAt > now - RETENTION_MS) return undefined
    return node.startingSequenceNumber
  }

  /** Whether a record of the shard that was trimmed by now would be missed. */
  promisesTrimmed(now: number): boolean {
    const { fetched, promised, start } = this.node
    if (fetched !== undefined) return true
    if (start === 'start') return promised
    // What was trimmed is older than the retention; it is missed if records of that time are wanted.
    return 'after' in start || (promised && start.since < now - RETENTION_MS - CLOCK_SKEW_MS)
  }

  /** The service does not take the sequence number that its own listing names as the first. */
  refuseProbe(): void {
    this.#probeRefused = true
  }

  /**
   * Takes in what an answer holds, and returns the index of its first record that is to be given out. Records that
   * were fetched before (an answer that came twice) and those before `since` are passed over.
   */
  accept(records: WireRecords, isFull: boolean): number {
    if (records.length === 0) {
      this.emptyPages++
      if (this.atTip) this.idleAnswers++
      if (this.emptyPages >= this.#pagesToCross()) this.atTip = true
      return 0
    }
    this.emptyPages = 0
    this.idleAnswers = 0
    if (isFull) this.atTip = false
    const unseen = this.#firstUnseen(records)
    if (unseen < records.length) {
      this.node.fetched = sequenceNumberOf(records.at(records.length - 1) as WireRecord)
    }
    const first = this.#firstWanted(records, unseen)
    // Nothing of it is wanted, but more may follow: the service cuts answers where it pleases.
    if (first >= records.length) this.doubtTip()
    return first
  }

  /** A listing shows it as open though an answer had no next iterator: an emulator's way, or the listing lags behind. */
  listedAsOpen(now: number): void {
    this.believedOpenUntil = now + Math.min(LONGEST_BELIEF_MS, 500 * 2 ** this.openAnswers++)
  }

  /**
   * Paces the reading of a shard that is written to all the time: answers that hold a little that is new each time would
   * otherwise have it read without a pause. What is old, or fills an answer, is not paced.
   */
  pace(records: WireRecords, isFull: boolean, now: number): void {
    const last =
      records.length === 0 ? undefined : createdAtMsOf(records.at(records.length - 1) as WireRecord)
    const isBacklog = isFull || last === undefined || last < now - BACKLOG_AGE_MS
    this.notBefore = isBacklog ? 0 : now + this.#pace.next(now)
  }

  /** It is not known any more whether something is left to read; one empty answer will show. */
  doubtTip(): void {
    this.atTip = false
    this.emptyPages = EMPTY_PAGES_TO_CROSS - 1
  }

  #pagesToCross(): number {
    return this.node.closed ? EMPTY_PAGES_OF_CLOSED_SHARD : EMPTY_PAGES_TO_CROSS
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
    if (this.since === undefined) return from
    for (let index = from; index < records.length; index++) {
      const createdAt = createdAtMsOf(records.at(index) as WireRecord)
      // A record that tells no time is not passed over: it might be wanted.
      if (createdAt === undefined || createdAt >= this.since) {
        this.since = undefined
        return index
      }
    }
    return records.length
  }
}
