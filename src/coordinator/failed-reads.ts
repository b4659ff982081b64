import { type FailedRead, isMissed, judgeFailure } from '../reader/judge-failure.ts'
import type { ReadPump } from '../reader/read-pump.ts'
import { refusesOldest } from '../reader/read-shard.ts'
import type { ShardReader } from '../reader/shard-reader.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { type ListingContext, listShardPage } from '../streams-api/list-all-shards.ts'
import { retryDelayMs } from '../streams-api/retry.ts'
import type { CoordinatorEvents } from './events.ts'
import type { Rounds } from './rounds.ts'
import type { Succession } from './succession.ts'
import type { Trouble } from './trouble.ts'

/** How long a shard may fail, in ms, before newer records of other shards are given out without waiting for it. */
export const LEFT_BEHIND_MS: number = 60_000

/** How often in a row, lest the oldest record was trimmed just between GetShardIterator and GetRecords. */
const REFUSALS_OF_CLOSED_SHARD = 3

/** What a failed read can have an effect on. */
export interface FailedReadsAround {
  readonly listing: ListingContext
  readonly onGap: 'throw' | 'continue'
  readonly pump: ReadPump
  readonly rounds: Rounds
  readonly succession: Succession
  readonly trouble: Trouble
  /** The pause before a shard that had nothing is asked again, in ms. */
  pauseMs(reader: ShardReader): number
  /** Something was decided after a call. */
  decided(reader: ShardReader): void
}

/**
 * Carries out what follows from reads that failed: one shard's trouble is its own, and is never a reason to lose what
 * was fetched.
 *
 * @internal
 */
export class FailedReads {
  readonly #around: FailedReadsAround

  constructor(around: FailedReadsAround) {
    this.#around = around
  }

  take(reader: ShardReader, failed: FailedRead): void {
    const { pump, listing } = this.#around
    const now = listing.clock.now()
    const verdict = judgeFailure(reader, failed, now)
    switch (verdict) {
      case 'retry':
        this.#retry(reader, failed, now)
        break
      case 'renew':
        reader.renewIterator()
        // Expired again when it was made a moment ago: something is wrong over there, and a pause is due.
        if (reader.failures > 0) this.#retry(reader, failed, now)
        else {
          reader.failures++
          pump.readAt(reader, now)
        }
        break
      case 'openOtherwise':
        reader.renewIterator()
        reader.refuseProbe()
        pump.readAt(reader, now)
        break
      case 'idle':
        this.#foundNothing(reader)
        break
      case 'askForOldest':
        void this.#askForOldest(reader, failed)
        break
      case 'gap':
        if (!this.#tellGap(reader, 'position-trimmed', failed.error)) break
        reader.renewIterator()
        reader.goToOldest()
        pump.readAt(reader, now)
        break
      case 'askForStream':
        void this.#askForStream(reader, failed.error)
        break
      case 'fail':
        this.fail(failed.error, reader)
    }
  }

  /** An error that is for the user; `reader` stands still until it was told. */
  fail(error: unknown, reader: ShardReader | undefined): void {
    if (reader) {
      reader.phase = 'stopped'
      this.#around.rounds.release(reader)
    }
    if (classifyError(error) === 'notFound') this.#around.trouble.streamGone(error)
    else this.#around.trouble.fail(error, reader)
  }

  /** A shard was trimmed before any listing showed it. */
  trimmedUnseen(shardId: string): void {
    this.#told({ shardId, after: undefined, reason: 'shard-vanished' }, undefined)
  }

  /** Even the oldest position is refused: so it is while all of a shard is trimmed. A closed one has nothing to come. */
  #foundNothing(reader: ShardReader): void {
    const { pump, rounds, succession } = this.#around
    reader.foundNothing()
    if (reader.node.hasEnded && reader.idleAnswers >= REFUSALS_OF_CLOSED_SHARD) {
      rounds.release(reader)
      succession.fetched(reader)
      return
    }
    if (!reader.node.hasEnded) rounds.answered(reader, reader.readNumber)
    pump.readIn(reader, this.#around.pauseMs(reader))
  }

  #retry(reader: ShardReader, { operation, error }: FailedRead, now: number): void {
    const { listing, pump, rounds } = this.#around
    const { shardId } = reader.node
    const failingForMs = reader.failed(now)
    const delayMs = retryDelayMs(reader.failures, listing.random)
    listing.events.emit('retry', { operation, shardId, attempt: reader.failures, delayMs, error })
    if (failingForMs >= LEFT_BEHIND_MS && !reader.leftBehind) {
      reader.leftBehind = true
      rounds.release(reader)
      listing.events.emit('leftBehind', { shardId, failingForMs, error })
    }
    pump.readAt(reader, now + delayMs)
  }

  /** Either all of an open shard is trimmed, or the position; then that is refused once more. */
  async #askForOldest(reader: ShardReader, failed: FailedRead): Promise<void> {
    const { listing, pump } = this.#around
    try {
      const isRefused = await refusesOldest(reader, listing)
      if (listing.signal.aborted) return
      reader.oldestWasRead = !isRefused
      if (isRefused) this.#foundNothing(reader)
      else {
        reader.renewIterator()
        pump.readAt(reader, listing.clock.now())
      }
    } catch (error) {
      if (listing.signal.aborted) return
      this.take(reader, { ...failed, error })
    }
    this.#around.decided(reader)
  }

  async #askForStream(reader: ShardReader, error: unknown): Promise<void> {
    const { listing } = this.#around
    try {
      await listShardPage(listing, {})
      if (!listing.signal.aborted) this.#shardVanished(reader, error)
    } catch (describeError) {
      if (!listing.signal.aborted) this.fail(describeError, reader)
    }
    this.#around.decided(reader)
  }

  /** The stream is there, but the service does not know the shard any more. */
  #shardVanished(reader: ShardReader, error: unknown): void {
    const { node } = reader
    const { listing, rounds, succession } = this.#around
    if (!isMissed(reader, listing.clock.now())) {
      // What was trimmed with it is not missed in its children either.
      for (const child of node.children) child.promised = false
    } else if (!this.#tellGap(reader, 'shard-vanished', error)) return
    node.closed = true
    rounds.release(reader)
    succession.fetched(reader)
  }

  /** Tells of records that are gone. Returns whether to go on. */
  #tellGap(reader: ShardReader, reason: 'position-trimmed' | 'shard-vanished', cause: unknown): boolean {
    if (this.#told({ shardId: reader.node.shardId, after: reader.lastRead, reason }, cause)) return true
    reader.phase = 'stopped'
    return false
  }

  #told(gap: CoordinatorEvents['gap'], cause: unknown): boolean {
    const { listing, onGap, trouble } = this.#around
    listing.events.emit('gap', gap)
    if (onGap === 'continue') return true
    trouble.gap(gap, cause)
    return false
  }
}
