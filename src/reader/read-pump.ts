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
  /** How much is buffered, in bytes. */
  readonly bufferedBytes: () => number
  /** How many shards have records in the buffer, or must get some before the merge can proceed. */
  readonly shardsInNeed: () => number
  /** A read has ended; `limit` is how many records were requested. Not called after the signal has aborted. */
  readonly onRead: (reader: ShardReader, outcome: ReadOutcome, limit: number) => void
}

/**
 * Reads shards concurrently: each at its own time, up to a number of them at once, and no further ahead than memory
 * allows.
 *
 * @internal
 */
export class ReadPump {
  readonly #options: ReadPumpOptions
  readonly #clock: Clock
  readonly #serviceClock: ServiceClock
  readonly #schedule = new ReadSchedule()
  /** Readers that are read to renew their iterators, and not for their records. */
  readonly #renewing = new WeakSet<ShardReader>()
  #inFlight = 0
  #reads = 0

  constructor(options: ReadPumpOptions) {
    this.#options = options
    this.#clock = options.context.clock
    this.#serviceClock = options.context.serviceClock
  }

  /** The number of the last read that was started. */
  get reads(): number {
    return this.#reads
  }

  /** When the next shard is to be read (monotonic ms); undefined if none waits for its time, or too many are in flight. */
  get nextDueAt(): number | undefined {
    return this.#inFlight < this.#options.maxConcurrentReads ? this.#schedule.nextDueAt : undefined
  }

  hasDue(now: number): boolean {
    if (this.#inFlight >= this.#options.maxConcurrentReads) return false
    return this.#schedule.hasDue(now, () => this.#options.budget.hasRoom(this.#load()))
  }

  /** Schedules a read at `dueAt` (monotonic ms), in place of what was scheduled for the shard before. */
  schedule(reader: ShardReader, dueAt: number): void {
    reader.schedule(dueAt)
    this.#schedule.put(reader, this.#renewing.has(reader))
  }

  /** Schedules a read whose purpose is to renew the iterator: it fetches a single record, even if memory is full. */
  scheduleRenewal(reader: ShardReader, dueAt: number): void {
    this.#renewing.add(reader)
    this.schedule(reader, dueAt)
  }

  /** To be called after each change of a reader. */
  update(reader: ShardReader): void {
    this.#schedule.update(reader)
  }

  /** Whether so much is buffered of a shard that it need not be read for the time being. */
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
