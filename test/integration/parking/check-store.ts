import { tokenCoverage } from '../../../src/position/token-coverage.ts'
import type { Known } from './known.ts'
import { isFinished, type PlacedRecord } from './run-view.ts'
import type { Stay } from './stay.ts'
import type { ParkingAnswer, ParkingCall, SavedKey, StoredKey } from './worker-log.ts'

/** Checks what the runs write to the parking store, and read from it. */
export class StoreCheck {
  /** The records that were parked, and those that were dropped, over all runs. */
  readonly parked: Set<number> = new Set()
  readonly dropped: Set<number> = new Set()
  /** The records that were dropped by a request that was completed. */
  readonly gone: Set<number> = new Set()
  /** The number of shards whose records were parked with a key at the same time. */
  mostShards = 0
  readonly #known: Known

  constructor(known: Known) {
    this.#known = known
  }

  acquired(keys: readonly StoredKey[]): void {
    const { view, ids } = this.#known
    const loaded = new Map(keys.map((key) => [key.id, key]))
    for (const id of new Set([...ids, ...loaded.keys()])) {
      const key = loaded.get(id)
      if (!this.#known.stayOf(id).load(key)) {
        this.#known.fault(`${id} was loaded with another state than it was saved`)
      }
      if (key === undefined) continue
      view.stored.set(id, key)
      view.called.set(id, key)
    }
    view.loaded = loaded
    view.answeredAt = this.#known.time
  }

  called(call: ParkingCall): void {
    const { view } = this.#known
    view.pending = call
    if (call.name === 'save') for (const update of call.updates) this.#save(update)
    else if (call.name === 'remove') this.#remove(call.id)
    else if (call.name === 'complete' && call.action === 'drop') {
      // From here on, no other run receives the request.
      for (const n of this.#known.stayOf(call.id).rows.keys()) if (view.dropped.has(n)) this.gone.add(n)
    }
  }

  /** The last call has succeeded. */
  answered({ read = [], drops = [] }: ParkingAnswer): void {
    const { view, time } = this.#known
    const { pending } = view
    view.pending = undefined
    view.answeredAt = time
    if (pending?.name === 'save') {
      for (const { added, ...key } of pending.updates) {
        view.stored.set(key.id, key)
        this.#known.stayOf(key.id).saved(key)
        for (const { n } of added) view.settledInStream.set(n, time)
      }
    } else if (pending?.name === 'remove') {
      view.stored.delete(pending.id)
      view.called.delete(pending.id)
      this.#known.stayOf(pending.id).removed()
    } else if (pending?.name === 'read') {
      for (const n of read) {
        if (!this.#known.stayOf(pending.id).rows.has(n)) this.#known.fault(`${n} was read, but not parked`)
        view.read.add(n)
      }
    }
    for (const { id, until } of drops) view.drops.set(id, { until, count: undefined })
  }

  /** The last call has failed. */
  failed(code: string): void {
    const { view } = this.#known
    const { pending } = view
    view.pending = undefined
    if (code !== 'checkpoint.conflict') return
    if (pending?.name === 'save') for (const { id } of pending.updates) this.#known.stayOf(id).rejected()
    else if (pending?.name === 'remove') this.#known.stayOf(pending.id).rejected()
  }

  /** The run says that it has dropped records. */
  reported(id: string, records: number): void {
    const count = this.#drop(id)
    if (records === count) return
    this.#known.fault(`${records} records of ${id} were dropped instead of ${count}`)
  }

  #save(update: SavedKey): void {
    const { id, added, last } = update
    const { view } = this.#known
    const stay = this.#known.stayOf(id)
    let end = view.stored.get(id)?.last ?? ''
    for (const { position, ...observed } of added) {
      const { n, position: expected } = this.#known.observe(observed)
      if (position !== expected) this.#known.fault(`${n} was parked at ${position}`)
      if (position <= end) this.#known.fault(`${n} was parked behind ${end}, which is not before it`)
      if (this.#known.isDone(n)) this.#known.fault(`${n} was parked although it was settled or dropped`)
      end = position
      stay.rows.set(n, position)
      this.parked.add(n)
    }
    if (last !== end) this.#known.fault(`${id} was saved with the last position ${last} instead of ${end}`)
    this.#checkNoneIsMissing(id, stay)
    // The event follows after the change, and the save may be started in between.
    const { until } = view.drops.get(id) ?? {}
    if (until !== undefined && isFinished(until, update)) this.#drop(id)
    this.#checkProgress(update, stay)
    stay.saving(update)
    view.called.set(id, update)
    const shards = new Set([...stay.rows.keys()].map((n) => this.#known.recordOf(n)?.shardId))
    this.mostShards = Math.max(this.mostShards, shards.size)
  }

  /** Checks that all records before the last one that is parked are parked or done. */
  #checkNoneIsMissing(id: string, { rows }: Stay): void {
    const last = [...rows.keys()].at(-1) ?? -1
    for (const n of this.#known.fromFirstUndone(id)) {
      if (n >= last) return
      if (rows.has(n) || this.#known.isDone(n)) continue
      this.#known.fault(`${n} was left out when ${last} of its item was parked`)
    }
  }

  /** Checks that an update says of every record whether it is finished. */
  #checkProgress(update: SavedKey, { rows }: Stay): void {
    const { settled, answeredAt } = this.#known.view
    let left = 0
    for (const [n, position] of rows) {
      if (isFinished(position, update)) {
        if (!this.#known.isDone(n)) this.#known.fault(`${n} was saved as finished, but is not`)
        continue
      }
      left++
      // What was settled in an earlier turn of the event loop must be part of the next call.
      if ((settled.get(n) ?? answeredAt) < answeredAt) {
        this.#known.fault(`${n} was settled before the previous call, but was not saved as finished`)
      }
    }
    const { id, records } = update
    if (records !== left) this.#known.fault(`${id} was saved with ${records} records instead of ${left}`)
  }

  #remove(id: string): void {
    const { view, history } = this.#known
    const stay = this.#known.stayOf(id)
    const isCovered = view.saved && tokenCoverage(view.saved, history.parentOf)
    for (const n of stay.rows.keys()) {
      if (!this.#known.isDone(n)) this.#known.fault(`${id} has returned before ${n} was done`)
      if (isCovered?.(this.#known.recordOf(n) as PlacedRecord) === true) continue
      this.#known.fault(`${id} has returned before ${n} was in the checkpoint`)
    }
    stay.removing()
  }

  /**
   * The run carries out a request to drop the records of a key, unless it has done so before. Returns how
   * many are dropped.
   */
  #drop(id: string): number {
    const { view } = this.#known
    const { until, count: known } = view.drops.get(id) ?? { until: '', count: undefined }
    if (known !== undefined) return known
    let count = 0
    for (const [n, position] of this.#known.stayOf(id).rows) {
      if (position > until || this.#known.isDone(n)) continue
      // Its next attempt may have been counted, and be waiting until that is saved.
      if (count === 0 && view.read.has(n)) view.starting.add(n)
      count++
      view.dropped.add(n)
      this.dropped.add(n)
    }
    view.drops.set(id, { until, count })
    return count
  }
}
