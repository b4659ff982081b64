import { describe, expect, it } from 'vitest'
import type { DeadLetter } from '../../../src/destinations/destination.ts'
import { startRun } from './run-subject.ts'

interface Numbered {
  readonly sequenceNumber: string
}

interface Batch {
  attemptOf(record: Numbered): number
  reject(record: Numbered, reason: string): void
}

const numbersOf = (records: readonly Numbered[]) =>
  records.map(({ sequenceNumber }) => Number(sequenceNumber))
const named = (...numbers: number[]) => ({
  batchItemFailures: numbers.map((number) => ({ itemIdentifier: String(number) })),
})

describe('a run with a batch handler', () => {
  it("with order 'shard', runs again from the lowest named record on, as Lambda does", async () => {
    const calls: number[][] = []
    const { clock, settle, stop } = startRun(
      {
        batch: (records: readonly Numbered[]) => {
          calls.push(numbersOf(records))
          return calls.length === 1 ? named(4, 2) : undefined
        },
      },
      { order: 'shard' },
      (from) => from.write({}, {}, {}, {}, {}),
    )
    await settle()
    await clock.advance(1_000)
    expect(calls).toEqual([
      [1, 2, 3, 4, 5],
      [2, 3, 4, 5],
    ])
    expect(await stop()).toMatchObject({ handled: 5, batches: 2 })
  })

  it("with order 'key', runs again what follows the named record of the same key, and nothing else", async () => {
    const calls: number[][] = []
    const { clock, settle, stop } = startRun(
      {
        batch: (records: readonly Numbered[]) => {
          calls.push(numbersOf(records))
          return calls.length === 1 ? named(2) : undefined
        },
      },
      {},
      (from) => from.write({ key: 'a' }, { key: 'b' }, { key: 'a' }, { key: 'b' }, { key: 'c' }),
    )
    await settle()
    await clock.advance(1_000)
    expect(calls).toEqual([
      [1, 2, 3, 4, 5],
      [2, 4],
    ])
    expect(await stop()).toMatchObject({ handled: 5 })
  })

  it('without an order, runs exactly the named records again', async () => {
    const calls: number[][] = []
    const { clock, settle, stop } = startRun(
      {
        batch: (records: readonly Numbered[]) => {
          calls.push(numbersOf(records))
          return calls.length === 1 ? named(2, 4) : undefined
        },
      },
      { order: 'none', retry: { delayMs: () => 500 } },
      (from) => from.write(...['a', 'a', 'a', 'a'].map((key) => ({ key }))),
    )
    await settle()
    await clock.advance(500)
    expect(calls).toEqual([
      [1, 2, 3, 4],
      [2, 4],
    ])
    expect(await stop()).toMatchObject({ handled: 4, attempts: 6, retries: 2 })
  })

  it.each([
    ['throws', () => Promise.reject(new Error('broken'))],
    ['returns a list that is not an array', () => ({ batchItemFailures: 'all' })],
    ['names a record that is not in the batch', () => named(99)],
    ['names an empty identifier', () => ({ batchItemFailures: [{ itemIdentifier: '' }] })],
    ['names null', () => ({ batchItemFailures: [null] })],
  ])('a batch that %s costs none of its records an attempt until they run alone', async (_, respond) => {
    const attempts = new Map<number, number[]>()
    const { clock, settle, stop, source } = startRun(
      {
        batch: (records: readonly Numbered[], { attemptOf }: Batch) => {
          for (const record of records) {
            const number = Number(record.sequenceNumber)
            attempts.set(number, [...(attempts.get(number) ?? []), attemptOf(record)])
          }
          return records.length > 1 ? respond() : undefined
        },
      },
      {},
      (from) => from.write({}, {}, {}, {}),
    )
    await settle()
    await source.save()
    for (const saved of source.saved.values()) expect(saved).toBeUndefined()
    await clock.advance(60_000)
    expect([...attempts.values()]).toEqual([
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
    ])
    expect(await stop()).toMatchObject({ handled: 4, attempts: 12, retries: 8 })
  })

  it('a batch in which every record fails always ends with a letter for each record', async () => {
    const letters: number[] = []
    const { clock, settle, stop } = startRun(
      {
        batch: () => {
          throw new Error('bug')
        },
      },
      {
        retry: { maxAttempts: 3 },
        onFailure: async ({ records, failure }: DeadLetter) => {
          expect(failure.attempts).toBe(3)
          letters.push(...numbersOf(records))
        },
      },
      (from) => from.write({ key: 'a' }, { key: 'a' }, { key: 'b' }, { key: 'c' }, { key: 'c' }),
    )
    await settle()
    await clock.advance(600_000)
    expect(letters.sort()).toEqual([1, 2, 3, 4, 5])
    expect(await stop()).toMatchObject({ deadLettered: { exhausted: 5 }, handled: 0 })
  })

  it('counts attempts per record: partial progress does not reset them', async () => {
    const attempts: number[] = []
    const letters: number[] = []
    const { clock, settle, stop } = startRun(
      {
        batch: (records: readonly Numbered[], { attemptOf }: Batch) => {
          const failing = records.find(({ sequenceNumber }) => sequenceNumber === '2')
          if (failing === undefined) return undefined
          attempts.push(attemptOf(failing))
          return named(2)
        },
      },
      {
        order: 'shard',
        retry: { maxAttempts: 3 },
        onFailure: async ({ records, invocationRecord }: DeadLetter) => {
          letters.push(...numbersOf(records))
          expect(invocationRecord()).toMatchObject({ responseContext: { functionError: null } })
        },
      },
      (from) => from.write({}, {}, {}),
    )
    await settle()
    await clock.advance(60_000)
    expect(attempts).toEqual([1, 2, 3])
    expect(letters).toEqual([2])
    expect(await stop()).toMatchObject({ handled: 2, deadLettered: { exhausted: 1 } })
  })

  it('rejects exactly the records that the handler rejects, whatever becomes of the others', async () => {
    const calls: number[][] = []
    const letters: number[] = []
    const { clock, settle, stop } = startRun(
      {
        batch: (records: readonly Numbered[], context: Batch) => {
          calls.push(numbersOf(records))
          const bad = records.find(({ sequenceNumber }) => sequenceNumber === '1')
          if (bad) context.reject(bad, 'wrong')
          if (calls.length === 1) throw new Error('and broken')
        },
      },
      { onFailure: async ({ records }: DeadLetter) => void letters.push(...numbersOf(records)) },
      (from) => from.write({ key: 'a' }, { key: 'a' }, { key: 'b' }),
    )
    await settle()
    await clock.advance(10_000)
    expect(letters).toEqual([1])
    expect(calls[0]).toEqual([1, 2, 3])
    expect(calls.slice(1).sort()).toEqual([[2], [3]])
    expect(await stop()).toMatchObject({ handled: 2, deadLettered: { rejected: 1 } })
  })

  it('a shutdown during a batch gives back the attempts of all its records', async () => {
    const { clock, settle, run, source } = startRun(
      {
        batch: (_: unknown, { signal }: { signal: AbortSignal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      },
      {},
      (from) => from.write({}, {}, { resumed: { attempts: 2, since: 1 } }),
    )
    await settle()
    await source.save()
    expect(source.saved.get('1')).toMatchObject({ isRunning: true })
    void run.stop()
    await clock.run(run.result)
    expect(source.saved.get('1')).toBeUndefined()
    expect(source.saved.get('3')).toMatchObject({ attempts: 2, isRunning: false })
  })

  it('closes a batch when reading waits, so that a long window and a small bound are no deadlock', async () => {
    const calls: number[] = []
    const { settle, stop } = startRun(
      {
        batch: (records: unknown[]) => void calls.push(records.length),
        batchSize: 100,
        maxBatchingWindowMs: 300_000,
      },
      { maxUnsettledBytes: 1_000 },
      (from) => from.write(...Array.from({ length: 50 }, () => ({ bytes: 100 }))),
    )
    await settle()
    await settle()
    expect(calls).toEqual([10, 10, 10, 10, 10])
    expect(await stop()).toMatchObject({ handled: 50 })
  })
})
