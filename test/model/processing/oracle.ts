import type { ProcessingSummary } from '../../../src/index.ts'
import type { EmulatedRecord } from '../../../src/testing/index.ts'
import { ancestorsOf } from '../origin.ts'
import { Violation } from '../violation.ts'
import type { World } from '../world.ts'
import {
  type Condition,
  createState,
  type Fate,
  inWords,
  isOpen,
  isSaved,
  isSettled,
  type Outcome,
  type RecordState,
} from './record-state.ts'
import type { FailureTarget, Order, ProcessingSetup } from './steps.ts'
import { nothingCovered, type StoredProgress, type TokenMeaning } from './token-meaning.ts'

/** A call of the handler. */
export interface HandlerCall {
  readonly records: readonly { readonly state: RecordState; readonly attempt: number }[]
}

/** Why a run takes and starts nothing. */
type Halt =
  /** Someone has called `stop()`, or the same in another way. */
  | { readonly why: 'stopped'; readonly at: number }
  /** A record was given up without a target, reading has failed, or the lease was lost. */
  | { readonly why: 'failed' | 'lost'; readonly at: number }
  /** It will be given up without a target, but it is not known when. */
  | { readonly why: 'stopping'; readonly at: number }

/** How late a retry may be, in ms: a batch also waits for its window. */
const RETRY_SLACK_MS = 2_000
/** Reading fails because of missing permissions. It is not known when the run learns of it. */
const readingFailed: Halt = { why: 'stopping', at: Number.NEGATIVE_INFINITY }

/** How long an attempt may wait for the checkpoint to be saved, in ms. */
const MAX_FLUSH_MS = 13_000
/** How late a save may be, in ms: latency, plus the backoff after a failed save. */
const SAVE_SLACK_MS = 8_000

/**
 * Follows one run, from the token that it has loaded, and checks each thing that it does against the
 * guarantees of `processStream`. What happened in earlier runs counts only as far as the token says so. That
 * the token says everything is checked whenever one is saved.
 */
export class RunOracle {
  readonly #world: World
  readonly #setup: ProcessingSetup
  readonly #order: Order
  readonly #loaded: TokenMeaning
  readonly #isFiltered: (record: EmulatedRecord) => boolean
  readonly #stateOf = new Map<EmulatedRecord, RecordState>()
  /** Delivered records that are not settled, by key, shard or record, in the order of their delivery. */
  readonly #lanes = new Map<string, RecordState[]>()
  /** For each shard, the number of its first records that are delivered or covered. */
  readonly #deliveredOf = new Map<string, number>()
  readonly #running = new Set<HandlerCall>()
  readonly #fates = new Map<Fate, number>()
  /** States that have changed in this turn of the event loop, so that the run may not know the change yet. */
  readonly #fresh = new Set<RecordState>()
  readonly #assumedDiscarded = new Set<RecordState>()
  #wronglyCovered: EmulatedRecord | undefined
  /** The meaning of the last token that this run has stored. */
  #stored: TokenMeaning = nothingCovered
  #deliveries = 0
  #open = 0
  #knownHalt: Halt | undefined
  /** How many calls had failed because of missing permissions when the run started. */
  readonly #deniedBefore: number
  #isHaltFresh = false
  /** Records that have failed in this turn of the event loop. The run learns of them in an unknown order. */
  readonly #freshFailures = new Set<RecordState>()
  #isPaused = false
  #hasEnded = false
  #saturatedAt = Number.NEGATIVE_INFINITY
  #firstStartAt = Number.POSITIVE_INFINITY
  #lastStartAt = Number.NEGATIVE_INFINITY
  #lastEndAt = Number.NEGATIVE_INFINITY
  #isClearing = false
  /** Whether records are being validated, in this turn of the event loop, whose attempt is about to start. */
  #isValidating = false

  constructor(
    world: World,
    setup: ProcessingSetup,
    order: Order,
    loaded: TokenMeaning,
    isFiltered: (record: EmulatedRecord) => boolean,
  ) {
    this.#world = world
    this.#setup = setup
    this.#order = order
    this.#loaded = loaded
    this.#isFiltered = isFiltered
    this.#deniedBefore = world.deniedCalls
  }

