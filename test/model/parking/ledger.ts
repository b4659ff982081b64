import type { StreamToken } from '../../../src/index.ts'
import { hashItemKey } from '../../../src/records/item-key.ts'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import type { EmulatedRecord } from '../../../src/testing/index.ts'
import { ancestorsOf } from '../origin.ts'
import { Violation } from '../violation.ts'
import type { World } from '../world.ts'

/** A record, and what has become of it, in all processes. */
export interface Entry {
  readonly record: EmulatedRecord
  /** Such as `k1#3`: the third record of the item `k1`. */
  readonly name: string
  readonly keyHash: string
  /** Its number among the records of its key, from 0. */
  readonly index: number
  readonly streamArn: string
  /** The sequence number, padded to 40 digits. */
  readonly number: string
  /** Its position in the parking store, by the documentation. */
  readonly position: string
  /** The parts that are done in some process: the tasks, or an empty name. */
  readonly done: Set<string>
  /** Whether a drop of the key was requested while the record was parked. */
  mayBeDropped: boolean
  /** When such a request was completed, in monotonic ms. */
  droppedAt: number | undefined
  /** Whether it was trimmed when it was neither parked nor settled. */
  isLost: boolean
  /** Whether the stores have covered it: see {@link Stores}. */
  wasCovered: boolean
}

/** What one key has in the parking store. */
export interface StoredKeyView {
  readonly last: string
  /** The positions of the records that are not finished. */
  has(position: string): boolean
}

/** What the stores contain, as a run finds it when it starts, or at present. */
export interface Stores {
  isCoveredByToken(entry: Entry): boolean
  parked(keyHash: string): StoredKeyView | undefined
}

/**
 * Whether a run that starts with these stores processes the record neither from the stream nor from the
 * store.
 */
export function isCovered(entry: Entry, { isCoveredByToken, parked }: Stores): boolean {
  const key = parked(entry.keyHash)
  if (key === undefined || entry.position > key.last) return isCoveredByToken(entry)
  return !key.has(entry.position)
}

/** All records that were written, by key. */
export class Ledger {
  readonly #world: World
  /** The parts of a record that must be done: the tasks, or an empty name. */
  readonly #parts: readonly string[]
  readonly #byId = new Map<string, Entry>()
  readonly #byKey = new Map<string, Entry[]>()
  readonly #hashes = new Map<string, string>()
  readonly #arns = new Map<string, string>()
  readonly #all: Entry[] = []

  constructor(world: World, parts: readonly string[]) {
    this.#world = world
    this.#parts = parts
  }

  get all(): readonly Entry[] {
    this.#sync()
    return this.#all
  }

  /** The records of a key, in the order of the writes. */
  ofKey(keyHash: string): readonly Entry[] {
    this.#sync()
    return this.#byKey.get(keyHash) ?? []
  }

  find(eventId: string): Entry {
    this.#sync()
    const entry = this.#byId.get(eventId)
    if (!entry) throw new Violation('no unrequested records', `the record ${eventId} does not exist`)
    return entry
  }

  /** Whether it is handled, has a dead letter, or may be dropped or lost. */
  hasFate({ done, mayBeDropped, isLost }: Entry): boolean {
    return mayBeDropped || isLost || this.isDone({ done })
  }

  /** Whether every part of it has succeeded, or has a dead letter. */
  isDone({ done }: Pick<Entry, 'done'>): boolean {
    return this.#parts.every((part) => done.has(part))
  }

  /** Returns which records a token covers, by its documentation. */
  coverageOf(token: StreamToken | undefined): (entry: Entry) => boolean {
    if (token === undefined) return () => false
    const shards = new Map(token.shards.map((shard) => [shard.shardId, shard]))
    const started = token.shards.filter(({ state }) => state !== 'pending')
    const finished = new Set(
      started.flatMap(({ shardId }) => ancestorsOf(this.#world, shardId).map((shard) => shard.shardId)),
    )
    return ({ record, number, keyHash, streamArn }) => {
      // A token refers to the next stream of the table only when everything of the former ones is settled.
      if (streamArn !== token.streamArn) return streamArn < token.streamArn
      const shard = shards.get(record.shardId)
      if (shard === undefined) return finished.has(record.shardId)
      const { at, through, unsettled = [] } = shard
      if (typeof at === 'object' && 'end' in at) return true
      if (typeof at === 'object' && 'after' in at && number <= padded(at.after)) return true
      if (through === undefined || number > padded(through)) return false
      return !unsettled.some(({ from, key }) =>
        key === undefined ? padded(from) === number : key === keyHash && padded(from) <= number,
      )
    }
  }

  /** The tasks that a token says are done. */
  doneIn(token: StreamToken | undefined, { record, number, keyHash }: Entry): readonly string[] {
    const shard = token?.shards.find(({ shardId }) => shardId === record.shardId)
    const isOfRecord = ({ from, key }: { readonly from: string; readonly key?: string }) =>
      padded(from) === number && (key === undefined || key === keyHash)
    return shard?.unsettled?.find(isOfRecord)?.done ?? []
  }

  /** Notes what has become of records that were trimmed: those that no store has are lost. */
  noteTrimmed(isParkedOrSettled: (entry: Entry) => boolean): void {
    for (const entry of this.all) {
      if (entry.record.trimmed && !this.hasFate(entry) && !isParkedOrSettled(entry)) entry.isLost = true
    }
  }

  #sync(): void {
    const { records } = this.#world.emulator
    for (let index = this.#all.length; index < records.length; index++) {
      const entry = this.#create(records[index] as EmulatedRecord)
      this.#all.push(entry)
      this.#byId.set(entry.record.eventId, entry)
    }
  }

  #create(record: EmulatedRecord): Entry {
    const keyHash = this.#hashOf(record)
    const streamArn = this.#arnOf(record.shardId)
    const ofKey = this.#byKey.get(keyHash) ?? []
    this.#byKey.set(keyHash, ofKey)
    const number = padded(record.sequenceNumber)
    const entry: Entry = {
      record,
      name: `${record.key.id}#${ofKey.length + 1}`,
      keyHash,
      index: ofKey.length,
      streamArn,
      number,
      position: `${streamArn.split('/').at(-1)}/${number}`,
      done: new Set(),
      mayBeDropped: false,
      droppedAt: undefined,
      isLost: false,
      wasCovered: false,
    }
    ofKey.push(entry)
    return entry
  }

  #hashOf({ keyText, raw, shardId }: EmulatedRecord): string {
    const hash = this.#hashes.get(keyText) ?? hashItemKey(new StreamRecord(raw, { shardId }, 0).itemKey)
    this.#hashes.set(keyText, hash)
    return hash
  }

  #arnOf(shardId: string): string {
    const arn = this.#arns.get(shardId) ?? this.#world.emulator.shard(shardId).streamArn
    this.#arns.set(shardId, arn)
    return arn
  }
}

function padded(sequenceNumber: string): string {
  return sequenceNumber.replace(/^0+/, '').padStart(40, '0')
}
