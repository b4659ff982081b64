import type { ShardReader } from '../reader/shard-reader.ts'

/**
 * The readers that the merge has to wait for, because their shards may contain records older than the
 * buffered ones. This is checked for each record, so the earliest time is cached.
 *
 * @internal
 */
export class BlockingReaders {
  readonly #readers = new Set<ShardReader>()
  /** The earliest `reachedTime` (ms) of these shards; undefined when it has to be computed. */
  #earliest: number | undefined = Number.POSITIVE_INFINITY

  get size(): number {
    return this.#readers.size
  }

  /** Must be called after each change of a reader. */
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
   * Whether one of the shards may contain a record that has to be delivered before `time` (ms). A shard that
   * has already reached that time cannot: its later records are merged as if they were no older.
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
