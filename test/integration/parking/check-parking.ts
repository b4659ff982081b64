import { isDeepStrictEqual } from 'node:util'
import type { StreamToken } from '../../../src/index.ts'
import { tokenCoverage } from '../../../src/position/token-coverage.ts'
import type { LetterReport, ObservedRecord } from '../processing/worker-log.ts'
import { StoreCheck } from './check-store.ts'
import type { ParkingHistory, ParkingSummary, RunEnd } from './history.ts'
import { Known } from './known.ts'
import type { ParkingWorkerEvent } from './worker-log.ts'

/**
 * Checks that every record has taken effect, or was dead-lettered or dropped as it should be; that the
 * records of an item took effect in the order of their writes, whether they were parked or not; and that a
 * run repeats no more than what the checkpoint and the parking store did not contain, both of which were up
 * to date.
 */
export function checkParking(history: ParkingHistory): ParkingSummary {
  const check = new ParkingCheck(history)
  for (const [index, events] of history.runs.entries()) check.addRun(index, events)
  return check.finish()
}

class ParkingCheck {
  readonly #history: ParkingHistory
  readonly #known: Known
  readonly #store: StoreCheck
  readonly #ends: RunEnd[] = []
  /** The tokens that the next run may load. */
  #possible: readonly (StreamToken | undefined)[] = [undefined]

  constructor(history: ParkingHistory) {
    this.#history = history
    this.#known = new Known(history)
    this.#store = new StoreCheck(this.#known)
  }

  addRun(index: number, events: readonly ParkingWorkerEvent[]): void {
    this.#known.startRun(index)
    for (const event of events) {
      this.#known.tick()
      this.#add(event)
    }
    this.#ends.push(this.#endOf(events))
  }

