import type { Clock } from '../core/clock.ts'
import type { PageBudget } from './page-budget.ts'
import { ReadSchedule } from './read-schedule.ts'
import { type ReadContext, type ReadOutcome, readShard } from './read-shard.ts'
import type { ShardReader } from './shard-reader.ts'

/** What the pump asks of the one who owns the buffer. */
export interface PumpOwner {
  /** How much is buffered now, in bytes. */
  bufferedBytes(): number
  /** Over how many shards the memory has to be divided. */
  sharers(): number
  /** A read has ended; `limit` is how many records were asked for. Not called after the signal has aborted. */
  answered(reader: ShardReader, outcome: ReadOutcome, limit: number): void
}

/**
 * Reads shards side by side: each at its own time, as many as may be under way, and no more ahead of their need than
 * memory allows.
 *
 * @internal
 */
export class ReadPump {
  readonly #context: ReadContext
  readonly #budget: PageBudget
  readonly #maxConcurrentReads: number
  readonly #owner: PumpOwner
  readonly #schedule = new ReadSchedule()
  #inFlight = 0
  #reads = 0

  constructor(context: ReadContext, budget: PageBudget, maxConcurrentReads: number, owner: PumpOwner) {
    this.#context = context
    this.#budget = budget
    this.#maxConcurrentReads = maxConcurrentReads
    this.#owner = owner
  }

  get #clock(): Clock {
    return this.#context.clock
  }

  /** How many reads were begun so far; the number of the last one. */
  get reads(): number {
    return this.#reads
  }

  /** When the next shard is to be read (ms); undefined when none waits for its time, or no more may be under way. */
  get nextDueAt(): number | undefined {
    return this.#inFlight < this.#maxConcurrentReads ? this.#schedule.nextDueAt : undefined
  }

  hasDue(now: number): boolean {
    return this.#schedule.hasDue(now)
  }

  /** Has a shard read at a time (ms), in the place of what was said before. */
  readAt(reader: ShardReader, dueAt: number): void {
    this.#schedule.put(reader, Math.max(dueAt, reader.notBefore))
  }

  readIn(reader: ShardReader, delayMs: number): void {
    this.readAt(reader, this.#clock.now() + delayMs)
  }

  /** Has a shard read when it is time again, or lets it rest while it has enough. `pauseMs`: for one at the tip. */
  readOn(reader: ShardReader, pauseMs: number): void {
    if (this.hasEnough(reader)) reader.phase = 'resting'
    else this.readAt(reader, reader.atTip ? reader.askedAtMs + pauseMs : 0)
  }

  hasEnough({ queue }: ShardReader): boolean {
    return queue.length > 0 && this.#budget.isEnough(queue.length, this.#owner.sharers())
  }

  /** Starts what is due. */
  run(now: number): void {
    while (this.#inFlight < this.#maxConcurrentReads) {
      const reader = this.#schedule.take(
        now,
        this.#budget.hasRoom(this.#owner.bufferedBytes(), this.#owner.sharers()),
      )
      if (!reader) return
      void this.#read(reader, now)
    }
  }

  async #read(reader: ShardReader, now: number): Promise<void> {
    reader.phase = 'reading'
    reader.askedAtMs = now
    reader.knewEnd = reader.node.hasEnded
    reader.readNumber = ++this.#reads
    this.#inFlight++
    const reserved = this.#budget.reserve({
      bufferedBytes: this.#owner.bufferedBytes(),
      sharers: this.#owner.sharers(),
      inFlight: this.#inFlight,
    })
    const outcome = await readShard(reader, reserved.limit, this.#context)
    this.#inFlight--
    reserved.release()
    if (!this.#context.signal.aborted) this.#owner.answered(reader, outcome, reserved.limit)
  }
}
