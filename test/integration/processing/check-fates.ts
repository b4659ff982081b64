import { isDeepStrictEqual } from 'node:util'
import type { StreamToken } from '../../../src/index.ts'
import { tokenCoverage } from '../../../src/position/token-coverage.ts'
import type { Role } from './roles.ts'
import type { HandlerResult, LetterReport, ObservedRecord, WorkerEvent } from './worker-log.ts'

/** A write to the table: its number, over all items, and the key of the item. */
export interface WrittenRecord {
  readonly n: number
  readonly id: string
}

/** A message in the queue for dead letters. */
export interface QueuedLetter {
  readonly n: number
  readonly condition: string
  /** The id of the letter. */
  readonly requestId: string
  /** How many attempts of the record there were. */
  readonly attempts: number
}

/** The runs of the workers, each of which resumes from the previous one, and everything around them. */
export interface History {
  /** The events of each run, from the start of the process to its end. */
  readonly runs: readonly (readonly WorkerEvent[])[]
  /** The writes in order. */
  readonly written: readonly WrittenRecord[]
  readonly letters: readonly QueuedLetter[]
  /**
   * Whether the handler receives batches: they can contain several records of an item, and their attempts do
   * not count.
   */
  readonly hasBatches?: boolean
  roleOf(n: number): Role
  parentOf(shardId: string): string | undefined
}

/** The result of the check. */
export interface FateSummary {
  /** One sentence for each broken guarantee; empty if all hold. */
  readonly faults: readonly string[]
  readonly attempts: number
  readonly handled: number
  readonly deadLettered: number
  /** How many times a record was handled or dead-lettered again. */
  readonly repeated: number
  readonly saved: number
}

/**
 * Checks that every record has met its one fate, that the records of an item were processed in order, and
 * that a run repeats no more than what was settled since the last save: it resumes exactly from what the last
 * successful save contained, or one that was in flight.
 */
export function checkFates(history: History): FateSummary {
  const check = new FateCheck(history)
  for (const [index, events] of history.runs.entries()) check.addRun(index, events)
  return check.finish()
}

/** What is known of a record. */
interface Observed extends ObservedRecord {
  /**
   * When it was settled, as an index of the events of all runs; undefined while it is unsettled, also because
   * a run has resumed from a checkpoint that was saved before.
   */
  settledAt: number | undefined
  /** Whether it was ever settled. */
  wasSettled: boolean
}

class FateCheck {
  readonly #history: History
  readonly #faults: string[] = []
  readonly #records = new Map<number, Observed>()
  readonly #byPlace = new Map<string, Observed>()
  /** The numbers of each item in the order of the writes. */
  readonly #items: ReadonlyMap<string, readonly number[]>
  /**
   * The number of attempts that were counted for a record, by shard and sequence number. It can be counted
   * before the handler is called for the first time.
   */
  readonly #attemptsOf = new Map<string, number>()
  readonly #effects = new Set<number>()
  readonly #lastEffectOfItem = new Map<string, number>()
  readonly #reports = new Set<string>()
  /** The tokens that the next run may load. */
  #possible: readonly (StreamToken | undefined)[] = [undefined]
  #prefix = ''
  /** The number of events so far. */
  #time = 0
  #attempts = 0
  #repeated = 0
  #saved = 0

  constructor(history: History) {
    this.#history = history
    const items = new Map<string, number[]>()
    for (const { n, id } of history.written) {
      const numbers = items.get(id)
      if (numbers) numbers.push(n)
      else items.set(id, [n])
    }
    this.#items = items
  }

  addRun(index: number, events: readonly WorkerEvent[]): void {
    this.#prefix = `run ${index}: `
    const running = new Map<string, number>()
    /** The records that must not be processed (again). */
    let covered: ReadonlySet<number> = new Set<number>()
    let syncedAt = this.#time
    for (const event of events) {
      this.#time++
      if ('loaded' in event) {
        covered = this.#load(event.loaded ?? undefined)
        syncedAt = this.#time
      } else if ('started' in event) this.#start(event.started, event.attempt, covered, running)
      else if ('effect' in event) this.#takeEffect(event.effect)
      else if ('ended' in event) this.#end(event.ended, event.result, running)
      else if ('deadLettered' in event) this.#deadLetter(event.deadLettered, covered)
      else if ('saving' in event) {
        this.#possible = [...this.#possible, event.saving]
        this.#checkToken(event.saving, syncedAt)
      } else if ('saved' in event) {
        this.#saved++
        this.#possible = this.#possible.slice(-1)
        // What was settled in an earlier turn of the event loop must be part of the next token.
        syncedAt = this.#time
      }
    }
  }

