import type { unmarshallOptions } from '@aws-sdk/util-dynamodb'
import type { RecordBuffer } from '../buffer/record-buffer.ts'
import type { Clock } from '../core/clock.ts'
import type { PageBudget } from '../reader/page-budget.ts'
import type { ReadPump } from '../reader/read-pump.ts'
import type { ReadOutcome } from '../reader/read-shard.ts'
import type { ShardReader } from '../reader/shard-reader.ts'
import type { ShardNode } from '../shards/shard.ts'
import type { RecordPage } from '../streams-api/streams-api.ts'
import { sizeBytesOf } from '../wire/record-fields.ts'
import type { Discovery } from './discovery.ts'
import type { FailedReads } from './failed-reads.ts'
import type { Rounds } from './rounds.ts'
import type { Succession } from './succession.ts'

/** What an answer can have an effect on. */
export interface AnswersAround {
  readonly clock: Clock
  readonly unmarshallOptions: unmarshallOptions | undefined
  readonly buffer: RecordBuffer
  readonly budget: PageBudget
  readonly pump: ReadPump
  readonly rounds: Rounds
  readonly discovery: Discovery
  readonly succession: Succession
  readonly failedReads: FailedReads
  /** The pause before a shard that had nothing is asked again, in ms. */
  pauseMs(reader: ShardReader): number
}

/**
 * Takes answers in: their records go into the buffer, and then it is decided how the shard goes on, or whether that was
 * its end.
 *
 * @internal
 */
export class Answers {
  readonly #around: AnswersAround

  constructor(around: AnswersAround) {
    this.#around = around
  }

  take(reader: ShardReader, outcome: ReadOutcome, limit: number): void {
    if (outcome.kind === 'page') this.#takePage(reader, outcome.page, limit)
    else this.#around.failedReads.take(reader, outcome)
  }

  #takePage(reader: ShardReader, page: RecordPage, limit: number): void {
    const { budget, buffer, clock, unmarshallOptions } = this.#around
    const { decode } = page
    const records = page.textRecords ?? page.records
    const bytes = page.bytes ?? estimateBytes(page)
    budget.learn(records.length, bytes)
    const isFull = budget.isFull(records.length, bytes, limit)
    const first = reader.accept(records, isFull)
    reader.pace(records, isFull, clock.now())
    const context = { shardId: reader.node.shardId, decode, unmarshallOptions }
    // Into the buffer before any state moves on.
    buffer.push(reader.queue, { records, first, bytes, context })
    reader.succeeded(page.nextIterator)
    if (page.nextIterator === undefined) this.#withoutIterator(reader)
    else this.#goOn(reader)
  }

  /**
   * An answer had no next iterator. That is the end of a shard that was known to be closed before it was asked. Of any
   * other nothing is known: emulators leave the iterator out on open shards, and records may have come since.
   */
  #withoutIterator(reader: ShardReader): void {
    const { clock, discovery, pump, rounds, succession } = this.#around
    const { node } = reader
    if (reader.knewEnd) {
      rounds.release(reader)
      succession.fetched(reader)
    } else if (node.hasEnded) {
      reader.renewIterator()
      pump.readIn(reader, 0)
    } else if (clock.now() < reader.believedOpenUntil) {
      this.#goOn(reader)
    } else {
      if (reader.openAnswers > 0) rounds.answered(reader, reader.readNumber)
      reader.phase = 'ending'
      discovery.search(node, reader.openAnswers === 0)
    }
  }

  /** A shard is open, and was answered: read it again when it is time. */
  #goOn(reader: ShardReader): void {
    const { pump, rounds } = this.#around
    if (reader.atTip || reader.queue.length > 0) rounds.answered(reader, reader.readNumber)
    pump.readOn(reader, this.#around.pauseMs(reader))
  }

  /** A listing has told what it knows of a shard, of which this may be the reader. */
  searched(node: ShardNode, reader: ShardReader | undefined, wasListed: boolean): void {
    const { clock, discovery, pump, succession } = this.#around
    if (node.children.length > 0 || node.gone) discovery.stopSearch(node)
    if (reader?.phase !== 'ending') return
    if (node.gone) {
      succession.fetched(reader)
    } else if (node.hasEnded) {
      reader.renewIterator()
      pump.readIn(reader, 0)
    } else if (wasListed) {
      discovery.stopSearch(node)
      reader.listedAsOpen(clock.now())
      this.#goOn(reader)
    }
  }
}

function estimateBytes({ records }: RecordPage): number {
  let bytes = 0
  for (const record of records) bytes += 300 + sizeBytesOf(record)
  return bytes
}
