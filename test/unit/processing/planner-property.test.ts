import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BatchLimits } from '../../../src/processing/batch-collector.ts'
import { type Disposition, Planner } from '../../../src/processing/planner.ts'
import type { QueuedRecord } from '../../../src/processing/queued-record.ts'
import type { Work } from '../../../src/processing/work.ts'
import { queuedRecord } from './planner-subject.ts'

interface Setup {
  readonly order: 'key' | 'shard' | 'none'
  readonly concurrency: number
  readonly maxUnsettled: number
  readonly maxUnsettledBytes: number
  readonly maxFailingKeys: number
  readonly batch: BatchLimits | undefined
}

/** Numbers from 0 to 999 that decide what happens next. */
type Choices = readonly number[]

/** Shards are delivered parents first: the records of one follow those of its parent. */
const parents: Readonly<Record<string, string>> = { 'shard-1': 'shard-0', 'shard-2': 'shard-1' }

function* ancestorsOf(shardId: string): Iterable<string> {
  for (let at = parents[shardId]; at !== undefined; at = parents[at]) yield at
}

const setups: fc.Arbitrary<Setup> = fc.record({
  order: fc.constantFrom('key', 'shard', 'none'),
  concurrency: fc.integer({ min: 1, max: 5 }),
  maxUnsettled: fc.integer({ min: 6, max: 120 }),
  maxUnsettledBytes: fc.constantFrom(1, 500, 1_000_000),
  maxFailingKeys: fc.integer({ min: 1, max: 4 }),
  batch: fc.option(
    fc.record({
      batchSize: fc.integer({ min: 1, max: 6 }),
      maxBatchingWindowMs: fc.constantFrom(0, 0, 100),
      maxBatchBytes: fc.constantFrom(undefined, 250),
    }),
    { nil: undefined },
  ),
})

/** A run without handlers: it drives a planner as the loop of a run does, and checks each of its steps. */
class DrivenPlanner {
  readonly planner: Planner<'old'>
  readonly setup: Setup
  now = 0
  settledCount = 0
  readonly #toRead: { readonly key: string; readonly shardId: string; readonly bytes: number }[]
  readonly #running = new Set<Work>()
  readonly #held = new Set<QueuedRecord>()
  readonly #settled = new Set<QueuedRecord>()
  readonly #added: QueuedRecord[] = []
  readonly #laneOf = new Map<QueuedRecord, string>()
  readonly #hasFailed = new Set<QueuedRecord>()
  readonly #old = new Set<QueuedRecord>()
  /** For each record of a failed batch, the records with which it may still share one. */
  readonly #partners = new Map<QueuedRecord, ReadonlySet<QueuedRecord>>()

