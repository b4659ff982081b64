import type { StreamRecord } from '../records/stream-record.ts'
import type { RecordHandle, RecordProgress, RecordTracker } from '../shards/shard-ledger.ts'
import type { Fate } from './counts.ts'
import { ParkedDelivery } from './parked-delivery.ts'

/** What identifies the error of a failed attempt in a token: never its message, which may contain values. */
type ErrorIdentity = NonNullable<RecordProgress['error']>

/** How an attempt has failed. */
export interface AttemptFailure {
  readonly error: ErrorIdentity | undefined
  readonly isReported: boolean
  /** What the handler threw; undefined if it has not thrown. */
  readonly thrown: { readonly error: unknown } | undefined
  /** Ms since 1970. */
  readonly at: number
}

/** Identifies the records of a part of a failed batch. They are never joined by other records. */
export type RecordGroup = Readonly<Record<string, never>>

/**
 * A delivered record that is not settled: its attempts, and what has been done for it. The token shows this
 * progress, so that it survives a restart.
 */
export class QueuedRecord implements RecordTracker {
  readonly delivery: RecordHandle
  /** Numbers the records of a run in the order of their delivery. */
  readonly ordinal: number
  readonly bytes: number
  readonly shardId: string
  /** Whether the process ended during an attempt of it, according to the loaded token. */
  readonly wasRunning: boolean
  readonly #itemKey: string | undefined
  #attempts: number
  #attemptsInRun = 0
  #starts: number
  #waits = 0
  #firstAttemptAt: number | undefined
  #firstFailedAt: number | undefined
  #lastFailedAt: number | undefined
  #isReported = false
  #lastThrown: { readonly error: unknown } | undefined
  #lastThrownByTask: Map<string, { readonly error: unknown } | undefined> | undefined
  #isRunning = false
  /** Whether the attempt in progress was counted when it started. */
  #isCounted = false
  #finishedTasks: readonly string[]
  /** Tasks that were given up and whose dead letters are not accepted yet. */
  #givenUpTasks: readonly string[] = []
  #error: ErrorIdentity | undefined
  #isGivenUp = false
  #hasLeftKey = false
  #openLetters = 0
  #isUnfiltered = false
  #splits = 0
  #fate: Fate | undefined
  #group: RecordGroup | undefined
  #slot = -1

  /**
   * @param itemKey - the key of its lane if the order is by key: its token entry covers later records too.
   */
  constructor(delivery: RecordHandle, ordinal: number, itemKey: string | undefined) {
    const { record, resumed } = delivery
    this.delivery = delivery
    this.ordinal = ordinal
    this.bytes = record.sizeBytes
    this.shardId = record.shardId
    this.#itemKey = itemKey
    this.wasRunning = resumed?.isRunning === true
    this.#attempts = resumed?.attempts ?? 0
    this.#starts = Math.max(this.#attempts, resumed === undefined ? 0 : 1)
    this.#firstAttemptAt = resumed && resumed.attempts > 0 ? resumed.since : undefined
    this.#finishedTasks = resumed?.finishedTasks ?? []
    this.#error = resumed?.error
    // One record of a batch that ended the process did so: each runs alone, so that only that one is counted.
    this.#group = this.wasRunning ? {} : undefined
    delivery.track(this)
  }

  get record(): StreamRecord {
    return this.delivery.record
  }

  get sequenceNumber(): string {
    return this.delivery.sequenceNumber
  }

  /** Whether it was read from the parking store, and not from the stream. */
  get isFromParking(): boolean {
    return this.delivery instanceof ParkedDelivery
  }

  /**
   * From when its age counts for `maxRecordAgeMs`, in ms since 1970: when it was written or, after it was
   * parked, when it was read from the parking store.
   */
  get ageStartsAt(): number {
    return this.delivery instanceof ParkedDelivery ? this.delivery.readAt : this.record.createdAt.getTime()
  }

  /**
   * Undefined once the record is given up: later records of its key may be settled before its dead letter is
   * accepted, so its token entry must not cover them.
   */
  get itemKey(): string | undefined {
    return this.#isGivenUp || this.#hasLeftKey ? undefined : this.#itemKey
  }

  /**
   * The record would be given up if the run did not stop. Later records of its key, which were in the same
   * batch, may be settled.
   */
  leaveKey(): void {
    this.#hasLeftKey = true
  }

  /** The attempts that count, including one in progress if it is counted. */
  get attempts(): number {
    return this.#attempts
  }

  get attemptsInRun(): number {
    return this.#attemptsInRun
  }

  /** How many attempts have started, in all runs, whether or not they count. */
  get starts(): number {
    return this.#starts
  }

  /** How many consecutive attempts ended with the verdict `wait`. */
  get waits(): number {
    return this.#waits
  }

  /** When the first attempt started, in ms since 1970. */
  get firstAttemptAt(): number | undefined {
    return this.#firstAttemptAt
  }

  get firstFailedAt(): number | undefined {
    return this.#firstFailedAt
  }

  /** What the record, or a task of it, has thrown when it failed last in this run. */
  lastThrown(task: string | undefined): { readonly error: unknown } | undefined {
    return task === undefined ? this.#lastThrown : this.#lastThrownByTask?.get(task)
  }

  /** A task has failed. `thrown` is undefined if it has not thrown. */
  failTask(task: string, thrown: { readonly error: unknown } | undefined): void {
    this.#lastThrownByTask ??= new Map()
    this.#lastThrownByTask.set(task, thrown)
  }

