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
 * The records that a stream has delivered since it took a position, in the order of their first delivery. Two
 * numbers complete the state: how many of them are acknowledged, and the cursor, which is the index of the
 * record that must be delivered next. At the end of the list, the next record must be a new one, which the
 * oracle checks.
 */
export class Ledger {
  readonly #context: LedgerContext
  /** What was delivered before, if the position is a token. */
  readonly #base: Session
  readonly #session: Session
  readonly #records: RecordId[]
  /** When the position was taken, and then when each record was acknowledged, on the monotonic clock. */
  readonly #acknowledgedAt: number[]
  #cursor = 0

  constructor(context: LedgerContext, base: Session, takenAt: number) {
    this.#context = context
    this.#base = base
    this.#session = copySession(base)
    this.#records = []
    this.#acknowledgedAt = [takenAt]
  }

  /** An independent copy. */
  clone(): Ledger {
    const copy = new Ledger(this.#context, this.#base, this.takenAt)
    for (const record of this.#records) copy.#deliverFirst(record)
    copy.#acknowledgedAt.push(...this.#acknowledgedAt.slice(1))
    copy.#cursor = this.#cursor
    return copy
  }

  /** The ledger of a stream that loads a token which covers the first `count` records of this one. */
  resumeAt(count: number, entries: number, takenAt: number): Ledger {
    const session = copySession(this.#base)
    for (const record of this.#records.slice(0, count)) this.#context.oracle.deliver(session, record)
    return new Ledger(this.#context, reloadSession(session, entries), takenAt)
  }

  /** When the position was taken, on the monotonic clock. An earlier save does not contain it. */
  get takenAt(): number {
    return this.#acknowledgedAt[0] as number
  }

  get session(): Session {
    return this.#session
  }

  get acknowledged(): number {
    return this.#acknowledgedAt.length - 1
  }

  /** Whether every delivered record is acknowledged. */
  get isSettled(): boolean {
    return this.acknowledged === this.#records.length
  }

  /** The number of records acknowledged at or before `time`; -1 if the position was taken later. */
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
        `${nameOfRecord(expected)} is unacknowledged and must be delivered next, but ${nameOfRecord(record)} was delivered`,
      )
    }
    this.#cursor++
  }

  #deliverFirst(record: RecordId): void {
    this.#context.oracle.deliver(this.#session, record)
    this.#records.push({ shardId: record.shardId, sequenceNumber: record.sequenceNumber })
  }

  /** The consumer requested the next item, which acknowledges the delivered ones. */
  acknowledge(time: number): void {
    while (this.acknowledged < this.#cursor) this.#acknowledgedAt.push(time)
  }

  /** The loop was left, so that unacknowledged records are delivered again. */
  rewind(): void {
    this.#cursor = this.acknowledged
  }

  /**
   * The number of records that a token covers.
   * @throws Violation if it covers other records, or does not cover them in the order of delivery
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
    const outOfOrder = this.#records.slice(count).find(covers)
    if (outOfOrder) fail(`the token covers ${nameOfRecord(outOfOrder)}, but not an earlier record`)
    const reopened = [...this.#base.delivered].find((record) => !covers(record))
    if (reopened) fail(`the token no longer covers ${nameOfRecord(reopened)}`)
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

  /** @throws Violation unless a token covers exactly the acknowledged records */
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
