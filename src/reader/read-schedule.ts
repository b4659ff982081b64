import { Heap } from 'heap-js'
import type { ShardReader } from './shard-reader.ts'

interface Ticket {
  readonly reader: ShardReader
  readonly dueAt: number
  readonly number: number
}

/**
 * Which shard is read next, and when: each has its own time. Of those that are due, the ones that the merge waits for
 * come first.
 *
 * @internal
 */
export class ReadSchedule {
  readonly #later = new Heap<Ticket>((a, b) => a.dueAt - b.dueAt || a.number - b.number)
  #needed: Ticket[] = []
  #ahead: Ticket[] = []
  #number = 0

  /** Puts a reader in at a time (ms), in the place of what was said of it before. */
  put(reader: ShardReader, dueAt: number): void {
    reader.phase = 'scheduled'
    reader.ticket = ++this.#number
    reader.dueAt = dueAt
    this.#later.push({ reader, dueAt, number: reader.ticket })
  }

  /** When the next reader falls due (ms); undefined if none is waiting for its time. */
  get nextDueAt(): number | undefined {
    for (let next = this.#later.peek(); next; next = this.#later.peek()) {
      if (isValid(next)) return next.dueAt
      this.#later.pop()
    }
    return undefined
  }

  /** Whether there is a reader that is due at `now`. */
  hasDue(now: number): boolean {
    if (this.#needed.length > 0 || this.#ahead.length > 0) return true
    return (this.nextDueAt ?? Number.POSITIVE_INFINITY) <= now
  }

  /**
   * Takes the next reader that is due at `now`: one with an empty queue, or, with `alsoAhead`, one whose queue has
   * records.
   */
  take(now: number, alsoAhead: boolean): ShardReader | undefined {
    this.#sortDue(now)
    return takeValid(this.#needed) ?? (alsoAhead ? takeValid(this.#ahead) : undefined)
  }

  #sortDue(now: number): void {
    for (let next = this.#later.peek(); next && next.dueAt <= now; next = this.#later.peek()) {
      this.#later.pop()
      if (!isValid(next)) continue
      if (next.reader.queue.length === 0 && !next.reader.held) this.#needed.push(next)
      else this.#ahead.push(next)
    }
  }
}

function takeValid(tickets: Ticket[]): ShardReader | undefined {
  for (let ticket = tickets.shift(); ticket; ticket = tickets.shift()) {
    if (!isValid(ticket)) continue
    return ticket.reader
  }
  return undefined
}

/** Whether the reader still waits with this ticket, and was not put elsewhere in the meantime. */
function isValid(ticket: Ticket): boolean {
  return ticket.reader.phase === 'scheduled' && ticket.reader.ticket === ticket.number
}
