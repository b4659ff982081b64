import type { ShardReader } from '../reader/shard-reader.ts'

/** Which answers a caller waits for before it believes that there is nothing new. */
export interface Round {
  readonly waitsFor: Set<ShardReader>
  /** Only reads with a higher number count: one that was under way may have been answered before. */
  readonly after: number
}

/**
 * The rounds under way: in each, every shard that is being read is asked once more.
 *
 * @internal
 */
export class Rounds {
  readonly #rounds = new Set<Round>()

  begin(readers: Iterable<ShardReader>, after: number): Round {
    const round: Round = { waitsFor: new Set(readers), after }
    this.#rounds.add(round)
    return round
  }

  end(round: Round): void {
    this.#rounds.delete(round)
  }

  /** A read of this number was answered: nobody who began before it waits any more. */
  answered(reader: ShardReader, readNumber: number): void {
    for (const round of this.#rounds) if (readNumber > round.after) round.waitsFor.delete(reader)
  }

  /** Nobody is to wait for this reader. */
  release(reader: ShardReader): void {
    for (const round of this.#rounds) round.waitsFor.delete(reader)
  }

  isAwaited(reader: ShardReader): boolean {
    for (const round of this.#rounds) if (round.waitsFor.has(reader)) return true
    return false
  }
}
