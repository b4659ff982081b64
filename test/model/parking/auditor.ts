import type { StreamToken } from '../../../src/index.ts'
import type { ParkedKeyUpdate, ParkingRequest } from '../../../src/parking/parking-store.ts'
import { Violation } from '../violation.ts'
import { type Entry, isCovered, type Ledger, type Stores } from './ledger.ts'
import type { StoredKey } from './parking-store.ts'

export interface AuditorOptions {
  readonly ledger: Ledger
  /** The time in ms. */
  readonly now: () => number
  readonly token: () => StreamToken | undefined
  readonly parked: (keyHash: string) => StoredKey | undefined
  readonly report: (violation: unknown) => void
}

/** Checks what the stores contain, whenever that changes: whatever dies next, this is what remains. */
export class Auditor {
  readonly #options: AuditorOptions
  /** The records that may be dropped because of a request. */
  readonly #droppable = new Map<string, readonly Entry[]>()

  constructor(options: AuditorOptions) {
    this.#options = options
  }

  /** What the stores contain now. */
  present(): Stores {
    const { ledger, token, parked } = this.#options
    return {
      isCoveredByToken: ledger.coverageOf(token()),
      parked: (keyHash) => {
        const stored = parked(keyHash)
        return stored && { last: stored.key.last, has: (position) => stored.records.has(position) }
      },
    }
  }

  checkpointSaved(): void {
    this.#checkCoverage(this.#options.ledger.all)
  }

  parkingSaved(before: StoredKey | undefined, { added }: ParkedKeyUpdate, after: StoredKey): void {
    this.#guard(() => {
      expectOrder(
        before,
        added.map(({ position }) => position),
        after,
      )
      this.#expectHeader(before, after)
      for (const { position, content } of added) this.#expectContent(after, position, content)
    })
    this.#checkCoverage(this.#options.ledger.ofKey(after.key.keyHash))
  }

  /** A key was removed. The progress of its last records need not have been saved. */
  removed({ key, request }: StoredKey): void {
    this.#checkCoverage(this.#options.ledger.ofKey(key.keyHash))
    if (request) this.completed(request)
  }

  /** An operator has requested something for a key. */
  requested({ key, records }: StoredKey, action: ParkingRequest['action'], id: string): void {
    if (action === 'release') return
    const { ledger } = this.#options
    const entries = ledger.ofKey(key.keyHash).filter(({ position }) => records.has(position))
    for (const entry of entries) entry.mayBeDropped = true
    this.#droppable.set(id, entries)
  }

  completed({ id }: ParkingRequest): void {
    for (const entry of this.#droppable.get(id) ?? []) {
      entry.droppedAt ??= this.#options.now()
    }
  }

  /** Whether everything that exists has a fate, and no store refers to it any more. */
  unfinished(): readonly Entry[] {
    const { ledger } = this.#options
    const stores = this.present()
    return ledger.all.filter((entry) => {
      const isOver = isCovered(entry, stores) || entry.record.trimmed
      return !ledger.hasFate(entry) || !isOver
    })
  }

  #checkCoverage(entries: readonly Entry[]): void {
    const { ledger } = this.#options
    const stores = this.present()
    for (const entry of entries) {
      const covered = isCovered(entry, stores)
      this.#guard(() => {
        if (covered && !ledger.hasFate(entry)) {
          throw new Violation('complete', `${entry.name} was not processed, and no later process does it`)
        }
        // What was trimmed is not delivered again.
        if (entry.wasCovered && !covered && !entry.record.trimmed) {
          throw new Violation('no duplicates', `${entry.name} was covered by the stores, and is not any more`)
        }
      })
      entry.wasCovered = covered
    }
  }

  #expectHeader(before: StoredKey | undefined, { key, records }: StoredKey): void {
    const { ledger } = this.#options
    const { last, finished, state, progress } = key
    if (key.records !== records.size) {
      violate(`the key ${key.key} says ${key.records} records, and has ${records.size}`)
    }
    const positions = [...records.keys()]
    if (positions.some((position) => position > last)) violate('there is a record after the last one')
    if (before !== undefined && last < before.key.last) violate('the last position has decreased')
    if ((before?.key.finished ?? '') > (finished ?? '')) violate('the finished position has decreased')
    if (finished !== undefined && finished > last) violate('more is finished than was parked')
    if (state !== 'parked' && state !== 'releasing') violate(`the state is ${String(state)}`)
    if (state === 'parked' && records.size === 0) violate('a key is parked without a record')
    const head = ledger.ofKey(key.keyHash).find(({ position }) => records.has(position))
    for (const task of progress?.done ?? []) {
      if (!head?.done.has(task)) violate(`the task ${task} of ${head?.name} is not done`)
    }
  }

  #expectContent({ key }: StoredKey, position: string, content: string): void {
    const { ledger } = this.#options
    const entry = ledger.ofKey(key.keyHash).find((one) => one.position === position)
    if (entry === undefined) throw violation(`there is no record ${position} of the key ${key.key}`)
    const { shardId, done = [], record } = JSON.parse(content) as Content
    if (shardId !== entry.record.shardId || record.dynamodb.SequenceNumber !== entry.record.sequenceNumber) {
      violate(`the content of ${entry.name} is that of another record`)
    }
    for (const task of done)
      if (!entry.done.has(task)) violate(`the task ${task} of ${entry.name} is not done`)
  }

  #guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#options.report(error)
    }
  }
}

interface Content {
  readonly shardId: string
  readonly done?: readonly string[]
  readonly record: { readonly dynamodb: { readonly SequenceNumber: string } }
}

/** Records are added in order, after those that are stored. What a failed call has added is repeated. */
function expectOrder(before: StoredKey | undefined, added: readonly string[], { key }: StoredKey): void {
  if (before === undefined && added.length === 0) violate(`the key ${key.key} was parked without a record`)
  let previous = ''
  for (const position of added) {
    if (position <= previous) violate('records are not added in order')
    previous = position
    const isRepeated = before?.records.has(position) === true
    if (before !== undefined && position <= before.key.last && !isRepeated) {
      violate(`the record ${position} was added after the last one, ${before.key.last}`)
    }
  }
  const last = [before?.key.last ?? '', ...added].sort().at(-1)
  if (key.last !== last) violate(`the last position is ${key.last} instead of ${last}`)
}

function violate(what: string): void {
  throw violation(what)
}

function violation(what: string): Violation {
  return new Violation('parking store', what)
}
