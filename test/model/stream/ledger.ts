import type { StreamToken } from '../../../src/index.ts'
import { copySession, type Oracle, reloadSession, type Session } from '../oracle.ts'
import { Violation } from '../violation.ts'
import type { World } from '../world.ts'
import { coverageOf, type RecordId } from './coverage.ts'

/** What all ledgers of a history share. */
export interface LedgerContext {
  readonly world: World
  readonly oracle: Oracle
  readonly streamOf: (shardId: string) => string
}

/**
 * What a stream has delivered since it went to a position, in the order of the first delivery. Two numbers say the rest: so
 * many records are acknowledged, and the next record to come is the one at the cursor. Where there is none, it must be a
 * new one, which the oracle judges.
 */
export class Ledger {
  readonly #context: LedgerContext
  /** What was delivered before, when the position is a token. */
  readonly #base: Session
  readonly #session: Session
  readonly #records: RecordId[]
  /** When each record was acknowledged, on the monotonic clock; before that, when the position was taken. */
  readonly #acknowledgedAt: number[]
  #cursor = 0

  constructor(context: LedgerContext, base: Session, takenAt: number) {
    this.#context = context
    this.#base = base
    this.#session = copySession(base)
    this.#records = []
    this.#acknowledgedAt = [takenAt]
  }

  /** A ledger that is written on separately from now on. */
  clone(): Ledger {
    const copy = new Ledger(this.#context, this.#base, this.takenAt)
    for (const record of this.#records) copy.#deliverFirst(record)
    copy.#acknowledgedAt.push(...this.#acknowledgedAt.slice(1))
    copy.#cursor = this.#cursor
    return copy
  }

  /** The ledger of a stream that goes to a token which covers the first `count` records of this one. */
  resumeAt(count: number, entries: number, takenAt: number): Ledger {
    const session = copySession(this.#base)
    for (const record of this.#records.slice(0, count)) this.#context.oracle.deliver(session, record)
    return new Ledger(this.#context, reloadSession(session, entries), takenAt)
  }

  /** A save of before this time does not hold this position. */
  get takenAt(): number {
    return this.#acknowledgedAt[0] as number
  }

  get session(): Session {
    return this.#session
  }

  get acknowledged(): number {
    return this.#acknowledgedAt.length - 1
  }

  /** Whether every record that was delivered is acknowledged. */
  get isSettled(): boolean {
    return this.acknowledged === this.#records.length
  }

  /** How many records were acknowledged at or before `time`; -1 if the position was taken later. */
  acknowledgedBy(time: number): number {
    let count = this.acknowledged
    while (count >= 0 && (this.#acknowledgedAt[count] as number) > time) count--
    return count
  }

  deliver(record: RecordId): void {
    const expected = this.#records[this.#cursor]
    if (expected === undefined) this.#deliverFirst(record)
    else if (!isSame(expected, record)) {
      const { nameOfRecord } = this.#context.world
      throw new Violation(
        'redelivery',
        `${nameOfRecord(expected)} was not acknowledged and is next, but ${nameOfRecord(record)} came`,
      )
    }
    this.#cursor++
  }

  #deliverFirst(record: RecordId): void {
    this.#context.oracle.deliver(this.#session, record)
    this.#records.push({ shardId: record.shardId, sequenceNumber: record.sequenceNumber })
  }

  /** The consumer asked for more: what it was given is done. */
  acknowledge(time: number): void {
    while (this.acknowledged < this.#cursor) this.#acknowledgedAt.push(time)
  }

  /** The loop was left: what is not acknowledged comes again. */
  rewind(): void {
    this.#cursor = this.acknowledged
  }

  /**
   * How many of the records a token covers.
   * @throws Violation when it covers anything else, or not the first ones in the order of delivery
   */
  coveredBy(token: StreamToken): number {
    const { world, streamOf } = this.#context
    const { emulator, nameOfRecord } = world
    const covers = coverageOf(world, token, streamOf)
    const end = this.#records.findIndex((record) => !covers(record))
    const count = end === -1 ? this.#records.length : end
    const fail = (what: string): never => {
      throw new Violation('exact checkpoint', what)
    }
    const odd = this.#records.slice(count).find(covers)
    if (odd) fail(`the token covers ${nameOfRecord(odd)}, but not an earlier record`)
    const reopened = [...this.#base.delivered].find((record) => !covers(record))
    if (reopened) fail(`the token does not cover ${nameOfRecord(reopened)} any more`)
    const lost = emulator.records.find(
      (record) =>
        !this.#session.delivered.has(record) && this.#session.origin.requires(record) && covers(record),
    )
    if (lost) fail(`the token covers ${nameOfRecord(lost)}, which was never delivered`)
    if (count > this.acknowledged) {
      const record = this.#records[this.acknowledged] as RecordId
      fail(`the token covers ${nameOfRecord(record)}, which was not acknowledged`)
    }
    return count
  }

  /** @throws Violation unless a token covers what is acknowledged, and nothing else */
  expectCovered(token: StreamToken, atLeast: number = this.acknowledged): void {
    const count = this.coveredBy(token)
    if (count >= atLeast) return
    const record = this.#records[count] as RecordId
    throw new Violation(
      'exact checkpoint',
      `the token does not cover ${this.#context.world.nameOfRecord(record)}, which was acknowledged`,
    )
  }
}

function isSame(one: RecordId, other: RecordId): boolean {
  return one.shardId === other.shardId && one.sequenceNumber === other.sequenceNumber
}