  #add(event: ParkingWorkerEvent): void {
    if ('loaded' in event) this.#load(event.loaded ?? undefined)
    else if ('acquired' in event) this.#store.acquired(event.acquired)
    else if ('started' in event) this.#start(event.started, event.attempt)
    else if ('effect' in event) this.#takeEffect(event.effect)
    else if ('ended' in event) {
      this.#known.view.running.delete(this.#known.recordOf(event.ended)?.id ?? '')
      if (event.result === 'handled') this.#settle(event.ended)
    } else if ('deadLettered' in event) this.#deadLetter(event.deadLettered)
    else if ('saving' in event) this.#save(event.saving)
    else if ('saved' in event) this.#saved()
    else if ('calling' in event) this.#store.called(event.calling)
    else if ('answered' in event) this.#store.answered(event)
    else if ('failed' in event) this.#store.failed(event.code)
    else if ('emitted' in event && event.emitted === 'dropped') this.#store.reported(event.id, event.records)
  }

  // ---- Attempts -------------------------------------------------------------------------------------------

  #start(started: ObservedRecord, attempt: number): void {
    const known = this.#known
    const { view } = known
    const { n, id } = known.observe(started)
    const isStarting = view.starting.delete(n)
    if (!known.isDone(n)) {
      const [undone] = known.fromFirstUndone(id)
      if (undone !== n) known.fault(`${n} was started before ${undone} of its item was settled`)
    } else if (!isStarting) known.fault(`${n} was started although it was settled or dropped`)
    if (this.#store.gone.has(n) && !isStarting) known.fault(`${n} was started although it was dropped`)
    // A record has at least one attempt in each run, unless the process has ended during the last one.
    const mustBeParked = attempt > this.#history.parkAfter && view.attempted.has(n)
    if (mustBeParked) known.fault(`${n} was not parked before attempt ${attempt}`)
    view.attempted.add(n)
    const other = view.running.get(id)
    if (other !== undefined) known.fault(`${n} was started while ${other} of its item was running`)
    view.running.set(id, n)
    const state = view.called.get(id)?.state
    if (state === 'parked') known.fault(`${n} was started while its key was parked`)
    else if (state === 'releasing' && !view.read.has(n)) known.fault(`${n} has overtaken the parked records`)
  }

  #takeEffect(n: number): void {
    const { lastEffect } = this.#known.view
    const id = this.#known.recordOf(n)?.id ?? 'unknown'
    const last = lastEffect.get(id) ?? -1
    if (n <= last) this.#known.fault(`${n} took effect after ${last} of its item`)
    lastEffect.set(id, n)
  }

  #settle(n: number): void {
    const { view, time } = this.#known
    view.settled.set(n, time)
    if (!view.read.has(n)) view.settledInStream.set(n, time)
  }

  #deadLetter(letter: LetterReport): void {
    const record = this.#known.recordAt(letter)
    if (record !== undefined) this.#settle(record.n)
    else this.#known.fault(`dead-lettered ${letter.sequenceNumber}, which was never started`)
  }

  // ---- The checkpoint -------------------------------------------------------------------------------------

  #load(token: StreamToken | undefined): void {
    const isPossible = this.#possible.some((possible) => isDeepStrictEqual(possible, token))
    if (!isPossible) this.#known.fault('loaded another checkpoint than the last one saved or in flight')
    this.#possible = [token]
    this.#known.load(token)
  }

  #save(token: StreamToken): void {
    const { view } = this.#known
    view.saving = token
    view.isSaving = true
    this.#possible = [...this.#possible, token]
    const isCovered = tokenCoverage(token, this.#history.parentOf)
    for (const record of view.uncovered) {
      const { n } = record
      if (isCovered(record)) {
        if (this.#known.isDone(n) || view.isStored(record)) continue
        this.#known.fault(`${n} is in a checkpoint, but neither settled nor parked`)
      } else if ((view.settledInStream.get(n) ?? view.savedAt) < view.savedAt) {
        this.#known.fault(`${n} was settled before the previous save, but is not in the checkpoint`)
      }
    }
  }

  #saved(): void {
    const { view, time } = this.#known
    view.saved = view.saving
    view.isSaving = false
    view.savedAt = time
    this.#possible = this.#possible.slice(-1)
  }

  // ---- The end --------------------------------------------------------------------------------------------

  #endOf(events: readonly ParkingWorkerEvent[]): RunEnd {
    const end = new Set<'parking' | 'releasing' | 'returning' | 'replaced'>()
    const { pending, stored, isSaving } = this.#known.view
    if (events.some((event) => 'rejected' in event)) end.add('replaced')
    const updates = pending?.name === 'save' ? pending.updates : []
    if (updates.some(({ state, added }) => state === 'parked' && added.length > 0)) end.add('parking')
    if (pending?.name === 'remove') end.add('returning')
    for (const { id, state } of stored.values()) {
      if (state !== 'releasing') continue
      if (!this.#known.areAllDone(id)) end.add('releasing')
      else if (isSaving) end.add('returning')
    }
    return end
  }

  finish(): ParkingSummary {
    this.#known.startRun(undefined)
    const { effects, letters } = this.#history
    const { parked, dropped, mostShards } = this.#store
    const { handled, repeats } = this.#checkEffects()
    const deadLettered = new Set(letters.map(({ n }) => n))
    for (const { n, condition } of letters) {
      if (condition !== 'Rejected') this.#known.fault(`${n} was dead-lettered (${condition})`)
    }
    for (const numbers of this.#known.items.values()) {
      for (const n of numbers) this.#checkFate(n, handled.has(n), deadLettered.has(n))
    }
    return {
      faults: this.#known.faults,
      handled: handled.size,
      deadLettered: deadLettered.size,
      parked: parked.size,
      dropped: [...dropped].filter((n) => !handled.has(n) && !deadLettered.has(n)).length,
      repeated: effects.length - handled.size,
      mostRepeated: Math.max(0, ...repeats.values()),
      ends: this.#ends,
      shards: this.#checkPositions(),
      parkedShards: mostShards,
    }
  }

  /** Checks the order of the first effects. Returns the records, and the number of repetitions by run. */
  #checkEffects() {
    const handled = new Set<number>()
    const repeats = new Map<number, number>()
    const lastOf = new Map<string, number>()
    for (const { run, n } of this.#history.effects) {
      if (handled.has(n)) {
        repeats.set(run, (repeats.get(run) ?? 0) + 1)
        continue
      }
      handled.add(n)
      const id = this.#history.written[n]?.id ?? 'unknown'
      const last = lastOf.get(id) ?? -1
      if (n < last) this.#known.fault(`${n} took effect first after ${last} of its item`)
      lastOf.set(id, n)
    }
    return { handled, repeats }
  }

  #checkFate(n: number, isHandled: boolean, isDeadLettered: boolean): void {
    const isRejected = this.#history.roleOf(n).kind === 'rejected'
    if (isRejected && isHandled) this.#known.fault(`${n} took effect, but is to be rejected`)
    if (!isRejected && isDeadLettered) this.#known.fault(`${n} was dead-lettered`)
    if (isHandled || isDeadLettered || this.#store.dropped.has(n)) return
    this.#known.fault(`${n} was lost`)
  }

  /**
   * Checks that the positions of the records of an item increase, over all shards. Returns the number of
   * shards of the item that has the most.
   */
  #checkPositions(): number {
    let most = 0
    for (const [id, numbers] of this.#known.items) {
      const shards = new Set<string>()
      let last = ''
      for (const n of numbers) {
        const record = this.#known.recordOf(n)
        if (record === undefined) continue
        if (record.position <= last) this.#known.fault(`the position of ${n} of ${id} does not follow`)
        last = record.position
        shards.add(record.shardId)
      }
      most = Math.max(most, shards.size)
    }
    return most
  }
}