  finish(): FateSummary {
    this.#prefix = ''
    const { written, letters, roleOf } = this.#history
    const lettersOf = new Map<number, QueuedLetter[]>()
    for (const letter of letters) lettersOf.set(letter.n, [...(lettersOf.get(letter.n) ?? []), letter])
    for (const { n } of written) this.#checkFate(n, roleOf(n), lettersOf.get(n) ?? [])
    for (const { n } of letters) if (n >= written.length) this.#fault(`a letter of ${n}, never written`)
    for (const report of this.#reports) {
      const isQueued = letters.some(({ n, condition }) => report === `${n} ${condition}`)
      if (!isQueued) this.#fault(`the letter ${report} was reported but is not in the queue`)
    }
    return {
      faults: this.#faults,
      attempts: this.#attempts,
      handled: this.#effects.size,
      deadLettered: lettersOf.size,
      repeated: this.#repeated,
      saved: this.#saved,
    }
  }

  #fault(sentence: string): void {
    this.#faults.push(`${this.#prefix}${sentence}`)
  }

  /** Returns the numbers of the observed records that a token covers. */
  #coveredBy(token: StreamToken | undefined): Set<number> {
    if (token === undefined) return new Set()
    const isCovered = tokenCoverage(token, this.#history.parentOf)
    return new Set([...this.#records.values()].filter(isCovered).map(({ n }) => n))
  }

  #load(token: StreamToken | undefined): ReadonlySet<number> {
    const matches = this.#possible.some((possible) => isDeepStrictEqual(possible, token))
    if (!matches) this.#fault('loaded another checkpoint than the last one saved or in flight')
    this.#possible = [token]
    const covered = this.#coveredBy(token)
    // What has happened since that save is forgotten.
    for (const record of this.#records.values()) {
      record.settledAt = covered.has(record.n) ? (record.settledAt ?? 0) : undefined
    }
    this.#attemptsOf.clear()
    for (const { place, attempts } of entriesOf(token)) this.#attemptsOf.set(place, attempts)
    return covered
  }

  #observe(record: ObservedRecord): Observed {
    const known = this.#records.get(record.n)
    if (known) return known
    const observed = { ...record, settledAt: undefined, wasSettled: false }
    this.#records.set(record.n, observed)
    this.#byPlace.set(placeOf(record), observed)
    const { written, roleOf } = this.#history
    if (written[record.n]?.id !== record.id) this.#fault(`${record.n} of ${record.id} was never written`)
    if (roleOf(record.n).kind === 'filtered') this.#fault(`${record.n} was started although it is filtered`)
    return observed
  }

  #start(
    started: ObservedRecord,
    attempt: number,
    covered: ReadonlySet<number>,
    running: Map<string, number>,
  ): void {
    this.#attempts++
    const record = this.#observe(started)
    const { n, id } = record
    if (covered.has(n)) this.#fault(`${n} was started although the checkpoint covers it`)
    if (this.#history.hasBatches) return
    const place = placeOf(record)
    const known = this.#attemptsOf.get(place) ?? 0
    if (attempt !== known + 1) this.#fault(`${n}: attempt ${attempt} follows ${known} attempts`)
    this.#attemptsOf.set(place, attempt)
    const other = running.get(id)
    if (other !== undefined) this.#fault(`${n} was started while ${other} of the same item was running`)
    running.set(id, n)
    const unsettled = (this.#items.get(id) ?? []).find(
      (earlier) => earlier < n && this.#mustSettle(earlier) && !this.#isSettled(earlier),
    )
    if (unsettled !== undefined) this.#fault(`${n} was started before ${unsettled} of its item was settled`)
  }

  #mustSettle(n: number): boolean {
    return this.#history.roleOf(n).kind !== 'filtered'
  }

  #isSettled(n: number): boolean {
    return this.#records.get(n)?.settledAt !== undefined
  }

  #takeEffect(n: number): void {
    if (this.#effects.has(n)) return
    this.#effects.add(n)
    const { id } = this.#history.written[n] ?? { id: 'unknown' }
    const last = this.#lastEffectOfItem.get(id) ?? -1
    if (n < last) this.#fault(`${n} took effect first after ${last} of the same item`)
    this.#lastEffectOfItem.set(id, n)
  }

  #end(n: number, result: HandlerResult, running: Map<string, number>): void {
    const record = this.#records.get(n)
    if (record === undefined) return
    if (running.get(record.id) === n) running.delete(record.id)
    if (result === 'handled') this.#settle(record)
  }

  #settle(record: Observed): void {
    if (record.wasSettled) this.#repeated++
    record.wasSettled = true
    record.settledAt ??= this.#time
  }

  #deadLetter(letter: LetterReport, covered: ReadonlySet<number>): void {
    const record = this.#byPlace.get(placeOf(letter))
    if (record === undefined) {
      this.#fault(`dead-lettered ${letter.sequenceNumber}, which was never started`)
      return
    }
    if (covered.has(record.n)) this.#fault(`${record.n} was dead-lettered although the checkpoint covers it`)
    this.#reports.add(`${record.n} ${letter.condition}`)
    this.#settle(record)
  }

  /** Checks a token that is about to be saved. */
  #checkToken(token: StreamToken, syncedAt: number): void {
    const covered = this.#coveredBy(token)
    for (const { n, settledAt } of this.#records.values()) {
      if (covered.has(n)) {
        if (settledAt === undefined) this.#fault(`${n} is in a checkpoint but not settled`)
      } else if (settledAt !== undefined && settledAt < syncedAt) {
        this.#fault(`${n} was settled before the previous save, but is not in the checkpoint`)
      }
    }
    if (this.#history.hasBatches) return
    for (const { place, attempts, running } of entriesOf(token)) {
      const known = this.#attemptsOf.get(place) ?? 0
      // An attempt that is about to start is counted before the handler is called.
      if (attempts !== known && !(running && attempts === known + 1)) {
        this.#fault(`a checkpoint contains ${attempts} attempts of ${place} instead of ${known}`)
      }
    }
  }

  #checkFate(n: number, role: Role, letters: readonly QueuedLetter[]): void {
    const wasHandled = this.#effects.has(n)
    const expected = conditionsOf(role)
    if (role.kind === 'handled' || role.kind === 'failing') {
      if (!wasHandled) this.#fault(`${n} was lost: it was never handled`)
    } else if (wasHandled) this.#fault(`${n} was handled, but is ${role.kind}`)
    if (expected.length > 0 && letters.length === 0) this.#fault(`${n} was lost: it has no dead letter`)
    for (const condition of new Set(letters.map((letter) => letter.condition))) {
      if (!expected.includes(condition)) this.#fault(`${n} was dead-lettered (${condition})`)
      const ids = letters.filter((letter) => letter.condition === condition).map(({ requestId }) => requestId)
      if (new Set(ids).size > 1) this.#fault(`the dead letters of ${n} have different ids`)
    }
  }
}

/** The conditions with which a record can be given up. */
function conditionsOf({ kind }: Role): readonly string[] {
  if (kind === 'rejected') return ['Rejected']
  // Its last attempt can be interrupted too.
  if (kind === 'hopeless') return ['RetryAttemptsExhausted', 'WorkerLost']
  return kind === 'deadly' ? ['WorkerLost'] : []
}

/** Identifies a record by its shard and sequence number. */
function placeOf({ shardId, sequenceNumber }: Pick<ObservedRecord, 'shardId' | 'sequenceNumber'>): string {
  return `${shardId} ${sequenceNumber}`
}

function entriesOf(token: StreamToken | undefined) {
  return (token?.shards ?? []).flatMap(({ shardId, unsettled = [] }) =>
    unsettled.map((entry) => ({ ...entry, place: placeOf({ shardId, sequenceNumber: entry.from }) })),
  )
}
