import type { ShardReader } from '../reader/shard-reader.ts'

/**
 * The readers that the merge has to wait for: their shards may hold records older than any that are buffered. Asked for each
 * record, so that the earliest time of all is remembered.
 *
 * @internal
 */
export class BlockingReaders {
  readonly #readers = new Set<ShardReader>()
  /** The earliest time (ms) that a shard of these has reached; undefined when it has to be computed. */
  #earliest: number | undefined = Number.POSITIVE_INFINITY

  get size(): number {
    return this.#readers.size
  }

  /** To be called after each change of a reader. */
  update(reader: ShardReader): void {
    if (!reader.blocks) this.delete(reader)
    else if (!this.#readers.has(reader)) {
      this.#readers.add(reader)
      if (this.#earliest !== undefined) this.#earliest = Math.min(this.#earliest, reader.node.reachedTime)
    }
  }

  delete(reader: ShardReader): void {
    if (this.#readers.delete(reader)) this.#earliest = undefined
  }

  /**
   * Whether a record before `time` (ms) may be in one of the shards. Not in one whose last record was of that time or
   * later: what comes after it in the shard is merged as if it were no older.
   */
  mayPrecede(time: number): boolean {
    this.#earliest ??= this.#computeEarliest()
    return this.#earliest < time
  }

  #computeEarliest(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const { node } of this.#readers) earliest = Math.min(earliest, node.reachedTime)
    return earliest
  }
}
