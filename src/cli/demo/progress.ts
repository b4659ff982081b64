import type { Delivery } from './verify.ts'
import type { ShardProgress } from './view.ts'
import type { WorkerMessage } from './worker-process.ts'

/** Collects the messages of all worker processes, one after the other. */
export class Progress {
  readonly deliveries: Delivery[] = []
  readonly #seen = new Set<string>()
  readonly #shards = new Map<string, ShardProgress>()
  #lagMs: number | undefined
  #saved = 0

  /** Number of distinct records processed. */
  get delivered(): number {
    return this.#seen.size
  }

  /** Number of distinct records processed when the last checkpoint was saved. */
  get saved(): number {
    return this.#saved
  }

  /** The lag that the running worker reported last. */
  get lagMs(): number | undefined {
    return this.#lagMs
  }

  get shards(): readonly ShardProgress[] {
    return [...this.#shards.values()]
  }

  /** @param run - the number of the worker process, from 1. */
  onMessage(run: number, message: WorkerMessage): void {
    if ('record' in message) {
      const [shardId, sequenceNumber, orderId, version] = message.record
      this.deliveries.push({ run, shardId, sequenceNumber, orderId, version })
      this.#seen.add(`${orderId} ${version}`)
      this.#updateShard(shardId, ({ records }) => ({ records: records + 1 }))
    } else if ('opened' in message) {
      this.#updateShard(message.opened, () => ({ parentId: message.parentId ?? undefined, state: 'reading' }))
    } else if ('finished' in message) {
      this.#updateShard(message.finished, () => ({ state: 'finished' }))
    } else if ('lagMs' in message) {
      this.#lagMs = message.lagMs
    } else {
      this.#saved = this.delivered
    }
  }

  onWorkerExit(): void {
    this.#lagMs = undefined
    for (const { shardId, state } of this.shards) {
      if (state === 'reading') this.#updateShard(shardId, () => ({ state: 'idle' }))
    }
  }

  #updateShard(shardId: string, update: (shard: ShardProgress) => Partial<ShardProgress>): void {
    const shard = this.#shards.get(shardId) ?? { shardId, parentId: undefined, state: 'idle', records: 0 }
    this.#shards.set(shardId, { ...shard, ...update(shard) })
  }
}
