import type { Clock } from '../core/clock.ts'
import type { ReadPump } from '../reader/read-pump.ts'
import type { ShardReader } from '../reader/shard-reader.ts'
import type { Round, Rounds } from './rounds.ts'

/** A shard that was not asked for longer than this (ms) may have a backlog again. */
const TIP_DOUBTED_AFTER_MS = 5_000

/** An iterator that has less than this left (ms) is renewed by a heartbeat. */
const RENEW_BEFORE_EXPIRY_MS = 5 * 60_000

/** What the times of reading depend on. */
export interface ReadTimesAround {
  readonly clock: Clock
  readonly idlePollMs: { readonly min: number; readonly max: number }
  readonly pump: ReadPump
  readonly rounds: Rounds
  /** The shards that are being read, also those whose records are held back. */
  readers(): Iterable<ShardReader>
}

/**
 * When shards are read for another reason than their last answer: because somebody wants records, wants to know that
 * there are none, or wants the iterators kept alive.
 *
 * @internal
 */
export class ReadTimes {
  readonly #around: ReadTimesAround
  #lastDemandAt: number

  constructor(around: ReadTimesAround) {
    this.#around = around
    this.#lastDemandAt = around.clock.now()
  }

  /** The pause before a shard that had nothing is asked again, in ms: shorter while somebody waits for its answer. */
  pauseMs(reader: ShardReader): number {
    const { idlePollMs, rounds } = this.#around
    const { min, max } = idlePollMs
    if (rounds.isAwaited(reader)) return min
    return Math.round(Math.min(max, min * 1.5 ** Math.min(20, reader.idleAnswers)))
  }

  /** The consumer has taken from a shard that rests, or has taken its last record. */
  drained(reader: ShardReader, now: number): void {
    const { pump } = this.#around
    if (reader.phase === 'resting') pump.readOn(reader, this.pauseMs(reader))
    if (reader.phase !== 'scheduled' || reader.queue.length > 0) return
    // Anew in any case: it may have been put among those that are only read while there is room.
    pump.readAt(reader, reader.atTip || reader.failures > 0 ? reader.dueAt : now)
  }

  /**
   * Somebody wants records. After a long pause it is not known any more which shards have nothing left: returns those, to
   * be asked at once; undefined when there was no pause.
   */
  demand(now: number): ShardReader[] | undefined {
    const pause = now - this.#lastDemandAt
    this.#lastDemandAt = now
    if (pause < TIP_DOUBTED_AFTER_MS) return undefined
    const { pump, readers } = this.#around
    const doubted: ShardReader[] = []
    for (const reader of readers()) {
      if (!reader.atTip || reader.queue.length > 0 || now - reader.askedAtMs < TIP_DOUBTED_AFTER_MS) continue
      reader.doubtTip()
      if (reader.phase === 'scheduled' && reader.failures === 0) pump.readAt(reader, now)
      doubted.push(reader)
    }
    return doubted
  }

  /** Has every shard asked once more, as soon as its pace allows. */
  askAll(): Round {
    const { idlePollMs, pump, readers, rounds } = this.#around
    const asked = [...readers()].filter(
      ({ held, leftBehind, phase }) => !held && !leftBehind && phase !== 'stopped' && phase !== 'ending',
    )
    for (const reader of asked) {
      if (reader.phase !== 'scheduled' || reader.failures > 0) continue
      pump.readAt(reader, reader.atTip ? reader.askedAtMs + idlePollMs.min : 0)
    }
    return rounds.begin(asked, pump.reads)
  }

  /** Has those shards asked whose iterators would soon expire. */
  askExpiring(): Round {
    const { clock, pump, readers, rounds } = this.#around
    const now = clock.now()
    const asked: ShardReader[] = []
    for (const reader of readers()) {
      if (reader.iterator === undefined || reader.iteratorExpiresAt > now + RENEW_BEFORE_EXPIRY_MS) continue
      if (reader.phase !== 'resting' && reader.phase !== 'scheduled') continue
      // What was fetched says where to go on: the next read makes a fresh one. To read now might take memory.
      if (reader.queue.length > 0) reader.renewIterator()
      else asked.push(reader)
    }
    for (const reader of asked) pump.readAt(reader, now)
    return rounds.begin(asked, pump.reads)
  }
}