  /** Whether the last failure was reported by name in a batch response, so that there is no error. */
  get isReported(): boolean {
    return this.#isReported
  }

  get lastFailedAt(): number | undefined {
    return this.#lastFailedAt
  }

  /** Whether the attempt in progress is counted. */
  get isCounted(): boolean {
    return this.#isCounted
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  get finishedTasks(): readonly string[] {
    return this.#finishedTasks
  }

  progress(): RecordProgress | undefined {
    const isUntouched = this.#attempts === 0 && !this.#isRunning && this.#finishedTasks.length === 0
    // A record whose attempt ended the process stays marked until its next attempt has an outcome.
    const isRunning = this.#isRunning || (this.wasRunning && this.#attemptsInRun === 0)
    if (isUntouched && !isRunning) return undefined
    return {
      attempts: this.#attempts,
      since: this.#firstAttemptAt ?? this.record.createdAt.getTime(),
      isRunning,
      finishedTasks: this.#finishedTasks,
      error: this.#error,
    }
  }

  /**
   * An attempt starts.
   *
   * @param isCounted - whether the record is alone. In a batch, only a record that is named spends one.
   * @param now - ms since 1970.
   */
  startAttempt(isCounted: boolean, now: number): void {
    this.#starts++
    this.#isRunning = true
    this.#isCounted = isCounted
    if (isCounted) this.#attempts++
    this.#firstAttemptAt ??= now
  }

  /** The attempt ended without a result that counts: it was shared, or cut short by a shutdown. */
  giveBackAttempt(): void {
    if (this.#isCounted) this.#attempts--
    this.#endAttempt()
    if (this.#attempts === 0) this.#firstAttemptAt = undefined
  }

  /** The attempt has failed, and counts. */
  failAttempt(failure: AttemptFailure): void {
    if (!this.#isCounted) this.#attempts++
    this.#endAttempt()
    this.#attemptsInRun++
    this.#waits = 0
    this.#noteFailure(failure)
  }

  /** The attempt has failed because of an outage: it does not count. */
  waitAfterAttempt(failure: AttemptFailure): void {
    if (this.#isCounted) this.#attempts--
    this.#endAttempt()
    this.#attemptsInRun++
    this.#waits++
    this.#noteFailure(failure)
  }

  /** The attempt has succeeded, or succeeded for some tasks and will not be repeated for the others. */
  completeAttempt(): void {
    this.#endAttempt()
    this.#attemptsInRun++
  }

  /** The tasks that must not run any more: those that are finished or given up. */
  get doneTasks(): readonly string[] {
    return this.#givenUpTasks.length === 0
      ? this.#finishedTasks
      : [...this.#finishedTasks, ...this.#givenUpTasks]
  }

  /** A task has succeeded, or its dead letter was accepted. */
  finishTask(task: string): void {
    this.#givenUpTasks = this.#givenUpTasks.filter((other) => other !== task)
    if (!this.#finishedTasks.includes(task)) this.#finishedTasks = [...this.#finishedTasks, task]
  }

  /** A task is given up: it is finished when its dead letter is accepted. */
  giveUpTask(task: string): void {
    this.#givenUpTasks = [...this.#givenUpTasks, task]
  }

  /** Removes tasks that the handler no longer has, and returns their names. */
  dropTasks(isKnown: (task: string) => boolean): string[] {
    const dropped = this.#finishedTasks.filter((task) => !isKnown(task))
    if (dropped.length > 0) this.#finishedTasks = this.#finishedTasks.filter(isKnown)
    return dropped
  }

  /** The fate of a record that was given up, or one of whose tasks was; the first one counts. */
  get fate(): Fate | undefined {
    return this.#fate
  }

  /** Notes why the record, or one of its tasks, was given up. */
  noteFate(fate: Fate): void {
    this.#fate ??= fate
  }

  /** Nothing is left to run for it: it settles once its dead letters are accepted. */
  giveUp(): void {
    this.#isGivenUp = true
  }

  get isGivenUp(): boolean {
    return this.#isGivenUp
  }

  get hasOpenLetters(): boolean {
    return this.#openLetters > 0
  }

  letterStarted(): void {
    this.#openLetters++
  }

  letterAccepted(): void {
    this.#openLetters--
  }

  /** Its place among the unsettled records of the planner. */
  get slot(): number {
    return this.#slot
  }

  /** It was added to the unsettled records. */
  enter(slot: number): void {
    this.#slot = slot
  }

  /** Whether the filter still has to decide, because it threw when the record was delivered. */
  get isUnfiltered(): boolean {
    return this.#isUnfiltered
  }

  /** The filter has thrown: it decides again before each attempt, which the record makes alone. */
  mustFilter(): void {
    this.#isUnfiltered = true
    this.#group = {}
  }

  /** How many times a batch with this record was split. */
  get splits(): number {
    return this.#splits
  }

  /** The records with which alone it may share a batch; undefined: with any. */
  get group(): RecordGroup | undefined {
    return this.#group
  }

  /** A batch with this record was split. */
  joinGroup(group: RecordGroup): void {
    this.#group = group
    this.#splits++
  }

  #endAttempt(): void {
    this.#isRunning = false
    this.#isCounted = false
  }

  #noteFailure({ error, isReported, thrown, at }: AttemptFailure): void {
    this.#lastThrown = thrown
    this.#firstFailedAt ??= at
    this.#lastFailedAt = at
    this.#error = error
    this.#isReported = isReported
  }
}
