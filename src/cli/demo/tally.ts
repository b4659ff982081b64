import type { Delivery } from './evidence.ts'
import type { WorkerReport } from './reports.ts'
import type { SeenShard } from './view.ts'

/** What the worker processes have told so far, all runs together. */
export class Tally {
  readonly deliveries: Delivery[] = []
  readonly #seen = new Set<string>()
  readonly #shards = new Map<string, SeenShard>()
  lagMs: number | undefined
  saved = 0

  /** Different records. */
  get delivered(): number {
    return this.#seen.size
  }

  get shards(): readonly SeenShard[] {
    return [...this.#shards.values()]
  }

  take(run: number, report: WorkerReport): void {
    if ('record' in report) {
      const [shardId, sequenceNumber, orderId, version] = report.record
      this.deliveries.push({ run, shardId, sequenceNumber, orderId, version })
      this.#seen.add(`${orderId} ${version}`)
      this.#change(shardId, ({ records }) => ({ records: records + 1 }))
    } else if ('opened' in report) {
      this.#change(report.opened, () => ({ parentId: report.parentId ?? undefined, state: 'read' }))
    } else if ('finished' in report) {
      this.#change(report.finished, () => ({ state: 'finished' }))
    } else if ('lagMs' in report) {
      this.lagMs = report.lagMs
    } else {
      this.saved = this.delivered
    }
  }

  /** The worker is gone: nothing is being read. */
  workerGone(): void {
    this.lagMs = undefined
    for (const { shardId, state } of this.shards)
      if (state === 'read') this.#change(shardId, () => ({ state: 'idle' }))
  }

  #change(shardId: string, change: (shard: SeenShard) => Partial<SeenShard>): void {
    const shard = this.#shards.get(shardId) ?? { shardId, parentId: undefined, state: 'idle', records: 0 }
    this.#shards.set(shardId, { ...shard, ...change(shard) })
  }
}