  constructor(setup: Setup, toRead: DrivenPlanner['read']) {
    this.setup = setup
    this.#toRead = [...toRead]
    this.planner = new Planner<'old'>({
      ...setup,
      judge: (record) => (this.#old.has(record) ? 'old' : undefined),
      isExclusive: () => false,
      ancestorsOf,
    })
  }

  get read(): readonly { readonly key: string; readonly shardId: string; readonly bytes: number }[] {
    return this.#toRead
  }

  get isFinished(): boolean {
    return this.#toRead.length === 0 && this.planner.unsettled === 0
  }

  // ---- Steps ----------------------------------------------------------------------------------------------

  /** Reads what the planner wants, up to `max` records, and starts what can start. */
  turn(max = Number.POSITIVE_INFINITY): void {
    const { planner } = this
    for (let count = 0; planner.wantsRecord && this.#toRead.length > 0 && count < max; count++) this.#add()
    const hasMore = this.#toRead.length > 0
    const input = !planner.wantsRecord ? 'flowing' : hasMore ? 'idle' : 'over'
    planner.collectDue(this.now)
    for (;;) {
      const isAtBound = planner.isAtFailingBound
      const action = planner.next(this.now, input)
      if (action === undefined) break
      if (action.do === 'start') this.#checkStart(action.work, isAtBound)
      else {
        expect(this.#old.has(action.record)).toBe(true)
        this.#held.add(action.record)
      }
    }
    // A timer for a time that has passed would fire for ever.
    if (planner.wakeAt !== undefined) expect(planner.wakeAt).toBeGreaterThan(this.now)
    this.check()
  }

  /** Ends a running work. */
  end(choices: () => number): void {
    const works = [...this.#running]
    const work = works[choices() % works.length]
    if (work === undefined) return
    this.#running.delete(work)
    const retryAt = this.now + 1 + (choices() % 300)
    if (work.records.length > 1 && choices() < 300) this.#split(work, retryAt, choices)
    else {
      const dispositions = new Map<QueuedRecord, Disposition>()
      for (const { records } of work.parts) {
        let isBlocked = false
        for (const record of records) {
          const disposition: Disposition = isBlocked ? 'repeat' : this.#choose(choices(), retryAt)
          isBlocked ||= typeof disposition === 'object'
          if (typeof disposition === 'object') this.#hasFailed.add(record)
          dispositions.set(record, disposition)
        }
      }
      this.planner.end(work, (record) => this.#note(record, dispositions.get(record)), this.now)
    }
    this.check()
  }

  /** A dead letter is accepted. */
  release(choices: () => number): void {
    const records = [...this.#held]
    const record = records[choices() % records.length]
    if (record === undefined) return
    this.#held.delete(record)
    this.#settled.add(record)
    this.planner.release(record, this.now)
    this.check()
  }

  /** Some records become too old to be attempted. */
  age(choices: () => number): void {
    const record = this.#added[choices() % Math.max(1, this.#added.length)]
    if (record) this.#old.add(record)
  }

  /** Everything succeeds from now on, until nothing is left. */
  drain(): void {
    this.#old.clear()
    const succeed = () => 999
    for (let step = 0; !this.isFinished; step++) {
      if (step > 10_000) throw new Error('The planner makes no progress.')
      this.turn()
      if (this.#running.size > 0) this.end(succeed)
      else if (this.#held.size > 0) this.release(succeed)
      else {
        const { wakeAt } = this.planner
        if (wakeAt !== undefined) this.now = wakeAt
        else if (!this.isFinished && !this.planner.wantsRecord) throw new Error('Nothing will ever start.')
      }
    }
    expect(this.#settled.size).toBe(this.#added.length)
    expect(this.planner).toMatchObject({ bytes: 0, running: 0, failing: 0, held: 0, lanes: 0 })
    expect(this.planner.wakeAt).toBeUndefined()
  }

  #choose(choice: number, retryAt: number): Disposition {
    if (choice < 200) return { retryAt }
    return choice < 350 ? 'givenUp' : 'settled'
  }

  #note(record: QueuedRecord, disposition: Disposition | undefined): Disposition {
    if (disposition === undefined) throw new Error('The planner asks about a record that did not run.')
    if (disposition === 'settled') {
      expect(this.#settled.has(record)).toBe(false)
      this.#settled.add(record)
    } else if (disposition === 'givenUp') this.#held.add(record)
    return disposition
  }

  #split(work: Work, retryAt: number, choices: () => number): void {
    const members = new Set<QueuedRecord>()
    const dispositions = new Map<QueuedRecord, Disposition>()
    for (const { records } of work.parts) {
      let isBlocked = false
      for (const record of records) {
        isBlocked ||= choices() >= 100
        dispositions.set(record, isBlocked ? 'repeat' : 'givenUp')
        if (isBlocked) members.add(record)
      }
    }
    for (const record of members) this.#partners.set(record, members)
    const before = work.records.length
    this.planner.split(work, (record) => this.#note(record, dispositions.get(record)), retryAt, this.now)
    this.#splitSizes.set(members, before)
  }

  readonly #splitSizes = new Map<ReadonlySet<QueuedRecord>, number>()

  #add(): void {
    const read = this.#toRead.shift()
    if (read === undefined) return
    const record = queuedRecord(this.#added.length, read)
    const { order } = this.setup
    const laneKey = order === 'key' ? record.record.itemKey : order === 'shard' ? record.shardId : undefined
    this.#added.push(record)
    this.#laneOf.set(record, laneKey ?? `record ${record.ordinal}`)
    this.planner.add(record, laneKey, this.now)
  }

  // ---- Checks ---------------------------------------------------------------------------------------------

  /** The unsettled records of a lane that are not waiting for a dead letter, in order. */
  #queueOf(lane: string): QueuedRecord[] {
    return this.#added.filter(
      (record) => this.#laneOf.get(record) === lane && !this.#settled.has(record) && !this.#held.has(record),
    )
  }

  #checkStart(work: Work, isAtBound: boolean): void {
    const { batch, order } = this.setup
    const { records, parts } = work
    expect(records.length).toBeGreaterThan(0)
    expect(records.length).toBeLessThanOrEqual(batch?.batchSize ?? 1)
    const bytes = records.reduce((sum, record) => sum + record.bytes, 0)
    if (records.length > 1)
      expect(bytes).toBeLessThanOrEqual(batch?.maxBatchBytes ?? Number.POSITIVE_INFINITY)
    expect(new Set(records.map(({ shardId }) => shardId)).size).toBe(1)
    expect(records.map(({ ordinal }) => ordinal)).toEqual(
      records.map(({ ordinal }) => ordinal).sort((a, b) => a - b),
    )
    expect(parts.flatMap((part) => part.records).sort((a, b) => a.ordinal - b.ordinal)).toEqual(records)
    for (const { records: ofLane } of parts) {
      const lane = this.#laneOf.get(ofLane[0] as QueuedRecord) as string
      // The first records of the lane, and no other attempt of the lane is running.
      expect(this.#queueOf(lane).slice(0, ofLane.length)).toEqual(ofLane)
      for (const other of this.#running)
        for (const { records } of other.parts) {
          expect(this.#laneOf.get(records[0] as QueuedRecord)).not.toBe(lane)
        }
      // Nothing overtakes a record that waits for its dead letter.
      const isHeld = (record: QueuedRecord) => this.#laneOf.get(record) === lane
      expect([...this.#held].filter(isHeld)).toEqual([])
    }
    const partners = records.map((record) => this.#partners.get(record)).filter((set) => set !== undefined)
    for (const set of partners) for (const record of records) expect(set.has(record)).toBe(true)
    for (const set of partners) expect(records.length).toBeLessThan(this.#splitSizes.get(set) as number)
    if (order === 'shard') {
      const ancestors = [...ancestorsOf((records[0] as QueuedRecord).shardId)]
      const isBlocking = (record: QueuedRecord) =>
        ancestors.includes(record.shardId) && !this.#settled.has(record)
      expect(this.#added.filter(isBlocking)).toEqual([])
    }
    const isFresh = records.every((record) => !this.#hasFailed.has(record) && !this.#partners.has(record))
    if (isAtBound) expect(isFresh).toBe(false)
    this.#running.add(work)
  }

  check(): void {
    const { planner, setup } = this
    expect(planner.running).toBe(this.#running.size)
    expect(planner.running).toBeLessThanOrEqual(setup.concurrency)
    const unsettled = this.#added.filter((record) => !this.#settled.has(record))
    expect([...planner.records].sort((a, b) => a.ordinal - b.ordinal)).toEqual(unsettled)
    expect(planner.bytes).toBe(unsettled.reduce((sum, { bytes }) => sum + bytes, 0))
    expect(planner.held).toBe(this.#held.size)
    expect(planner.unsettled).toBeLessThanOrEqual(setup.maxUnsettled)
    const sizes = unsettled.slice(0, -1).reduce((sum, { bytes }) => sum + bytes, 0)
    if (unsettled.length > 1) expect(sizes).toBeLessThan(Math.max(setup.maxUnsettledBytes, 1_000))
  }
}

const reads = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'a', 'a', 'b', 'c', 'd', 'e', 'f'),
    lineage: fc.constantFrom(0, 0, 0, 1, 2),
    bytes: fc.constantFrom(10, 100, 200, 400),
  }),
  { maxLength: 120 },
)

describe('Planner', () => {
  it('settles every record exactly once, in order, within the bounds, whatever happens to its attempts', () => {
    fc.assert(
      fc.property(
        setups,
        reads,
        fc.array(fc.integer({ min: 0, max: 999 }), { maxLength: 300 }),
        (setup, records, numbers: Choices) => {
          // The records of a parent are delivered before those of its child.
          const inOrder = [...records].sort((a, b) => a.lineage - b.lineage)
          const driven = new DrivenPlanner(
            setup,
            inOrder.map(({ key, lineage, bytes }) => ({ key, bytes, shardId: `shard-${lineage}` })),
          )
          let next = 0
          const choices = () => numbers[next++] ?? 999
          while (next < numbers.length) {
            const choice = choices() % 10
            if (choice < 3) driven.turn(choices() % 20)
            else if (choice < 7) driven.end(choices)
            else if (choice === 7) driven.release(choices)
            else if (choice === 8) driven.age(choices)
            else driven.now += choices() % 200
          }
          driven.drain()
        },
      ),
      { numRuns: 1_500, seed: 11 },
    )
  })
})
