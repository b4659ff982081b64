import { Heap } from 'heap-js'
import { BatchCollector, type BatchLimits, type InputState } from './batch-collector.ts'
import type { ParkReason } from './failure-policy.ts'
import { Lane } from './lane.ts'
import type { QueuedRecord, RecordGroup } from './queued-record.ts'
import { ReadyQueue } from './ready-queue.ts'
import { Slots } from './slots.ts'
import type { Work, WorkPart } from './work.ts'

/** What follows for a record when an attempt has ended. */
export type Disposition =
  /** It is settled. */
  | 'settled'
  /** It is given up, and settles later: its lane is held until then. */
  | 'givenUp'
  /** It was not to blame: it runs again with the next attempt of its lane. */
  | 'repeat'
  /** It runs again at this time (monotonic ms), unless its key is parked: see {@link Planner.takeEvicted}. */
  | { readonly retryAt: number; readonly park?: ParkReason | undefined }

/** What the run has to do next. */
export type PlannedAction<Verdict> =
  | { readonly do: 'start'; readonly work: Work }
  /** Its lane is held until {@link Planner.release}. */
  | { readonly do: 'giveUp'; readonly record: QueuedRecord; readonly verdict: Verdict }

/** The records of a key that is to be parked, in order. They are unsettled, and in no lane. */
export interface EvictedRecords {
  readonly records: readonly QueuedRecord[]
  readonly reason: ParkReason
}

export interface PlannerOptions<Verdict> {
  readonly order: 'key' | 'shard' | 'none'
  /** How many attempts may run at the same time. */
  readonly concurrency: number
  readonly maxUnsettled: number
  readonly maxUnsettledBytes: number
  readonly maxFailingKeys: number
  /** Undefined: a handler of single records. */
  readonly batch: BatchLimits | undefined
  /** Decides before an attempt whether the record is given up, or its key parked, instead. */
  readonly judge: (record: QueuedRecord) => Verdict | 'park' | undefined
  /** Whether nothing else may run during the next attempt of the record. */
  readonly isExclusive: (record: QueuedRecord) => boolean
  /** The ancestors of a shard, with `order: 'shard'`. */
  readonly ancestorsOf: (shardId: string) => Iterable<string>
}

/**
 * How many lanes or batches should be ready beyond the free slots, so that a slot never waits for reading.
 * More would only fill memory: a lane that is blocked is not ready, so others are read past it.
 */
const READY_AHEAD = 32

/** How many lanes become ready in one turn, so that many that are due at once do not block the event loop. */
const DUE_PER_TURN = 1_000

/** A part of a failed batch, which waits before it runs. */
class BatchFragment {
  readonly parts: readonly WorkPart[]
  readonly dueAt: number
  readonly ordinal: number
  /** Parts of a failed batch are not new: they run although many keys fail. */
  readonly isFailing = true

  constructor(parts: readonly WorkPart[], dueAt: number) {
    this.parts = parts
    this.dueAt = dueAt
    this.ordinal = Math.min(...parts.map(({ records }) => (records[0] as QueuedRecord).ordinal))
  }
}

type Startable = Lane | BatchFragment | BatchCollector

/**
 * Decides which records start, in which order, and what waits. It makes no call, has no clock (`now` is
 * monotonic ms) and knows no promise.
 */
export class Planner<Verdict> {
  readonly #options: PlannerOptions<Verdict>
  /** The lanes that exist, by item key or shard. */
  readonly #lanes = new Map<string, Lane>()
  readonly #ready = new ReadyQueue<Startable>()
  /** Lanes and parts of batches that wait for a time. */
  readonly #waiting = new Heap<Lane | BatchFragment>((a, b) => a.dueAt - b.dueAt)
  readonly #collectors = new Map<string, BatchCollector>()
  readonly #unsettled = new Slots<QueuedRecord>()
  /** The lanes of records that were given up and are not settled. */
  readonly #heldBy = new Map<QueuedRecord, Lane>()
  /** Decided, and not yet returned by {@link next}. */
  readonly #planned: PlannedAction<Verdict>[] = []
  /** Evicted, and not yet returned by {@link takeEvicted}. */
  readonly #evicted: EvictedRecords[] = []
  #bytes = 0
  #running = 0
  /** Whether what is running runs exclusively. */
  #isExclusive = false
  #failing = 0
  #held = 0
  #fullBatches = 0

