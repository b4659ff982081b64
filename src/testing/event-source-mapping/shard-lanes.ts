import { hash32 } from '../emulator/state/random.ts'
import type { EmulatedRecord } from '../emulator/state/record.ts'
import type { EmulatedShard } from '../emulator/state/shard.ts'
import { Lane } from './lane.ts'

/** The lanes of all shards with unfinished records. */
export class ShardLanes {
  readonly #lanesPerShard: number
  readonly #findShard: (shardId: string) => EmulatedShard
  readonly #lanes = new Map<string, Lane[]>()

  /** @param findShard - returns a shard, which may have expired. */
  constructor(lanesPerShard: number, findShard: (shardId: string) => EmulatedShard) {
    this.#lanesPerShard = lanesPerShard
    this.#findShard = findShard
  }

  get isEmpty(): boolean {
    return this.#lanes.size === 0
  }

  /** Returns the lane of a record: records of one item always have the same one. */
  laneOf({ shardId, keyText }: EmulatedRecord): Lane {
    let lanes = this.#lanes.get(shardId)
    if (lanes === undefined) {
      lanes = Array.from({ length: this.#lanesPerShard }, () => new Lane())
      this.#lanes.set(shardId, lanes)
    }
    return lanes[hash32(keyText) % lanes.length] as Lane
  }

  /** The lanes that may be processed: no ancestor of their shards has an unfinished record. */
  *unblocked(): Generator<Lane, void, void> {
    for (const [shardId, lanes] of this.#lanes) if (!this.#isBlocked(shardId)) yield* lanes
  }

  /** Removes the shards without unfinished records. */
  removeEmpty(): void {
    for (const [shardId, lanes] of this.#lanes) {
      if (lanes.every(({ isEmpty }) => isEmpty)) this.#lanes.delete(shardId)
    }
  }

  #isBlocked(shardId: string): boolean {
    let { parentId } = this.#findShard(shardId)
    while (parentId !== undefined) {
      if (this.#lanes.has(parentId)) return true
      parentId = this.#findShard(parentId).parentId
    }
    return false
  }
}
