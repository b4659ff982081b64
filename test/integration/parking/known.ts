import { parkedPosition } from '../../../src/parking/position.ts'
import type { ObservedRecord } from '../processing/worker-log.ts'
import type { ParkingHistory } from './history.ts'
import { isFinished, type PlacedRecord, RunView } from './run-view.ts'
import { Stay } from './stay.ts'

/** What the check knows at a moment of the history. */
export class Known {
  readonly faults: string[] = []
  readonly history: ParkingHistory
  /** The numbers of each item that must be settled, in the order of the writes. */
  readonly items: ReadonlyMap<string, readonly number[]>
  readonly #records = new Map<number, PlacedRecord>()
  readonly #byPlace = new Map<string, PlacedRecord>()
  readonly #stays = new Map<string, Stay>()
  #view: RunView
  #prefix = ''
  /** The number of events so far. */
  #time = 0

  constructor(history: ParkingHistory) {
    this.history = history
    this.#view = new RunView(undefined, history.parentOf)
    const items = new Map<string, number[]>()
    for (const { n, id } of history.written) {
      if (history.roleOf(n).kind === 'filtered') continue
      const numbers = items.get(id)
      if (numbers) numbers.push(n)
      else items.set(id, [n])
    }
    this.items = items
  }

  /** The run whose log is being read. */
  get view(): RunView {
    return this.#view
  }

  get time(): number {
    return this.#time
  }

  get ids(): IterableIterator<string> {
    return this.#stays.keys()
  }

  fault(sentence: string): void {
    this.faults.push(`${this.#prefix}${sentence}`)
  }

  /** @param index - the number of the run; undefined after the last one. */
  startRun(index: number | undefined): void {
    this.#prefix = index === undefined ? '' : `run ${index}: `
    this.#view = new RunView(undefined, this.history.parentOf)
  }

  /** An event follows. */
  tick(): void {
    this.#time++
  }

  /** The run has loaded its checkpoint. */
  load(token: ConstructorParameters<typeof RunView>[0]): void {
    this.#view = new RunView(token, this.history.parentOf)
    this.#view.savedAt = this.#time
    for (const record of this.#records.values()) this.#view.observe(record)
  }

  stayOf(id: string): Stay {
    const stay = this.#stays.get(id) ?? new Stay()
    this.#stays.set(id, stay)
    return stay
  }

  recordOf(n: number): PlacedRecord | undefined {
    return this.#records.get(n)
  }

  recordAt(place: Pick<ObservedRecord, 'shardId' | 'sequenceNumber'>): PlacedRecord | undefined {
    return this.#byPlace.get(placeOf(place))
  }

  /** A record was received. */
  observe({ n, id, shardId, sequenceNumber, keyHash }: ObservedRecord): PlacedRecord {
    const known = this.#records.get(n)
    if (known) return known
    const { written, roleOf, streamArn } = this.history
    const position = parkedPosition(streamArn, sequenceNumber)
    const record = { n, id, shardId, sequenceNumber, keyHash, position }
    this.#records.set(n, record)
    this.#byPlace.set(placeOf(record), record)
    this.#view.observe(record)
    if (written[n]?.id !== id) this.fault(`${n} of ${id} was never written`)
    if (roleOf(n).kind === 'filtered') this.fault(`${n} was not filtered`)
    return record
  }

  /** Whether the run has no more to do for a record. Once that is the case, it remains so. */
  isDone(n: number): boolean {
    const record = this.#records.get(n)
    if (record === undefined) return false
    const { settled, dropped, loaded } = this.#view
    if (settled.has(n) || dropped.has(n)) return true
    const key = loaded.get(record.id)
    if (key === undefined || record.position > key.last) return this.#view.isCovered(record)
    // If it is not in the store, it was settled before the key was parked.
    return isFinished(record.position, key) || !this.stayOf(record.id).rows.has(n)
  }

  /** Yields the records of an item from the first one that is not done. */
  *fromFirstUndone(id: string): Generator<number, void, undefined> {
    const numbers = this.items.get(id) ?? []
    let count = this.#view.doneCounts.get(id) ?? 0
    while (count < numbers.length && this.isDone(numbers[count] as number)) count++
    this.#view.doneCounts.set(id, count)
    for (let index = count; index < numbers.length; index++) yield numbers[index] as number
  }

  /** Whether every record of an item that was parked is done. */
  areAllDone(id: string): boolean {
    return [...this.stayOf(id).rows.keys()].every((n) => this.isDone(n))
  }
}

/** Identifies a record by its shard and sequence number. */
function placeOf({ shardId, sequenceNumber }: Pick<ObservedRecord, 'shardId' | 'sequenceNumber'>): string {
  return `${shardId} ${sequenceNumber}`
}