  constructor(options: PlannerOptions<Verdict>) {
    this.#options = options
  }

  // ---- What the run asks ----------------------------------------------------------------------------------

  get unsettled(): number {
    return this.#unsettled.size
  }

  /** The size of the unsettled records, in bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /** The number of attempts that run. */
  get running(): number {
    return this.#running
  }

  /** The number of lanes whose first record has failed. */
  get failing(): number {
    return this.#failing
  }

  /** The number of lanes that wait for a dead letter to be accepted. */
  get held(): number {
    return this.#held
  }

  /** The number of lanes that exist; without an order, the number of records. */
  get lanes(): number {
    return this.#options.order === 'none' ? this.unsettled : this.#lanes.size
  }

  /** The number of records that wait in a lane; those of an attempt that runs are not included. */
  queuedIn(laneKey: string): number {
    return this.#lanes.get(laneKey)?.length ?? 0
  }

  get records(): IterableIterator<QueuedRecord> {
    return this.#unsettled.values()
  }

  /** Which bound keeps further records from being read; undefined: none. */
  get bound(): 'unsettled' | 'bytes' | undefined {
    const { maxUnsettled, maxUnsettledBytes } = this.#options
    if (this.unsettled >= maxUnsettled) return 'unsettled'
    return this.unsettled > 0 && this.#bytes >= maxUnsettledBytes ? 'bytes' : undefined
  }

  /** Whether so many lanes fail, or wait for a dead letter to be accepted, that no further lane starts. */
  get isAtFailingBound(): boolean {
    return this.#failing + this.held >= this.#options.maxFailingKeys
  }

  /** Whether another record should be read now. */
  get wantsRecord(): boolean {
    const free = this.#options.concurrency - this.#running
    return this.bound === undefined && this.#ready.size + this.#fullBatches < free + READY_AHEAD
  }

  /** When something can start without another record or outcome (monotonic ms). */
  get wakeAt(): number | undefined {
    let wakeAt = this.#waiting.peek()?.dueAt
    for (const { dueAt, isReady } of this.#collectors.values()) {
      if (dueAt !== undefined && !isReady && dueAt < (wakeAt ?? Number.POSITIVE_INFINITY)) wakeAt = dueAt
    }
    return wakeAt
  }

  // ---- What the run reports -------------------------------------------------------------------------------

  /** Adds a delivered record at the end of its lane. */
  add(record: QueuedRecord, laneKey: string | undefined, now: number): void {
    this.admit(record)
    this.enqueue(record, laneKey, now)
  }

