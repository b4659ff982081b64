import type { Clock } from '../core/clock.ts'
import type { Emitter } from '../core/emitter.ts'
import { hashItemKey } from '../records/item-key.ts'
import type { ProcessingEvents } from './events.ts'
import { healthOf, type ProcessingHealth } from './health.ts'
import type { QueuedRecord } from './queued-record.ts'
import { type Load, type LoadLimits, StallWatch } from './stall-watch.ts'

/** DynamoDB Streams retains records for 24 hours. `retentionNear` is emitted at this age, in ms. */
const RETENTION_NEAR_MS = 20 * 3_600_000

/** How often the ages of the unsettled records are checked, in ms. */
const AGE_CHECK_MS = 60_000

/** How many keys the event `stalled` names. */
const STALLED_KEYS = 3

/** What the monitor needs to know about a run. */
export interface MonitoredRun {
  /** The unsettled records. */
  records(): Iterable<QueuedRecord>
  load(): Load
  readonly lifecycle: {
    readonly hasFailed: boolean
    readonly hasEnded: boolean
    readonly isStopping: boolean
    readonly isPaused: boolean
  }
}

/** Watches a run for stalls and for records that may be trimmed, and reports its health. */
export class HealthMonitor {
  readonly #run: MonitoredRun
  readonly #clock: Clock
  readonly #limits: LoadLimits
  readonly #events: Emitter<ProcessingEvents>
  readonly #watch: StallWatch
  /** Records for which `retentionNear` was emitted. */
  readonly #reported = new WeakSet<QueuedRecord>()
  #isStopped = false
  #lastSettledAt: number | undefined
  #cancelCheck = (): void => {}
  #cancelAgeCheck = (): void => {}

  constructor(run: MonitoredRun, clock: Clock, limits: LoadLimits, events: Emitter<ProcessingEvents>) {
    this.#run = run
    this.#clock = clock
    this.#limits = limits
    this.#events = events
    this.#watch = new StallWatch(limits, clock.monotonic())
  }

  start(): void {
    this.check()
    this.#checkAges()
  }

  /** Sets no further timer and emits nothing any more. */
  stop(): void {
    this.#isStopped = true
    this.#cancelCheck()
    this.#cancelAgeCheck()
  }

  /** A record was taken. `unsettled`: with this one. */
  taken(unsettled: number, now: number): void {
    this.#watch.taken(unsettled, now)
    if (this.#watch.isStalled) this.check()
  }

  settled(): void {
    const now = this.#clock.monotonic()
    this.#lastSettledAt = this.#clock.now()
    this.#watch.settled(now)
    if (this.#watch.isStalled) this.check()
  }

  /** Checks for a stall. Called when a check is due, and when the run is paused, resumed or stopped. */
  check(): void {
    if (this.#isStopped) return
    const now = { wall: this.#clock.now(), monotonic: this.#clock.monotonic() }
    const found = this.#watch.check(this.#run.load(), now)
    if (found.change === 'stalled') {
      const { since, reason } = found
      this.#events.emit('stalled', { since, reason, ...this.#oldest() })
    } else if (found.change === 'unstalled') {
      this.#events.emit('unstalled', { stalledForMs: found.stalledForMs })
    }
    // Nothing is due while nothing is unsettled: a record that is taken then is due no sooner than this.
    const checkAt = found.checkAt ?? now.monotonic + this.#limits.stallAfterMs
    this.#cancelCheck()
    this.#cancelCheck = this.#clock.setTimer(checkAt - now.monotonic, () => this.check(), true)
  }

  get isStalled(): boolean {
    return this.#watch.isStalled
  }

  health(): ProcessingHealth {
    let oldestUnsettledAt: number | undefined
    for (const { record, isFromParking } of this.#run.records()) {
      const createdAt = record.createdAt.getTime()
      // The parking store keeps a record that was parked for as long as necessary.
      if (isFromParking) continue
      if (oldestUnsettledAt === undefined || createdAt < oldestUnsettledAt) oldestUnsettledAt = createdAt
    }
    return healthOf({
      ...this.#run.lifecycle,
      isStalled: this.#watch.isStalled,
      lastProgressAt: this.#lastSettledAt,
      oldestUnsettledAt,
    })
  }

  #oldest(): { readonly unsettled: number; readonly keys: readonly string[] } {
    const records = [...this.#run.records()].sort((a, b) => a.ordinal - b.ordinal)
    const keys = new Set<string>()
    for (const { record } of records) {
      if (keys.size === STALLED_KEYS) break
      keys.add(record.itemKey)
    }
    return { unsettled: records.length, keys: [...keys].map(hashItemKey) }
  }

  /** Reports the oldest unsettled record of each shard, if it may soon be trimmed. */
  #checkAges(): void {
    const oldest = new Map<string, QueuedRecord>()
    for (const record of this.#run.records()) {
      if (record.isFromParking) continue
      const other = oldest.get(record.shardId)
      if (other === undefined || record.ordinal < other.ordinal) oldest.set(record.shardId, record)
    }
    const now = this.#clock.now()
    for (const queued of oldest.values()) {
      const ageMs = now - queued.record.createdAt.getTime()
      if (ageMs < RETENTION_NEAR_MS || this.#reported.has(queued)) continue
      this.#reported.add(queued)
      const { sequenceNumber } = queued.delivery
      this.#events.emit('retentionNear', { shardId: queued.shardId, sequenceNumber, ageMs })
    }
    this.#cancelAgeCheck = this.#clock.setTimer(AGE_CHECK_MS, () => this.#checkAges(), true)
  }
}
