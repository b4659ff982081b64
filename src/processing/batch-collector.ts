import { Heap } from 'heap-js'
import type { Lane } from './lane.ts'
import type { QueuedRecord } from './queued-record.ts'

export interface BatchLimits {
  readonly batchSize: number
  readonly maxBatchingWindowMs: number
  /** In bytes of `sizeBytes`; undefined: no limit. */
  readonly maxBatchBytes: number | undefined
}

/** Whether a batch should wait for further records. */
export type InputState =
  /** More records are available now. */
  | 'flowing'
  /** No record is available now; more may be written. */
  | 'idle'
  /** No record will be read before some are settled. */
  | 'over'

interface Collected {
  readonly lane: Lane
  /** When the lane was added, in monotonic ms. */
  readonly since: number
  /** How many of the lane's first records can be in the batch: they are of one shard, and in no group. */
  count: number
}

/** How many records a lane contributes to a batch; 0 if its first record must not start. */
export interface Contribution {
  readonly lane: Lane
  readonly count: number
}

/**
 * The ready lanes of one shard, from which batches are formed, oldest records first. Lanes with records that
 * have failed have a collector of their own, so that they never make records fail that have not.
 */
export class BatchCollector {
  readonly id: string
  readonly isFailing: boolean
  readonly #limits: BatchLimits
  readonly #heap = new Heap<Collected>((a, b) => a.lane.head.ordinal - b.lane.head.ordinal)
  /** In the order in which they were added. */
  readonly #byLane = new Map<Lane, Collected>()
  #records = 0
  #bytes = 0
  #isReady = false
  #ordinal = 0

  constructor(id: string, limits: BatchLimits, isFailing: boolean) {
    this.id = id
    this.#limits = limits
    this.isFailing = isFailing
  }

  /** The number of its oldest record when it became ready. */
  get ordinal(): number {
    return this.#ordinal
  }

  /** Whether a batch of it is waiting to be started. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** How many complete batches it contains. */
  get fullBatches(): number {
    return Math.floor(this.#records / this.#limits.batchSize)
  }

  /** Marks it as ready. It must not be empty. */
  becomeReady(): void {
    this.#ordinal = (this.#heap.peek() as Collected).lane.head.ordinal
    this.#isReady = true
  }

  get isEmpty(): boolean {
    return this.#records === 0
  }

  /** Whether a batch is complete. */
  get isFull(): boolean {
    const { batchSize, maxBatchBytes = Number.POSITIVE_INFINITY } = this.#limits
    return this.#records >= batchSize || this.#bytes >= maxBatchBytes
  }

  /**
   * When a batch that is not full starts (monotonic ms). Undefined without a window: it starts as soon as no
   * further record is available.
   */
  get dueAt(): number | undefined {
    const [first] = this.#byLane.values()
    const { maxBatchingWindowMs } = this.#limits
    return first && maxBatchingWindowMs > 0 ? first.since + maxBatchingWindowMs : undefined
  }

  /**
   * Whether a batch has to start: it is complete, its window is over, or no further record is expected.
   * Records that have failed wait for no others: reading may be waiting for them.
   */
  mustStart(now: number, input: InputState): boolean {
    if (this.isEmpty || this.#isReady) return false
    if (this.isFull || this.isFailing || input === 'over') return true
    const { dueAt } = this
    return dueAt === undefined ? input === 'idle' : dueAt <= now
  }

  add(lane: Lane, now: number): void {
    const collected: Collected = { lane, since: now, count: 0 }
    this.#byLane.set(lane, collected)
    this.#heap.push(collected)
    while (collected.count < this.#limits.batchSize && this.#collectNext(collected));
  }

  /** A record was added at the end of a lane that is collected here. */
  recordAdded(lane: Lane): void {
    const collected = this.#byLane.get(lane) as Collected
    if (collected.count === lane.length - 1 && collected.count < this.#limits.batchSize) {
      this.#collectNext(collected)
    }
  }

  /**
   * Takes the lanes for a batch, oldest record first.
   *
   * @param mayStart - false for a record that has to be given up instead.
   */
  take(mayStart: (record: QueuedRecord) => boolean): Contribution[] {
    const { batchSize, maxBatchBytes = Number.POSITIVE_INFINITY } = this.#limits
    const taken: Contribution[] = []
    this.#isReady = false
    let records = 0
    let bytes = 0
    for (let next = this.#heap.peek(); next !== undefined; next = this.#heap.peek()) {
      const { lane } = next
      let count = 0
      while (count < next.count && records < batchSize) {
        const record = lane.at(count) as QueuedRecord
        if (!mayStart(record)) break
        if (records > 0 && bytes + record.bytes > maxBatchBytes) break
        bytes += record.bytes
        records++
        count++
      }
      if (count === 0 && mayStart(lane.head)) break
      this.#remove(next)
      taken.push({ lane, count })
      if (records >= batchSize) break
    }
    return taken
  }

  #remove(collected: Collected): void {
    this.#heap.pop()
    this.#byLane.delete(collected.lane)
    for (let index = 0; index < collected.count; index++) {
      this.#records--
      this.#bytes -= (collected.lane.at(index) as QueuedRecord).bytes
    }
  }

  /** Collects the next record of a lane, if it is of the same shard and in no group. */
  #collectNext(collected: Collected): boolean {
    const { lane } = collected
    const record = lane.at(collected.count)
    if (record === undefined || record.shardId !== lane.head.shardId || record.group !== undefined)
      return false
    collected.count++
    this.#records++
    this.#bytes += record.bytes
    return true
  }
}