  /** Adds a record that is unsettled, but in no lane. */
  admit(record: QueuedRecord): void {
    this.#bytes += record.bytes
    record.enter(this.#unsettled.add(record))
  }

  /** Adds a record that was admitted at the end of its lane. */
  enqueue(record: QueuedRecord, laneKey: string | undefined, now: number): void {
    const lane = laneKey === undefined ? undefined : this.#lanes.get(laneKey)
    if (lane === undefined) {
      this.#addLane(laneKey, record, now)
      return
    }
    lane.push(record)
    if (lane.state !== 'ready') return
    const collector = this.#collectorOf(lane)
    if (collector) this.#change(collector, () => collector.recordAdded(lane))
  }

  /** Makes ready what is due at `now`, up to a limit. If more is due, {@link wakeAt} has passed afterward. */
  collectDue(now: number): void {
    for (let left = DUE_PER_TURN; left > 0; left--) {
      const due = this.#waiting.peek()
      if (due === undefined || due.dueAt > now) return
      this.#waiting.pop()
      if (due instanceof Lane) this.#makeReady(due, now)
      else this.#ready.add(due)
    }
  }

  /**
   * Returns the next action; undefined if nothing can start now. What waits starts after {@link collectDue}.
   *
   * @param input - whether further records are expected, for which a batch can wait.
   */
  next(now: number, input: InputState): PlannedAction<Verdict> | undefined {
    this.#collectBatches(now, this.#inputFor(input))
    while (this.#planned.length === 0) {
      if (this.#isExclusive || this.#running >= this.#options.concurrency) return undefined
      const startable = this.#ready.take(!this.isAtFailingBound)
      if (startable === undefined) return undefined
      const isExclusive = startable instanceof Lane && this.#options.isExclusive(startable.head)
      if (isExclusive && this.#running > 0) {
        this.#ready.add(startable)
        return undefined
      }
      this.#start(startable, now)
      this.#isExclusive = isExclusive && this.#running > 0
    }
    return this.#planned.shift()
  }

  /** An attempt has ended. The records that are settled or given up leave their lanes. */
  end({ parts }: Work, dispositionOf: (record: QueuedRecord) => Disposition, now: number): void {
    this.#leaveSlot()
    for (const { lane, records } of parts) this.#endPart(lane, records, dispositionOf, now)
  }

  /**
   * A batch has failed as a whole: it is split, and its parts run at `retryAt`. Where several lanes are
   * involved, each part has half of them. A single lane must run in order: its first half runs, and then the
   * rest. Records that are settled or given up leave their lanes.
   */
  split(
    { parts }: Work,
    dispositionOf: (record: QueuedRecord) => Disposition,
    retryAt: number,
    now: number,
  ): void {
    this.#leaveSlot()
    const left: WorkPart[] = []
    for (const { lane, records } of parts) {
      const kept = this.#drop(lane, records, dispositionOf)
      this.#markFailing(lane, lane.isFailing && kept[0] === records[0])
      if (kept.length > 0 && !lane.isHeld) left.push({ lane, records: kept })
      else {
        joinGroup(kept)
        this.#resume(lane, kept, undefined, now)
      }
    }
    if (left.length === 1) this.#splitLane(left[0] as WorkPart, retryAt)
    else if (left.length > 1) {
      const middle = left.length >> 1
      this.#addFragment(left.slice(0, middle), retryAt)
      this.#addFragment(left.slice(middle), retryAt)
    }
  }

  /**
   * Returns the records of the next key that is to be parked; undefined if no key is. To be called after each
   * {@link end} and {@link next}: a record of the key that is added before would start a new lane.
   */
  takeEvicted(): EvictedRecords | undefined {
    return this.#evicted.shift()
  }

  /** A record that is in no lane is settled, or is unsettled no longer because it is parked again. */
  remove(record: QueuedRecord): void {
    this.#forget(record)
  }

  /** A record that was given up is settled: its lane continues. */
  release(record: QueuedRecord, now: number): void {
    const lane = this.#heldBy.get(record) as Lane
    this.#heldBy.delete(record)
    this.#forget(record)
    lane.releaseHold()
    if (!lane.isHeld) this.#held--
    this.#resume(lane, [], undefined, now)
  }

  // ---- Lanes ----------------------------------------------------------------------------------------------

  #addLane(key: string | undefined, record: QueuedRecord, now: number): void {
    const lane = new Lane(key)
    lane.push(record)
    if (key !== undefined) this.#lanes.set(key, lane)
    if (this.#options.order === 'shard') this.#waitForAncestors(lane, record.shardId)
    if (!lane.isHeld) this.#makeReady(lane, now)
  }

  /** A child shard starts when the lanes of its ancestors are empty. */
  #waitForAncestors(lane: Lane, shardId: string): void {
    for (const ancestorId of this.#options.ancestorsOf(shardId)) this.#lanes.get(ancestorId)?.addWaiter(lane)
  }

  #makeReady(lane: Lane, now: number): void {
    lane.becomeReady()
    const collector = this.#collectorOf(lane)
    if (collector === undefined) this.#ready.add(lane)
    else this.#change(collector, () => collector.add(lane, now))
  }

  /** The collector of a ready lane; undefined if its records are not collected. */
  #collectorOf({ head, isFailing }: Lane): BatchCollector | undefined {
    const { batch } = this.#options
    if (batch === undefined || head.group !== undefined) return undefined
    const id = isFailing ? `retry ${head.shardId}` : head.shardId
    let collector = this.#collectors.get(id)
    if (collector === undefined) {
      collector = new BatchCollector(id, batch, isFailing)
      this.#collectors.set(id, collector)
    }
    return collector
  }

