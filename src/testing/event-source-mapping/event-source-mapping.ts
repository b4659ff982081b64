import { backoffMs } from '../../core/backoff.ts'
import { sleep } from '../../core/clock.ts'
import { StreamError } from '../../core/errors.ts'
import { integer } from '../../core/options.ts'
import { uuid } from '../emulator/state/random.ts'
import type { EmulatedRecord } from '../emulator/state/record.ts'
import { type DiscardedRecord, Discards } from './discards.ts'
import type { LambdaInvocationRecord } from './invocation-record.ts'
import { Invocations, type MappingInvocation, toBatchOutcome } from './invocations.ts'
import { toEventRecord } from './lambda-event.ts'
import type { Lane } from './lane.ts'
import type { CheckedMapping } from './options.ts'
import { type Batch, planNext } from './plan.ts'
import { isTrimmed, splitByAge } from './record-age.ts'
import { ShardLanes } from './shard-lanes.ts'

type RecordBatch = Batch<EmulatedRecord>

/**
 * Lambda polls each shard four times per second (developer guide, "Using AWS Lambda with Amazon DynamoDB").
 * Polling once lets a test wait for a day in a quarter of the time.
 */
const POLL_EVERY_MS = 1_000

/** The delays between retries. AWS documents that they grow exponentially, but not how. */
const RETRY_BACKOFF = { baseMs: 1_000, capMs: 60_000 }

/** An emulated event source mapping; see {@link emulateEventSourceMapping}. */
export class EventSourceMapping {
  readonly #options: CheckedMapping
  readonly #streamArn: string
  readonly #lanes: ShardLanes
  readonly #invocations: Invocations
  readonly #discards: Discards
  readonly #handled: EmulatedRecord[] = []
  readonly #filtered: EmulatedRecord[] = []
  readonly #closed = new AbortController()
  #isEnabled: boolean
  /** The number of records of the emulator that were read or skipped. */
  #read = 0
  #cancelPoll: () => void = () => {}
  /** The number of pending calls of `drain`, and what wakes them. */
  #drains = 0
  #wakeDrains: (() => void)[] = []

  /** @internal */
  constructor(options: CheckedMapping) {
    const { emulator } = options
    this.#options = options
    this.#streamArn = emulator.streamArn
    this.#lanes = new ShardLanes(options.lanesPerShard, (shardId) => emulator.shard(shardId))
    this.#invocations = new Invocations(options, this.#streamArn)
    this.#discards = new Discards(options, this.#streamArn)
    this.#isEnabled = options.isEnabled
    this.#skipToStart()
    this.#setPollTimer(0)
  }

  /** All invocations, in order of their start. */
  get invocations(): readonly MappingInvocation[] {
    return this.#invocations.list
  }

  /** The records that are done for Lambda, in the order in which they were. */
  get handled(): readonly EmulatedRecord[] {
    return this.#handled
  }

  /** The records that match none of the filter patterns. */
  get filtered(): readonly EmulatedRecord[] {
    return this.#filtered
  }

  /** The records that Lambda has given up. Those whose `destination` is not `delivered` are lost. */
  get discarded(): readonly DiscardedRecord[] {
    return this.#discards.discarded
  }

  /** The invocation records that the destination has accepted. */
  get delivered(): readonly LambdaInvocationRecord[] {
    return this.#discards.delivered
  }

