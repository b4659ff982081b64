import type { StreamToken } from '../../position/token.ts'
import { tokenCoverage } from '../../position/token-coverage.ts'
import type { OrderChange } from './orders.ts'
import type { Delivery } from './verify.ts'
import type { ShardProgress } from './view.ts'
import type { WorkerMessage } from './worker-process.ts'

/** The records that were written and are not processed yet. */
export interface Backlog {
  readonly records: number
  /** When the oldest of them was written, in monotonic ms. */
  readonly since: number | undefined
}

/** Compares what was written with the messages of all worker processes, one after the other. */
export class Progress {
  readonly deliveries: Delivery[] = []
  /** The first delivery of each record. */
  readonly #seen = new Map<string, Delivery>()
  /** When each record that is not processed yet was written, in that order. */
  readonly #backlog = new Map<string, number>()
  readonly #shards = new Map<string, ShardProgress>()
  #saved = 0

  /** Number of distinct records processed. */
  get delivered(): number {
    return this.#seen.size
  }

  /** Number of distinct processed records that the last checkpoint covers. */
  get saved(): number {
    return this.#saved
  }

  get backlog(): Backlog {
    const [since] = this.#backlog.values()
    return { records: this.#backlog.size, since }
  }

  get shards(): readonly ShardProgress[] {
    return [...this.#shards.values()]
  }

  /** @param now - monotonic ms. */
  onWritten(changes: readonly OrderChange[], now: number): void {
    for (const { orderId, version } of changes) {
      const id = `${orderId} ${version}`
      // A record can be processed before the write that created it has returned.
      if (!this.#seen.has(id)) this.#backlog.set(id, now)
    }
  }

  /** @param run - the number of the worker process, from 1. */
  onMessage(run: number, message: WorkerMessage): void {
    if ('record' in message) {
      const [shardId, sequenceNumber, orderId, version] = message.record
      const delivery = { run, shardId, sequenceNumber, orderId, version }
      const id = `${orderId} ${version}`
      this.deliveries.push(delivery)
      if (!this.#seen.has(id)) this.#seen.set(id, delivery)
      this.#backlog.delete(id)
      this.#updateShard(shardId, ({ records }) => ({ records: records + 1 }))
    } else if ('opened' in message) {
      this.#updateShard(message.opened, () => ({ parentId: message.parentId ?? undefined, state: 'reading' }))
    } else if ('finished' in message) {
      this.#updateShard(message.finished, () => ({ state: 'finished' }))
    } else {
      this.onCheckpoint(message.checkpoint)
    }
  }

  onCheckpoint(token: StreamToken): void {
    const isCovered = tokenCoverage(token, (shardId) => this.#shards.get(shardId)?.parentId)
    this.#saved = [...this.#seen.values()].filter(isCovered).length
  }

  onWorkerExit(): void {
    for (const { shardId, state } of this.shards) {
      if (state === 'reading') this.#updateShard(shardId, () => ({ state: 'idle' }))
    }
  }

  #updateShard(shardId: string, update: (shard: ShardProgress) => Partial<ShardProgress>): void {
    const shard = this.#shards.get(shardId) ?? { shardId, parentId: undefined, state: 'idle', records: 0 }
    this.#shards.set(shardId, { ...shard, ...update(shard) })
  }
}
