import { Heap } from 'heap-js'
import type { ShardReader } from './shard-reader.ts'

interface Entry {
  readonly reader: ShardReader
  readonly dueAt: number
  readonly number: number
  readonly isUrgent: boolean
  /** The queue in which it waits once it is due; undefined before. */
  queue: Entry[] | undefined
}

/**
 * Decides which shard is read next, and when. Each shard has its own due time. Of the shards that are due,
 * those that block the merge come first. Polls of idle shards and prefetching follow, in the order of their
 * due times. With more shards than can be read in time, poll intervals grow, but buffered records do not wait
 * longer.
 *
 * @internal
 */
export class ReadSchedule {
  readonly #entries = new Map<ShardReader, Entry>()
  readonly #later = new Heap<Entry>((a, b) => a.dueAt - b.dueAt || a.number - b.number)
  readonly #blocking: Entry[] = []
  readonly #others: Entry[] = []
  #number = 0

  /**
   * Schedules a reader for its `dueAt`, replacing an earlier schedule.
   *
   * @param isUrgent - whether the read has the priority of shards that block the merge.
   */
  put(reader: ShardReader, isUrgent = false): void {
    const entry: Entry = { reader, dueAt: reader.dueAt, number: ++this.#number, isUrgent, queue: undefined }
    this.#entries.set(reader, entry)
    this.#later.push(entry)
  }

  /**
   * Must be called after each change of a reader: its priority may have changed, or it is no longer
   * scheduled.
   */
  update(reader: ShardReader): void {
    const entry = this.#entries.get(reader)
    if (!entry) return
    if (reader.phase !== 'scheduled') this.#entries.delete(reader)
    else if (entry.queue !== undefined && entry.queue !== this.#queueOf(entry)) this.#putDue({ ...entry })
  }

  /** When the next reader becomes due (monotonic ms); undefined if no reader is waiting for its due time. */
  get nextDueAt(): number | undefined {
    for (let next = this.#later.peek(); next; next = this.#later.peek()) {
      if (this.#isValid(next)) return next.dueAt
      this.#later.pop()
    }
    return undefined
  }

  /** Whether {@link takeDue} may return a reader at `now`. */
  hasDue(now: number, hasRoom: () => boolean): boolean {
    if (this.#blocking.length > 0 || (this.nextDueAt ?? Number.POSITIVE_INFINITY) <= now) return true
    return this.#others.length > 0 && hasRoom()
  }

  /**
   * Removes and returns the next reader that is due at `now`.
   *
   * @param hasRoom - whether there is memory for records that the merge does not wait for.
   */
  takeDue(now: number, hasRoom: boolean): ShardReader | undefined {
    for (let next = this.#later.peek(); next && next.dueAt <= now; next = this.#later.peek()) {
      this.#later.pop()
      if (this.#isValid(next)) this.#putDue(next)
    }
    const entry = this.#shift(this.#blocking) ?? (hasRoom ? this.#shift(this.#others) : undefined)
    if (entry) this.#entries.delete(entry.reader)
    return entry?.reader
  }

  #putDue(entry: Entry): void {
    entry.queue = this.#queueOf(entry)
    this.#entries.set(entry.reader, entry)
    entry.queue.push(entry)
  }

  #queueOf({ isUrgent, reader }: Entry): Entry[] {
    return isUrgent || reader.blocks ? this.#blocking : this.#others
  }

  #shift(queue: Entry[]): Entry | undefined {
    for (let entry = queue.shift(); entry; entry = queue.shift()) if (this.#isValid(entry)) return entry
    return undefined
  }

  /** Whether the reader has not been removed or rescheduled since the entry was created. */
  #isValid(entry: Entry): boolean {
    return this.#entries.get(entry.reader) === entry
  }
}