  stateOf(record: EmulatedRecord): RecordState {
    const known = this.#stateOf.get(record)
    if (known) return known
    const state = createState(record, this.#loaded)
    this.#stateOf.set(record, state)
    return state
  }

  // ---- What the run does ---------------------------------------------------------------------------------

  /** The run has taken a record. */
  delivered(record: EmulatedRecord): void {
    this.#expectActive(`${this.#name(record)} was taken`)
    const state = this.stateOf(record)
    const name = this.#name(record)
    if (state.isCovered)
      throw new Violation('no duplicates', `the checkpoint covers ${name}, which was delivered`)
    if (state.isDelivered) throw new Violation('no duplicates', `${name} was delivered twice in a run`)
    this.#expectNext(record)
    state.isDelivered = true
    this.#deliveries++
    if (this.#isFiltered(record)) {
      this.#settle(state, 'filtered')
      return
    }
    if (this.#hasFinishedAllTasks(state)) {
      // Its last letter was accepted while the run stopped. The run settles it when its turn comes.
      state.isUncertain = true
      this.#settle(state, 'handled')
      return
    }
    this.#open++
    this.#expectBelowUnsettledBound(name)
    const lane = this.#laneOf(record)
    const queue = this.#lanes.get(lane)
    if (queue) queue.push(state)
    else this.#lanes.set(lane, [state])
    this.#touch(state)
  }

  /** The handler was called. For tasks, this is the first call of the attempt. */
  started(call: HandlerCall, firstAttemptAtOf: (state: RecordState) => number | undefined): void {
    const names = call.records.map(({ state }) => this.#name(state.record)).join(' ')
    this.#expectActive(`an attempt of ${names} was started`)
    this.#firstStartAt = Math.min(this.#firstStartAt, this.#now)
    this.#lastStartAt = this.#now
    this.#running.add(call)
    if (this.#running.size > this.#setup.concurrency) {
      throw new Violation('bounded', `${this.#running.size} handler calls are running`)
    }
    if (this.#running.size === this.#setup.concurrency) this.#saturatedAt = this.#now
    this.#expectBatch(call, names)
    const isUncertain = this.#mayHaveInvalid(call)
    const inCall = new Set<RecordState>()
    for (const { state, attempt } of call.records) {
      this.#expectStartable(state, inCall)
      this.#expectAttempt(state, attempt)
      if (!state.hasStarted) this.#expectBelowFailingBound(state)
      if (state.wasRunning && !state.hasStarted) this.#expectCounted(state, attempt)
      const firstAttemptAt = firstAttemptAtOf(state)
      if (firstAttemptAt !== undefined) this.#expectFirstAttemptAt(state, firstAttemptAt)
      inCall.add(state)
      // In a batch, an attempt counts only for a record that turns out to have failed.
      const counted = call.records.length === 1 ? attempt : attempt - 1
      state.isUncertain ||= isUncertain
      state.attempts = { min: isUncertain ? counted - 1 : counted, max: counted }
      state.hasStarted = true
      state.isRunning = true
      this.#touch(state)
    }
  }

  /** A task of an attempt was called. */
  startedTask(state: RecordState, task: string, isSameAttempt: boolean): void {
    const name = `task ${task} of ${this.#name(state.record)}`
    if (!isSameAttempt) throw new Violation('attempts', `${name} has another attempt than the other tasks`)
    if (state.finishedTasks.has(task))
      throw new Violation('no duplicates', `${name} was called, but has finished`)
    if (state.givenUp.has(task)) throw new Violation('one fate', `${name} was called, but is given up`)
  }

  /** A task of an attempt has succeeded, while others may still be running. */
  taskSucceeded(state: RecordState, task: string): void {
    state.finishedTasks.add(task)
    state.unsavedSince ??= this.#now
    this.#touch(state)
  }

  /** The handler call of one record, or all tasks of it that were running, have ended. */
  endedRecord(call: HandlerCall, state: RecordState, outcomes: ReadonlyMap<string, Outcome>): void {
    this.#running.delete(call)
    this.#lastEndAt = this.#now
    this.#outcomeOf(state, outcomes)
  }

  /**
   * A batch of two or more records has ended.
   *
   * @param failed - the records that the response names; undefined if the whole batch has failed
   */
  endedBatch(
    call: HandlerCall,
    failed: ReadonlySet<RecordState> | undefined,
    rejected: ReadonlySet<RecordState>,
  ): void {
    this.#running.delete(call)
    this.#lastEndAt = this.#now
    // If the run stops because of one of several records, it is not known which one it was.
    const failures = call.records.filter(({ state }) => failed?.has(state) || rejected.has(state))
    const isUncertain =
      failures.length > 1 &&
      failures.some(({ state }) =>
        this.#mayStop(rejected.has(state) ? 'rejected' : 'failed', state.attempts.max + 1),
      )
    if (isUncertain) for (const { state } of failures) state.isUncertain = true
    const failedLanes = new Set<string>()
    for (const { state } of call.records) {
      const lane = this.#laneOf(state.record)
      const outcome = rejected.has(state) ? 'rejected' : failed?.has(state) ? 'failed' : 'handled'
      const isRepeated = failedLanes.has(lane) || (failed === undefined && outcome !== 'rejected')
      if (isRepeated) this.#repeat(state)
      else {
        if (outcome !== 'handled') {
          state.attempts = { min: state.attempts.min + 1, max: state.attempts.max + 1 }
        }
        this.#outcomeOf(state, new Map([['', outcome]]))
      }
      if (isRepeated || outcome === 'failed') failedLanes.add(lane)
    }
  }

  /** The schema validates a record, before its first attempt in the run. */
  validated(record: EmulatedRecord, isValid: boolean): void {
    const state = this.stateOf(record)
    this.#isValidating = true
    this.#touch(state)
    if (isValid) return
    state.isInvalid = true
    // The handler is not called, so the number of the attempt is unknown.
    state.attempts = { min: state.attempts.min, max: state.attempts.max + 1 }
    if (this.#setup.form.form !== 'batch') this.#giveUp(state, '', 'Invalid')
    // The batch may contain valid records, and then the handler is called first.
    else if (this.#targetOf('Invalid') === 'stop') this.#knownHalt ??= { why: 'stopping', at: this.#now }
  }

  /** The run sends a letter. */
  sending(record: EmulatedRecord, condition: Condition, task: string, attempts: number): void {
    const state = this.stateOf(record)
    const name = `${this.#name(record)}${task && ` (${task})`}`
    if (this.#halt?.why === 'lost' && !this.#isHaltFresh) {
      throw new Violation('fenced', `a letter for ${name} was sent after the lease was lost`)
    }
    if (!isOpen(state)) throw new Violation('one fate', `a letter for ${name} was sent, which is settled`)
    if (state.isRunning && task === '')
      throw new Violation('one fate', `${name} was given up while it is running`)
    if (state.sending.has(task))
      throw new Violation('one fate', `the letter for ${name} was sent twice at a time`)
    if (state.finishedTasks.has(task)) throw new Violation('one fate', `the task of ${name} has finished`)
    this.#expectCondition(state, condition, task, name)
    // Other tasks may have had attempts since this one was given up.
    const isTooFew = task === '' && attempts < state.attempts.min
    if (isTooFew || attempts > state.attempts.max) {
      throw new Violation(
        'attempts',
        `a letter says that ${name} had ${attempts} attempts, ${inWords(state)}`,
      )
    }
    state.sending.add(task)
    this.#touch(state)
  }

  /** The run has discarded a record, or a task of it. */
  discarded(record: EmulatedRecord, condition: Condition, task: string): void {
    const state = this.stateOf(record)
    if (state.givenUp.get(task) === condition) return
    this.#expectCondition(state, condition, task, this.#name(record))
  }

  /** A destination has stored a letter. */
  accepted(record: EmulatedRecord, condition: Condition, task: string): void {
    const state = this.stateOf(record)
    state.sending.delete(task)
    if (!isOpen(state)) return
    state.isUncertain ||= this.#isAfterStop
    if (task === '') this.#settle(state, condition)
    else this.#finishTask(state, task)
  }

  /** A destination has rejected a letter. */
  refused(record: EmulatedRecord, task: string): void {
    this.stateOf(record).sending.delete(task)
  }

  paused(): void {
    this.#isPaused = true
  }

  resumed(): void {
    this.#isPaused = false
    for (const states of this.#lanes.values()) for (const state of states) this.#touch(state)
  }

  /** The run was stopped. */
  stopped(): void {
    if (!this.#knownHalt || this.#knownHalt.why === 'stopping') {
      this.#knownHalt = { why: 'stopped', at: this.#knownHalt?.at ?? this.#now }
    }
  }

  /** The run must stop by itself, as soon as it knows. */
  halted(why: 'failed' | 'lost'): void {
    if (this.#knownHalt?.why === 'lost') return
    this.#knownHalt = { why, at: this.#now }
    this.#isHaltFresh = true
    this.#clearLater()
  }

  /** Whether a record was given up that has no target, so that the run must reject with `handler.failed`. */
  isGivenUp(record: EmulatedRecord): boolean {
    const { givenUp, isInvalid, isUncertain } = this.stateOf(record)
    return givenUp.size > 0 || isInvalid || isUncertain
  }

  get isHalted(): boolean {
    return this.#halt !== undefined
  }

  /** The run has ended, and ignores what happens later. What still runs was given back. */
  ended(): void {
    this.#hasEnded = true
    for (const { records } of this.#running) {
      for (const { state } of records) this.#giveBack(state, records.length === 1)
    }
    this.#running.clear()
  }

  /**
   * A token is being saved. It must cover exactly what is settled, and contain the attempts of what is not.
   */
  saving(meaning: TokenMeaning): void {
    for (const record of this.#world.emulator.records) {
      const state = this.stateOf(record)
      if (state.isUncertain) continue
      const name = this.#name(record)
      const isCovered = meaning.isCovered(record)
      if (isCovered && !isSettled(state) && !this.#isFiltered(record) && !this.#assumeDiscarded(state)) {
        throw new Violation('complete', `a saved token covers ${name}, which is not settled`)
      }
      if (this.#fresh.has(state)) continue
      if (!isCovered && isSettled(state) && !this.#isFiltered(record)) {
        throw new Violation(
          'exact checkpoint',
          `a saved token does not cover ${name}: ${state.fate ?? 'settled'}`,
        )
      }
      if (!isSettled(state) && !isCovered) this.#expectStored(state, meaning)
    }
  }

  /** A token is stored. */
  saved(meaning: TokenMeaning): void {
    this.#stored = meaning
    for (const state of this.#stateOf.values()) {
      if (state.unsavedSince === undefined) continue
      if (isSaved(state, meaning)) state.unsavedSince = undefined
    }
  }

  // ---- Between steps -------------------------------------------------------------------------------------

  /** Checks that every delivered record is counted once, and that nothing waits without a reason. */
  check(counters: ProcessingSummary, isStoreFaulty: boolean): void {
    if (this.#halt?.why === 'lost') return
    if (this.#wronglyCovered) {
      throw new Violation(
        'one fate',
        `${this.#name(this.#wronglyCovered)} was treated as settled, but is not`,
      )
    }
    this.#expectCounters(counters)
    if (!this.#halt && !this.#isPaused && !isStoreFaulty) this.#expectProgress()
  }

  /** @returns a record that is due to be stored since before `before`, in monotonic ms */
  unsavedSince(before: number): string | undefined {
    for (const { unsavedSince, record } of this.#stateOf.values()) {
      if (unsavedSince !== undefined && unsavedSince < before) return this.#name(record)
    }
    return undefined
  }

  /** How long a checkpoint may be out of date while the store works, in ms. */
  get maxUnsavedMs(): number {
    return this.#setup.checkpoint.everyMs + SAVE_SLACK_MS
  }

  /**
   * The records that are not settled, whether or not they were delivered. Another run on the same stream does
   * not receive those that were filtered.
   */
  get outstanding(): readonly EmulatedRecord[] {
    return this.#world.emulator.records.filter(
      (record) => !isSettled(this.stateOf(record)) && !this.#isFiltered(record),
    )
  }

  // ---- Checks --------------------------------------------------------------------------------------------

  #expectActive(what: string): void {
    if (this.#isPaused) throw new Violation('stops', `${what} although the run is paused`)
    const { why = 'stopping' } = this.#halt ?? {}
    if (why === 'stopping' || this.#isHaltFresh) return
    throw new Violation('stops', `${what} after the run had ${why}`)
  }

  /** Everything before the record, in its shard and in its ancestors, was delivered or is covered. */
  #expectNext(record: EmulatedRecord): void {
    const { shardId } = record
    const { records } = this.#world.emulator.shard(shardId)
    const index = this.#skipCovered(shardId)
    if (records[index]?.eventId !== record.eventId) {
      const skipped = records[index] ? this.#name(records[index]) : 'nothing'
      throw new Violation('shard order', `${this.#name(record)} was delivered, but ${skipped} is next`)
    }
    this.#deliveredOf.set(shardId, index + 1)
    for (const ancestor of ancestorsOf(this.#world, shardId)) {
      const first = ancestor.records[this.#skipCovered(ancestor.shardId)]
      if (first) {
        throw new Violation('parent first', `${this.#name(record)} was delivered before ${this.#name(first)}`)
      }
    }
  }

  /** @returns the index of the first record of the shard that is neither delivered nor covered */
  #skipCovered(shardId: string): number {
    const { records } = this.#world.emulator.shard(shardId)
    let index = this.#deliveredOf.get(shardId) ?? 0
    while (records[index] && this.stateOf(records[index] as EmulatedRecord).isCovered) index++
    this.#deliveredOf.set(shardId, index)
    return index
  }

  #expectBatch({ records }: HandlerCall, names: string): void {
    const { form } = this.#setup
    if (form.form !== 'batch') return
    const [first] = records
    if (!first) throw new Violation('batch size', 'a batch is empty')
    if (records.length > form.batchSize) {
      throw new Violation('batch size', `a batch has ${records.length} records: ${names}`)
    }
    if (records.some(({ state }) => state.record.shardId !== first.state.record.shardId)) {
      throw new Violation('batch size', `a batch has records of several shards: ${names}`)
    }
  }

  /**
   * Whether the batch, of which the handler receives one record, may have contained invalid ones, so that the
   * record was not alone.
   */
  #mayHaveInvalid({ records }: HandlerCall): boolean {
    const { form } = this.#setup.form
    const [{ state }] = records as [HandlerCall['records'][number]]
    if (form !== 'batch' || records.length > 1) return false
    const isInvalid = (other: RecordState) =>
      other.isInvalid && isOpen(other) && other.record.shardId === state.record.shardId
    return [...this.#stateOf.values()].some(isInvalid)
  }

  /** It is delivered, not settled, not running, and first in its lane except for records of the same call. */
  #expectStartable(state: RecordState, inCall: ReadonlySet<RecordState>): void {
    const { record } = state
    const name = this.#name(record)
    if (!state.isDelivered)
      throw new Violation('one fate', `an attempt of ${name} was started before its delivery`)
    if (state.fate)
      throw new Violation('one fate', `an attempt of ${name} was started, which is ${state.fate}`)
    if (state.isRunning) throw new Violation('one at a time', `two attempts of ${name} run at the same time`)
    if (state.givenUp.has('')) {
      throw new Violation(
        'one fate',
        `an attempt of ${name} was started, which is given up: ${state.givenUp.get('')}`,
      )
    }
    for (const lane of this.#lanesBefore(record)) {
      for (const other of this.#lanes.get(lane) ?? []) {
        if (other === state) break
        if (inCall.has(other) || other.fate) continue
        if (this.#wasGivenUpInBatch(other) || this.#assumeDiscarded(other)) continue
        throw new Violation(
          'key order',
          `an attempt of ${name} was started before ${this.#name(other.record)} was settled`,
        )
      }
    }
  }

  /** What a batch, or the schema, rejects does not keep the records after it in the batch from running. */
  #wasGivenUpInBatch({ givenUp, isInvalid }: RecordState): boolean {
    return this.#setup.form.form === 'batch' && (givenUp.get('') === 'Rejected' || isInvalid)
  }

  /** The lanes whose records must be settled before the record is started. */
  #lanesBefore({ shardId, keyText, eventId }: EmulatedRecord): readonly string[] {
    if (this.#order === 'key') return [keyText]
    if (this.#order === 'none') return [eventId]
    return [shardId, ...ancestorsOf(this.#world, shardId).map((shard) => shard.shardId)]
  }

  #laneOf({ shardId, keyText, eventId }: EmulatedRecord): string {
    if (this.#order === 'key') return keyText
    return this.#order === 'none' ? eventId : shardId
  }

  #expectBelowUnsettledBound(name: string): void {
    const { maxUnsettled } = this.#setup
    if (this.#open <= maxUnsettled) return
    const discarded = [...this.#lanes.values()].flat().filter((state) => this.#mayBeDiscarded(state)).length
    if (this.#open - discarded > maxUnsettled) {
      throw new Violation('bounded', `${this.#open} records are unsettled, after ${name} was delivered`)
    }
  }

  /** While too many lanes wait for a retry or for a dead letter to be accepted, no other lane is started. */
  #expectBelowFailingBound(state: RecordState): void {
    const { form, maxFailingKeys } = this.#setup
    if (form.form === 'batch' || this.#mayWaitForSaves) return
    const isFailing = ([head]: readonly RecordState[]): boolean =>
      head !== undefined &&
      head !== state &&
      head.attemptsInRun > 0 &&
      !this.#fresh.has(head) &&
      !this.#mayBeDiscarded(head)
    const failing = [...this.#lanes.values()].filter(isFailing).length
    if (failing >= maxFailingKeys) {
      throw new Violation('bounded', `${this.#name(state.record)} was started, but ${failing} lanes fail`)
    }
  }

  #expectAttempt(state: RecordState, attempt: number): void {
    const { min, max } = state.attempts
    if (attempt < min + 1 || attempt > max + 1) {
      throw new Violation(
        'attempts',
        `attempt ${attempt} of ${this.#name(state.record)} was started, ${inWords(state)}`,
      )
    }
  }

  /** A record that may have ended the process is started only once a stored token counts the attempt. */
  #expectCounted({ record }: RecordState, attempt: number): void {
    const { attempts = 0, isRunning = false } = this.#stored.progressOf(record) ?? {}
    if (attempts < attempt || !isRunning) {
      const what = `attempt ${attempt} of ${this.#name(record)} was started, which may end the process`
      throw new Violation('attempts', `${what}, but the stored token has ${attempts}`)
    }
  }

  #expectFirstAttemptAt(state: RecordState, firstAttemptAt: number): void {
    if (state.firstAttemptAt !== undefined && firstAttemptAt !== state.firstAttemptAt) {
      const what = `the first attempt of ${this.#name(state.record)} was at ${state.firstAttemptAt}`
      throw new Violation('attempts', `${what}, but is reported as ${firstAttemptAt}`)
    }
    state.firstAttemptAt = firstAttemptAt
  }

  #expectCondition(state: RecordState, condition: Condition, task: string, name: string): void {
    if (state.givenUp.get(task) === condition) return
    const isExpected =
      state.isUncertain ||
      (condition === 'Invalid' && state.isInvalid) ||
      (condition === 'WorkerLost' && this.#isWorkerLost(state)) ||
      (condition === 'RecordAgeExceeded' && this.#isTooOld(state))
    if (!isExpected) {
      const known = [...state.givenUp].map(([of, why]) => `${of} ${why}`).join()
      throw new Violation('one fate', `${name} was given up (${condition}), ${inWords(state)} ${known}`)
    }
    this.#giveUp(state, task, condition)
  }

  /** Whether the run may have discarded the record. The event that reports it follows in the same turn. */
  #mayBeDiscarded(state: RecordState): boolean {
    const { exhausted, rejected, invalid } = this.#setup.onFailure
    const hasLetter = [...state.givenUp.keys()].some((task) => !state.finishedTasks.has(task))
    if (hasLetter || state.isRunning) return false
    if (state.isInvalid) return invalid === 'discard'
    if (state.isUncertain && rejected === 'discard') return true
    return exhausted === 'discard' && (this.#isWorkerLost(state) || this.#isTooOld(state))
  }

  /** The run treats the record as settled. Returns whether the event may follow that it was discarded. */
  #assumeDiscarded(state: RecordState): boolean {
    if (!this.#mayBeDiscarded(state)) return false
    this.#assumedDiscarded.add(state)
    this.#clearLater()
    return true
  }

  /** Its attempts were used up when a process ended during the last one. */
  #isWorkerLost({ wasRunning, attemptsInRun, attempts }: RecordState): boolean {
    return wasRunning && attemptsInRun === 0 && attempts.max >= this.#setup.maxAttempts
  }

  #isTooOld({ attemptsInRun, record }: RecordState): boolean {
    const { maxRecordAgeMs = Number.POSITIVE_INFINITY } = this.#setup
    const age = this.#world.clock.now() - Math.floor(record.writtenAt / 1_000) * 1_000
    return attemptsInRun > 0 && age >= maxRecordAgeMs
  }

  #expectStored(state: RecordState, meaning: TokenMeaning): void {
    const name = this.#name(state.record)
    const stored = meaning.progressOf(state.record)
    const { attempts = 0, isRunning = false, done = [] } = stored ?? {}
    // At the end of the time to stop, running attempts are given back.
    if (state.isRunning && this.#isAfterStop && !isRunning && attempts >= state.attempts.min - 1) return
    const min = this.#isAfterAbort ? state.attempts.min - 1 : state.attempts.min
    const isWaiting = this.#isWaitingForSave(state, stored)
    const max = isWaiting ? state.attempts.max + 1 : state.attempts.max
    if (attempts < min || attempts > max) {
      throw new Violation('attempts', `a saved token says ${attempts} attempts of ${name}, ${inWords(state)}`)
    }
    if (!state.isDelivered || state.isInvalid || state.givenUp.size > 0) return
    // A record that may have ended the process is marked until its next attempt has ended.
    const isMarked = state.isRunning || isWaiting || (state.wasRunning && state.attemptsInRun === 0)
    // The entry of a key contains the progress of its first record only.
    const isInEntry = stored !== undefined || this.#setup.form.form !== 'batch'
    // An attempt that ends while the run stops may be given back.
    if (state.wasRunning && this.#halt) return
    if (isInEntry && isRunning !== isMarked && !(this.#isValidating && !state.hasStarted)) {
      throw new Violation('attempts', `a saved token says that ${name} is ${isRunning ? '' : 'not '}running`)
    }
    const missing = [...state.finishedTasks].find((task) => !done.includes(task))
    const tooMany = done.find((task) => !state.finishedTasks.has(task))
    if (missing ?? tooMany) {
      throw new Violation(
        'exact checkpoint',
        `a saved token is wrong about task ${missing ?? tooMany} of ${name}`,
      )
    }
  }

  /** Whether the run has counted an attempt, and starts it once the checkpoint shows it. */
  #isWaitingForSave(state: RecordState, stored: StoredProgress | undefined): boolean {
    if (this.#hasEnded || !stored?.isRunning || state.isRunning || !isOpen(state)) return false
    // In a batch, the attempt is not counted unless it turns out to have failed.
    const isInBatch = this.#setup.form.form === 'batch' && stored.attempts === state.attempts.max
    return isInBatch || stored.attempts === state.attempts.max + 1
  }

  #expectCounters(counters: ProcessingSummary): void {
    if ([...this.#stateOf.values()].some(({ isUncertain }) => isUncertain)) return
    const { deadLettered, records, handled, filtered, discarded } = counters
    const count = (fate: Fate): number => this.#fates.get(fate) ?? 0
    const expected = {
      records: this.#deliveries,
      handled: count('handled'),
      filtered: count('filtered'),
      discarded: count('discarded'),
      exhausted: count('RetryAttemptsExhausted'),
      aged: count('RecordAgeExceeded'),
      rejected: count('Rejected'),
      invalid: count('Invalid'),
      workerLost: count('WorkerLost'),
    }
    const counted = { records, handled, filtered, discarded, ...deadLettered }
    for (const name of Object.keys(expected) as (keyof typeof expected)[]) {
      if (counted[name] !== expected[name]) {
        throw new Violation('counters', `${name} is ${counted[name]}, but must be ${expected[name]}`)
      }
    }
  }

  /** While a slot is free, everything that is ready runs, and nothing that waits for a retry is late. */
  #expectProgress(): void {
    const { concurrency, maxFailingKeys, maxDelayMs, form } = this.#setup
    const heads = [...this.#lanes.values()].flatMap(([head]) => (head ? [head] : []))
    if (this.#running.size >= concurrency) this.#saturatedAt = this.#now
    const isNormal = !this.#mayWaitForSaves
    if (!isNormal && this.#now <= Math.max(this.#lastStartAt, this.#lastEndAt) + MAX_FLUSH_MS) return
    if (this.#running.size >= concurrency || (this.#isRecovering && this.#running.size > 0)) return
    const failing = heads.filter(({ hasStarted, givenUp }) => hasStarted || givenUp.size > 0).length
    const windowMs = form.form === 'batch' ? form.windowMs + RETRY_SLACK_MS : 0
    for (const head of heads) {
      if (head.isRunning || head.isInvalid || head.givenUp.size > 0 || this.#fresh.has(head)) continue
      if (this.#order === 'shard' && this.#hasOpenAncestor(head)) continue
      const isNew = !head.hasStarted
      if (head.attemptsInRun === 0 && failing >= maxFailingKeys) continue
      const waitedMs = this.#now - Math.max(head.changedAt, this.#saturatedAt)
      const limitMs = (isNew ? 0 : maxDelayMs + RETRY_SLACK_MS) + windowMs + (isNormal ? 0 : MAX_FLUSH_MS)
      if (waitedMs > limitMs) {
        throw new Violation(
          'never stuck',
          `${this.#name(head.record)} has waited for ${waitedMs} ms while a slot is free`,
        )
      }
    }
  }

  /** Whether attempts may wait for a save: those at the start of a run, and all of them after a crash. */
  get #mayWaitForSaves(): boolean {
    return this.#isRecovering || this.#now <= this.#firstStartAt + MAX_FLUSH_MS
  }

  get #isRecovering(): boolean {
    return [...this.#stateOf.values()].some(({ wasRunning, isDelivered }) => wasRunning && isDelivered)
  }

  #hasOpenAncestor({ record }: RecordState): boolean {
    return ancestorsOf(this.#world, record.shardId).some(
      ({ shardId }) => (this.#lanes.get(shardId)?.length ?? 0) > 0,
    )
  }

  // ---- Changes -------------------------------------------------------------------------------------------

  #outcomeOf(state: RecordState, outcomes: ReadonlyMap<string, Outcome>): void {
    state.isRunning = false
    // An attempt that is cut short says nothing about a record that may have ended the process.
    if (!this.#isAfterAbort) state.attemptsInRun++
    state.isUncertain ||= this.#isAfterStop
    this.#touch(state)
    // The first one in the order of the tasks decides how the record is counted.
    const failures = [...outcomes].filter(([, outcome]) => outcome !== 'handled').sort(byTask)
    const attempts = state.attempts.max
    if (failures.length > 0) this.#countFailure(state, failures)
    for (const [task, outcome] of outcomes) {
      if (outcome !== 'handled') continue
      if (task === '') this.#settle(state, 'handled')
      else this.#finishTask(state, task)
    }
    // Once the run stops, nothing is given up: the next run attempts it again.
    if (this.#halt || state.isUncertain) return
    for (const [task, outcome] of failures) {
      if (outcome === 'rejected') this.#giveUp(state, task, 'Rejected')
      else if (outcome === 'failed' && attempts >= this.#setup.maxAttempts) {
        this.#giveUp(state, task, 'RetryAttemptsExhausted')
      }
    }
  }

  #countFailure(state: RecordState, failures: readonly (readonly [task: string, outcome: Outcome])[]): void {
    const { min, max } = state.attempts
    state.unsavedSince ??= this.#now
    this.#freshFailures.add(state)
    // The run may have learned only now that it stops, or may stop because of this failure.
    if (this.#halt?.why === 'stopping') state.isUncertain = true
    if (this.#isHaltFresh) for (const failure of this.#freshFailures) failure.isUncertain = true
    if (state.isUncertain && failures.some(([, outcome]) => this.#mayStop(outcome, max))) {
      this.#knownHalt ??= { why: 'stopping', at: this.#now }
    }
    // An attempt that ends while the run stops may be given back.
    if (this.#halt || state.isUncertain) state.attempts = { min: min - 1, max }
    else if (failures.every(([, outcome]) => outcome === 'outage')) {
      state.attempts = { min: min - 1, max: max - 1 }
    }
  }

  /** Whether the run may stop because of a failed attempt with this number. */
  #mayStop(outcome: Outcome, attempt: number): boolean {
    const { exhausted, rejected } = this.#setup.onFailure
    if (outcome === 'rejected') return rejected === 'stop'
    return outcome === 'failed' && exhausted === 'stop' && attempt >= this.#setup.maxAttempts
  }

  /** The record runs again, and its attempt, which was part of a batch, does not count. */
  #repeat(state: RecordState): void {
    state.isRunning = false
    state.isUncertain ||= this.#isAfterStop
    this.#touch(state)
  }

  /** The run ends during the attempt. */
  #giveBack(state: RecordState, isCounted: boolean): void {
    state.isRunning = false
    if (!isCounted) return
    state.attempts = { min: state.attempts.min - 1, max: state.attempts.min - 1 }
  }

  #giveUp(state: RecordState, task: string, condition: Condition): void {
    state.givenUp.set(task, condition)
    this.#touch(state)
    const target = this.#targetOf(condition)
    if (target === 'stop' && !this.#isAfterAbort) {
      this.halted('failed')
      if (this.#freshFailures.size > 1) for (const failure of this.#freshFailures) failure.isUncertain = true
    }
    if (task !== '') state.fateOfTasks ??= target === 'discard' ? 'discarded' : condition
    if (target !== 'discard') return
    if (task === '') this.#settle(state, 'discarded')
    else this.#finishTask(state, task)
  }

  #targetOf(condition: Condition): FailureTarget {
    const { exhausted, rejected, invalid } = this.#setup.onFailure
    if (condition === 'Rejected') return rejected
    return condition === 'Invalid' ? invalid : exhausted
  }

  /** A task has succeeded, or is given up for good. */
  #finishTask(state: RecordState, task: string): void {
    state.finishedTasks.add(task)
    state.unsavedSince ??= this.#now
    this.#touch(state)
    const isOver = state.fate === undefined && this.#hasFinishedAllTasks(state)
    if (isOver) this.#settle(state, state.fateOfTasks ?? 'handled')
  }

  #hasFinishedAllTasks({ finishedTasks }: RecordState): boolean {
    const { form } = this.#setup
    return form.form === 'tasks' && finishedTasks.size >= form.count
  }

  #settle(state: RecordState, fate: Fate): void {
    state.fate = fate
    state.isRunning = false
    this.#fates.set(fate, (this.#fates.get(fate) ?? 0) + 1)
    this.#touch(state)
    const lane = this.#laneOf(state.record)
    const queue = this.#lanes.get(lane)
    if (!queue?.includes(state)) return
    this.#open--
    state.unsavedSince ??= this.#now
    const rest = queue.filter((other) => other !== state)
    if (rest[0]) {
      this.#lanes.set(lane, rest)
      this.#touch(rest[0])
      return
    }
    this.#lanes.delete(lane)
    // Descendants of the shard may have waited.
    if (this.#order === 'shard') for (const [head] of this.#lanes.values()) if (head) this.#touch(head)
  }

  #touch(state: RecordState): void {
    state.changedAt = this.#now
    this.#fresh.add(state)
    this.#clearLater()
  }

  /** The callbacks of a promise run before the next turn of the event loop, and with them the run. */
  #clearLater(): void {
    if (this.#isClearing) return
    this.#isClearing = true
    setImmediate(() => {
      this.#isClearing = false
      this.#isHaltFresh = false
      this.#isValidating = false
      this.#fresh.clear()
      this.#freshFailures.clear()
      for (const { fate, record } of this.#assumedDiscarded) if (!fate) this.#wronglyCovered ??= record
      this.#assumedDiscarded.clear()
    })
  }

  get #halt(): Halt | undefined {
    const hasReadingFailed = this.#world.deniedCalls > this.#deniedBefore
    return hasReadingFailed && this.#knownHalt?.why !== 'lost' ? readingFailed : this.#knownHalt
  }

  get #now(): number {
    return this.#world.clock.monotonic()
  }

  /** Whether the time to stop is over, so that the run may ignore outcomes. */
  get #isAfterStop(): boolean {
    return this.#halt !== undefined && this.#now >= this.#halt.at + DRAIN_MS + ABANDON_MS
  }

  /** Whether the run may have aborted its handlers in order to stop. */
  get #isAfterAbort(): boolean {
    if (this.#halt === undefined) return false
    return this.#halt.why === 'lost' || this.#now >= this.#halt.at + DRAIN_MS
  }

  #name(record: EmulatedRecord): string {
    return this.#world.nameOfRecord(record)
  }
}

/** The options `drainTimeoutMs` and `abandonAfterMs` of every run. */
export const DRAIN_MS = 15_000
export const ABANDON_MS = 2_000

function byTask(
  [one]: readonly [task: string, outcome: Outcome],
  [other]: readonly [task: string, outcome: Outcome],
): number {
  return one < other ? -1 : 1
}
