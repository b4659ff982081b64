import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Delivery, RecordProgress, ShardLedger } from '../../../src/shards/shard-ledger.ts'
import {
  asStreamRecord,
  load,
  recordsOf,
  type SavedShard,
  save,
  type TestRecord,
} from './settlement-model.ts'

type Order = 'key' | 'none' | 'shard' | 'untracked'

type Step =
  | { readonly do: 'deliver' }
  | { readonly do: 'attempt' | 'settle' | 'filter'; readonly which: number }
  | { readonly do: 'save' }
  | { readonly do: 'restart'; readonly order: Order }

const order = fc.constantFrom<Order>('key', 'key', 'none', 'none', 'shard', 'untracked')
const which = fc.nat(20)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('deliver' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('attempt' as const), which }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('settle' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('filter' as const), which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('save' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restart' as const), order }) },
)

/** What the oracle knows about a record at one moment. */
interface Known {
  readonly processed: ReadonlySet<string>
  readonly filtered: ReadonlySet<string>
  readonly attempts: ReadonlyMap<string, number>
}

/**
 * A worker of one shard and a naive oracle, which simply remembers every record. The worker settles in the
 * order of its run: any record, the first of a key, or the first of the shard.
 */
class Worker {
  readonly #records: readonly TestRecord[]
  #order: Order
  #ledger: ShardLedger
  #next = 0
  #start: string | undefined
  #deliveries = new Map<string, { delivery: Delivery; record: TestRecord }>()
  #processed = new Set<string>()
  #filtered = new Set<string>()
  #attempts = new Map<string, number>()
  #saved: { token: SavedShard; known: Known }

  constructor(records: readonly TestRecord[], order: Order) {
    this.#records = records
    this.#order = order
    this.#ledger = load({ after: undefined })
    this.#saved = this.#save()
  }

  perform(step: Step): void {
    if (step.do === 'deliver') this.#deliver()
    else if (step.do === 'save') this.#saved = this.#save()
    else if (step.do === 'restart') this.#restart(step.order)
    else {
      const ready = this.#ready()
      const chosen = ready[step.which % ready.length]
      if (!chosen) return
      const { sequenceNumber } = chosen.record
      if (step.do === 'attempt') {
        if (this.#order !== 'untracked') {
          this.#attempts.set(sequenceNumber, (this.#attempts.get(sequenceNumber) ?? 0) + 1)
        }
        return
      }
      expect(chosen.delivery.settle(step.do === 'filter' ? 'filtered' : 'processed')).toBe(true)
      expect(chosen.delivery.settle()).toBe(false)
      this.#deliveries.delete(sequenceNumber)
      this.#attempts.delete(sequenceNumber)
      if (step.do === 'settle') this.#processed.add(sequenceNumber)
      else this.#filtered.add(sequenceNumber)
    }
    this.#check()
  }

  /** Restarts from the last token, and processes everything. */
  finish(order: Order): void {
    this.#saved = this.#save()
    this.#restart(order)
    while (this.#next < this.#records.length) this.#deliver()
    for (let ready = this.#ready(); ready.length > 0; ready = this.#ready()) {
      for (const { delivery, record } of ready) {
        delivery.settle()
        this.#deliveries.delete(record.sequenceNumber)
        this.#processed.add(record.sequenceNumber)
      }
    }
    this.#ledger.finish()
    expect(this.#ledger.lostUnsettled).toBe(0)
    expect(this.#ledger.hasUnsettled).toBe(false)
    expect(save(this.#ledger, this.#start)).toEqual({ after: this.#records.at(-1)?.sequenceNumber })
  }

  #deliver(): void {
    const record = this.#records[this.#next++]
    if (!record) return
    const { sequenceNumber } = record
    const delivery = this.#ledger.deliverUnlessSettled(asStreamRecord(record), sequenceNumber)
    if (!delivery) {
      expect(this.#isSettled(sequenceNumber)).toBe(true)
      return
    }
    expect(this.#processed.has(sequenceNumber)).toBe(false)
    const attempts = this.#attempts.get(sequenceNumber)
    expect(delivery.resumed?.attempts).toBe(attempts)
    expect(delivery.resumed?.isRunning).toBe(attempts === undefined ? undefined : attempts % 2 === 1)
    this.#deliveries.set(sequenceNumber, { delivery, record })
    if (this.#order !== 'untracked') {
      delivery.track({
        itemKey: this.#order === 'key' ? record.itemKey : undefined,
        progress: () => this.#progress(sequenceNumber),
      })
    }
  }

  #progress(sequenceNumber: string): RecordProgress | undefined {
    const attempts = this.#attempts.get(sequenceNumber)
    if (attempts === undefined) return undefined
    return { attempts, since: 5, isRunning: attempts % 2 === 1, finishedTasks: [], error: undefined }
  }

  /** The records that may be settled next. */
  #ready(): { delivery: Delivery; record: TestRecord }[] {
    const open = [...this.#deliveries.values()]
    if (this.#order === 'none') return open
    if (this.#order !== 'key') return open.slice(0, 1)
    const keys = new Set<string>()
    return open.filter(({ record }) => !keys.has(record.itemKey) && keys.add(record.itemKey))
  }

  #isSettled(sequenceNumber: string): boolean {
    return this.#processed.has(sequenceNumber) || this.#filtered.has(sequenceNumber)
  }

  #save(): { token: SavedShard; known: Known } {
    return {
      token: save(this.#ledger, this.#start),
      known: {
        processed: new Set(this.#processed),
        filtered: new Set(this.#filtered),
        attempts: new Map(this.#attempts),
      },
    }
  }

  /** Kills the worker, and starts another one from the last token. */
  #restart(order: Order): void {
    const { token, known } = this.#saved
    this.#order = order
    this.#ledger = load(token)
    this.#start = token.after
    this.#next = this.#records.findIndex(
      ({ sequenceNumber }) => Number(sequenceNumber) > Number(token.after ?? 0),
    )
    if (this.#next === -1) this.#next = this.#records.length
    this.#deliveries.clear()
    this.#processed = new Set(known.processed)
    this.#filtered = new Set(known.filtered)
    this.#attempts = new Map(known.attempts)
    expect(save(this.#ledger, this.#start)).toEqual(token)
  }

  #check(): void {
    const { after } = save(this.#ledger, this.#start)
    const oldest = [...this.#deliveries.keys()][0]
    if (oldest !== undefined) expect(Number(after ?? 0)).toBeLessThan(Number(oldest))
    expect(this.#ledger.oldestUnsettled?.sequenceNumber).toBe(oldest)
  }
}

it('after any sequence of deliveries, settlements, saves and crashes a settled record is never delivered again, every other one is, and attempts are kept', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'a', 'b', 'c'), { minLength: 1, maxLength: 12, size: 'max' }),
      order,
      fc.array(step, { maxLength: 80, size: 'max' }),
      order,
      (keys, firstOrder, steps, lastOrder) => {
        const worker = new Worker(recordsOf(keys), firstOrder)
        for (const step of steps) worker.perform(step)
        worker.finish(lastOrder)
      },
    ),
    { numRuns: 3_000, seed: Number(process.env.FUZZ_SEED ?? 1) },
  )
})