  /** Continues with a lane whose attempt has ended, or which was held. */
  #resume(lane: Lane, kept: readonly QueuedRecord[], retryAt: number | undefined, now: number): void {
    if (kept.length > 0) lane.putBack(kept)
    if (retryAt !== undefined) lane.wait(retryAt)
    if (lane.isHeld) return
    if (lane.length === 0) this.#removeLane(lane, now)
    else if (lane.dueAt > now) {
      lane.wait(lane.dueAt)
      this.#waiting.push(lane)
    } else this.#makeReady(lane, now)
  }

  #removeLane(lane: Lane, now: number): void {
    // After a key was parked, and has returned, it has another lane.
    if (lane.key !== undefined && this.#lanes.get(lane.key) === lane) this.#lanes.delete(lane.key)
    for (const waiter of lane.takeWaiters()) {
      waiter.releaseHold()
      this.#resume(waiter, [], undefined, now)
    }
  }

  /** Removes a lane that is not held, of which the records `taken` were taken. */
  #evict(lane: Lane, taken: readonly QueuedRecord[], reason: ParkReason, now: number): void {
    this.#markFailing(lane, false)
    this.#evicted.push({ records: [...taken, ...lane.take(lane.length)], reason })
    this.#removeLane(lane, now)
  }

  #markFailing(lane: Lane, isFailing: boolean): void {
    if (lane.isFailing === isFailing) return
    lane.markFailing(isFailing)
    this.#failing += isFailing ? 1 : -1
  }

  #forget(record: QueuedRecord): void {
    this.#unsettled.remove(record.slot)
    this.#bytes -= record.bytes
  }

  // ---- Starting -------------------------------------------------------------------------------------------

  #start(startable: Startable, now: number): void {
    if (startable instanceof Lane) this.#startLane(startable, now)
    else if (startable instanceof BatchFragment) this.#startWork(startable.parts)
    else this.#startBatch(startable, now)
  }

  #startLane(lane: Lane, now: number): void {
    const verdict = this.#options.judge(lane.head)
    if (verdict !== undefined) {
      this.#skipHead(lane, verdict, now)
      return
    }
    lane.start()
    this.#startWork([{ lane, records: lane.take(sizeOfGroup(lane)) }])
  }

  #startBatch(collector: BatchCollector, now: number): void {
    const parts: WorkPart[] = []
    const taken = this.#change(collector, () =>
      collector.take((record) => this.#options.judge(record) === undefined),
    )
    for (const { lane, count } of taken) {
      if (count === 0) this.#skipHead(lane, this.#options.judge(lane.head) as Verdict | 'park', now)
      else {
        lane.start()
        parts.push({ lane, records: lane.take(count) })
      }
    }
    if (parts.length > 0) this.#startWork(parts)
    if (collector.isEmpty) this.#collectors.delete(collector.id)
  }

  #startWork(parts: readonly WorkPart[]): void {
    this.#running++
    const [part] = parts as [WorkPart]
    const records =
      parts.length === 1
        ? part.records
        : parts.flatMap(({ records }) => records).sort((a, b) => a.ordinal - b.ordinal)
    this.#planned.push({ do: 'start', work: { parts, records } })
  }

  #leaveSlot(): void {
    this.#running--
    this.#isExclusive = false
  }

  /** The first record of a lane is not attempted: it is given up, or its key is parked. */
  #skipHead(lane: Lane, verdict: Verdict | 'park', now: number): void {
    if (verdict === 'park') {
      this.#evict(lane, [], 'workerLost', now)
      return
    }
    const [record] = lane.take(1) as [QueuedRecord]
    this.#markFailing(lane, false)
    this.#hold(lane, record)
    this.#planned.push({ do: 'giveUp', record, verdict })
  }

  #hold(lane: Lane, record: QueuedRecord): void {
    this.#heldBy.set(record, lane)
    // Several records of a batch may hold the lane. One that waits for its ancestors has started none.
    if (!lane.isHeld) this.#held++
    lane.hold()
  }

  /** Changes a collector, and counts its complete batches. */
  #change<Result>(collector: BatchCollector, change: () => Result): Result {
    const before = collector.fullBatches
    const result = change()
    this.#fullBatches += collector.fullBatches - before
    return result
  }

  /**
   * What batches can wait for, given what the run says about further records. While none are read because
   * enough is ready, a batch is not filled: it would wait for as long as other shards have a backlog.
   */
  #inputFor(input: InputState): InputState {
    if (this.bound !== undefined) return 'over'
    return input === 'flowing' && !this.wantsRecord ? 'idle' : input
  }

  /** Makes ready the batches that must not wait any longer. */
  #collectBatches(now: number, input: InputState): void {
    for (const collector of this.#collectors.values()) {
      if (!collector.mustStart(now, input)) continue
      collector.becomeReady()
      this.#ready.add(collector)
    }
  }

  // ---- Outcomes -------------------------------------------------------------------------------------------

  #endPart(
    lane: Lane,
    records: readonly QueuedRecord[],
    dispositionOf: (record: QueuedRecord) => Disposition,
    now: number,
  ): void {
    const kept = this.#drop(lane, records, dispositionOf)
    const next = kept.length === 0 ? undefined : dispositionOf(kept[0] as QueuedRecord)
    const { retryAt, park } = typeof next === 'object' ? next : { retryAt: undefined }
    // A record before it whose dead letter is not accepted yet would be overtaken.
    if (park !== undefined && !lane.isHeld) {
      this.#evict(lane, kept, park, now)
      return
    }
    this.#markFailing(lane, retryAt !== undefined || (lane.isFailing && kept[0] === records[0]))
    this.#resume(lane, kept, retryAt, now)
  }

  /** Drops the records that are settled or given up, up to the first one that is not; returns the others. */
  #drop(
    lane: Lane,
    records: readonly QueuedRecord[],
    dispositionOf: (record: QueuedRecord) => Disposition,
  ): readonly QueuedRecord[] {
    let index = 0
    for (; index < records.length; index++) {
      const record = records[index] as QueuedRecord
      const disposition = dispositionOf(record)
      if (disposition === 'settled') this.#forget(record)
      else if (disposition === 'givenUp') this.#hold(lane, record)
      else break
    }
    return index === 0 ? records : records.slice(index)
  }

  #splitLane({ lane, records }: WorkPart, retryAt: number): void {
    const middle = (records.length + 1) >> 1
    const rest = records.slice(middle)
    lane.putBack(rest)
    joinGroup(rest)
    this.#addFragment([{ lane, records: records.slice(0, middle) }], retryAt)
  }

  #addFragment(parts: readonly WorkPart[], dueAt: number): void {
    joinGroup(parts.flatMap(({ records }) => records))
    for (const { lane } of parts) lane.start()
    this.#waiting.push(new BatchFragment(parts, dueAt))
  }
}

function joinGroup(records: readonly QueuedRecord[]): void {
  const group: RecordGroup = {}
  for (const record of records) record.joinGroup(group)
}

/** How many of the first records of a lane run together without a collector: those of one group, or one. */
function sizeOfGroup(lane: Lane): number {
  const { group } = lane.head
  let count = 1
  if (group !== undefined) while (lane.at(count)?.group === group) count++
  return count
}
