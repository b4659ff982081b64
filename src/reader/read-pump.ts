import type { Clock } from '../core/clock.ts'
import type { ServiceClock } from '../core/service-clock.ts'
import type { BufferLoad, PageBudget } from './page-budget.ts'
import { ReadSchedule } from './read-schedule.ts'
import { type ReadContext, type ReadOutcome, readShard } from './read-shard.ts'
import type { ShardReader } from './shard-reader.ts'

export interface ReadPumpOptions {
  readonly context: ReadContext
  readonly budget: PageBudget
  readonly maxConcurrentReads: number
  /** Returns how much is buffered, in bytes. */
  readonly bufferedBytes: () => number
  /** Returns how many shards have buffered records, or block the merge. */
  readonly shardsInNeed: () => number
  /**
   * Called when a read has ended, for which up to `limit` records were requested. Not called after the signal
   * has aborted.
   */
  readonly onRead: (reader: ShardReader, outcome: ReadOutcome, limit: number) => void
}

/**
 * Reads shards concurrently, each on its own schedule: at most `maxConcurrentReads` at the same time, and no
 * further ahead than the memory limit allows.
 *
 * @internal
 */
export class ReadPump {
  readonly #options: ReadPumpOptions
  readonly #clock: Clock
  readonly #serviceClock: ServiceClock
  readonly #schedule = new ReadSchedule()
  /** Readers that are scheduled only to renew their iterators. */
  readonly #renewing = new WeakSet<ShardReader>()
  #inFlight = 0
  #reads = 0

  constructor(options: ReadPumpOptions) {
    this.#options = options
    this.#clock = options.context.clock
    this.#serviceClock = options.context.serviceClock
  }

  /** How many reads have been started; this is the number of the last one. */
  get reads(): number {
    return this.#reads
  }

  /**
   * When the next scheduled read becomes due (monotonic ms); undefined if no reader waits for its due time,
   * or if `maxConcurrentReads` reads are in flight.
   */
  get nextDueAt(): number | undefined {
    return this.#inFlight < this.#options.maxConcurrentReads ? this.#schedule.nextDueAt : undefined
  }

  /** Whether a read can be started at `now` (monotonic ms). */
  hasDue(now: number): boolean {
    if (this.#inFlight >= this.#options.maxConcurrentReads) return false
    return this.#schedule.hasDue(now, () => this.#options.budget.hasRoom(this.#load()))
  }

  /** Schedules the shard's next read at `dueAt` (monotonic ms), replacing the time scheduled before. */
  schedule(reader: ShardReader, dueAt: number): void {
    reader.schedule(dueAt)
    this.#schedule.put(reader, this.#renewing.has(reader))
  }

  /** Schedules a read that renews the iterator: it fetches a single record, even if memory is full. */
  scheduleRenewal(reader: ShardReader, dueAt: number): void {
    this.#renewing.add(reader)
    this.schedule(reader, dueAt)
  }

  /** Must be called after each change of a reader. */
  update(reader: ShardReader): void {
    this.#schedule.update(reader)
  }

  /** Whether enough records of a shard are buffered, so that it need not be read for now. */
  isPrefetched({ queue }: ShardReader): boolean {
    return queue.length > 0 && this.#options.budget.isPrefetched(queue.length, this.#shards)
  }

  /** Starts the reads that are due. */
  run(now: number): void {
    while (this.#inFlight < this.#options.maxConcurrentReads) {
      const reader = this.#schedule.takeDue(now, this.#options.budget.hasRoom(this.#load()))
      if (!reader) return
      void this.#read(reader, now)
    }
  }

  async #read(reader: ShardReader, now: number): Promise<void> {
    const { budget, context, onRead } = this.#options
    this.#inFlight++
    const reserved = budget.reserve(
      this.#load(),
      this.#renewing.delete(reader) ? 1 : Number.POSITIVE_INFINITY,
    )
    reader.startRead(++this.#reads, now, this.#serviceClock.now())
    const calledAt = this.#clock.monotonic()
    const outcome = await readShard(reader, reserved.limit, context)
    if (outcome.kind === 'page') this.#serviceClock.observe(outcome.page?.serviceTime, calledAt)
    this.#inFlight--
    reserved.release()
    if (!context.signal.aborted) onRead(reader, outcome, reserved.limit)
  }

  get #shards(): number {
    return Math.max(this.#options.shardsInNeed(), this.#inFlight)
  }

  #load(): BufferLoad {
    return { bufferedBytes: this.#options.bufferedBytes(), shards: this.#shards, inFlight: this.#inFlight }
  }
}