  /**
   * Resolves when every record of the stream is handled, filtered or discarded. Time must pass on the clock
   * of the mapping: `await clock.run(mapping.drain())`.
   *
   * With `MaximumRetryAttempts` -1, a batch that always fails is retried for 24 hours. Rejects with:
   * - `closed`: the mapping is closed, or was closed meanwhile;
   * - an `Error`: the mapping is disabled, or was disabled meanwhile.
   */
  async drain(): Promise<void> {
    this.#drains++
    try {
      for (;;) {
        if (this.#closed.signal.aborted) throw new StreamError('closed', 'The mapping is closed.', {})
        if (!this.#isEnabled) throw new Error('The mapping is disabled, so it processes no records.')
        this.#poll()
        if (this.#lanes.isEmpty) return
        await new Promise<void>((resolve) => this.#wakeDrains.push(resolve))
      }
    } finally {
      this.#drains--
    }
  }

  /** Starts processing, like UpdateEventSourceMapping with `Enabled: true`. */
  enable(): void {
    if (this.#isEnabled) return
    this.#isEnabled = true
    this.#setPollTimer(0)
  }

  /**
   * Stops processing, like UpdateEventSourceMapping with `Enabled: false`, but at once. Running invocations
   * end normally. Records expire meanwhile. After `enable`, a batch that was being retried continues with the
   * attempts that are left; AWS does not document whether Lambda starts to count again.
   */
  disable(): void {
    this.#isEnabled = false
    this.#cancelPoll()
    this.#notifyDrains()
  }

  /**
   * Throttles the next invocations, as Lambda does when no concurrency is left: the function is not called,
   * and the batch is retried after a delay, without spending an attempt.
   *
   * @param times - the number of invocations, 0 or more. Default: 1.
   * @throws StreamError `options.invalid` if `times` is invalid.
   */
  throttle(times = 1): void {
    this.#invocations.throttle(integer('times', times, 0, Number.MAX_SAFE_INTEGER))
  }

  /** Stops the mapping. The results of running invocations are ignored. */
  async close(): Promise<void> {
    this.#closed.abort()
    this.#cancelPoll()
    this.#notifyDrains()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get #isActive(): boolean {
    return this.#isEnabled && !this.#closed.signal.aborted
  }

  /** Skips records that were trimmed before the mapping was created and, at LATEST, all others. */
  #skipToStart(): void {
    const { emulator, startsAtLatest } = this.#options
    const now = emulator.now()
    for (const record of emulator.records) if (!startsAtLatest && !isTrimmed(record, now)) this.#add(record)
    this.#read = emulator.records.length
  }

  #setPollTimer(delayMs: number): void {
    this.#cancelPoll()
    if (!this.#isActive) return
    this.#cancelPoll = this.#options.clock.setTimer(delayMs, () => this.#poll(), this.#drains === 0)
  }

  /** Reads the new records of all shards, and processes those that can be. */
  #poll(): void {
    const { records } = this.#options.emulator
    while (this.#read < records.length) this.#add(records[this.#read++] as EmulatedRecord)
    this.#processLanes()
    this.#setPollTimer(POLL_EVERY_MS)
    this.#notifyDrains()
  }

  #add(record: EmulatedRecord): void {
    const { emulator, filter, clock } = this.#options
    // The record may belong to another stream of the table.
    if (emulator.shard(record.shardId).streamArn !== this.#streamArn) return
    const event = toEventRecord(record, this.#streamArn)
    if (filter?.matches(event) === false) {
      this.#filtered.push(record)
      return
    }
    const bytes = Buffer.byteLength(JSON.stringify(event))
    this.#lanes.laneOf(record).add(record, bytes, clock.monotonic())
  }

  #processLanes(): void {
    if (!this.#isActive) return
    for (const lane of this.#lanes.unblocked()) {
      if (!lane.isRunning && this.#isDue(lane)) void this.#processLane(lane)
    }
  }

  #isDue(lane: Lane): boolean {
    return lane.isDue(this.#options.clock.monotonic(), this.#options)
  }

  async #processLane(lane: Lane): Promise<void> {
    lane.isRunning = true
    while (this.#isActive && this.#isDue(lane)) await this.#processBatch(lane)
    lane.isRunning = false
    this.#lanes.removeEmpty()
    this.#notifyDrains()
  }

  async #processBatch(lane: Lane): Promise<void> {
    const { batchSize, clock, random } = this.#options
    const batch = await this.#withoutOld(lane.take(batchSize, this.#createBatch))
    if (batch === undefined) return
    // The destination of older records may have taken its time.
    if (!this.#isActive) return lane.planFirst([batch])
    const invocation = await this.#invocations.invoke(batch)
    if (this.#closed.signal.aborted) return
    const plan = planNext(batch, toBatchOutcome(invocation), this.#options, this.#createBatch)
    this.#handled.push(...plan.handled)
    lane.planFirst(plan.next)
    if (plan.exhausted.length > 0) {
      await this.#discards.giveUp({
        records: plan.exhausted,
        condition: 'RetryAttemptsExhausted',
        requestId: batch.requestId,
        invocations: batch.failures + 1,
        hasThrown: invocation.outcome === 'threw' || invocation.outcome === 'timedOut',
      })
    }
    if (plan.waitsAfter === 0) return
    await sleep(clock, backoffMs(plan.waitsAfter, RETRY_BACKOFF, random), this.#closed.signal)
  }

  /** Gives up the records that have become too old. Returns the batch of the others, if there are any. */
  async #withoutOld(batch: RecordBatch): Promise<RecordBatch | undefined> {
    const { emulator, maxAgeMs } = this.#options
    const { usable, aged, trimmed } = splitByAge(batch.items, emulator.now(), maxAgeMs)
    this.#discards.addTrimmed(trimmed)
    if (aged.length > 0) {
      const { requestId } = batch
      const condition = 'RecordAgeExceeded'
      await this.#discards.giveUp({ records: aged, condition, requestId, invocations: 1, hasThrown: false })
    }
    if (usable.length === batch.items.length) return batch
    return usable.length === 0 ? undefined : this.#createBatch(usable)
  }

  readonly #createBatch = (items: readonly EmulatedRecord[]): RecordBatch => ({
    items,
    requestId: uuid(this.#options.random),
    failures: 0,
    throttles: 0,
  })

  #notifyDrains(): void {
    for (const wake of this.#wakeDrains.splice(0)) wake()
  }
}
