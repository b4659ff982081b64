import { describe, expect, it } from 'vitest'
import { manualHandler, startRun } from './run-subject.ts'

const numberOf = ({ sequenceNumber }: { sequenceNumber: string }) => Number(sequenceNumber)

describe('the filters of a run', () => {
  it('drop records when they are delivered, without an attempt, also behind a blocked key', async () => {
    const handler = manualHandler()
    const { settle, stop, source } = startRun(
      handler,
      { filter: (record: { sequenceNumber: string }) => numberOf(record) % 2 === 1 },
      (from) => from.write(...['a', 'a', 'a', 'a'].map((key) => ({ key }))),
    )
    await settle()
    expect(handler.calls).toEqual([1])
    expect(source.delivered.map(({ isSettled }) => isSettled)).toEqual([false, true, false, true])
    handler.resolve(1)
    await settle()
    handler.resolve(3)
    expect(await stop()).toMatchObject({ records: 4, handled: 2, filtered: 2, attempts: 2 })
  })

  it('drop any number of records without waiting for a handler', async () => {
    const { settle, stop, source } = startRun(
      () => {},
      { filter: () => false, maxUnsettled: 1 },
      (from) => from.write(...Array.from({ length: 2_000 }, () => ({}))),
    )
    for (let turn = 0; turn < 30; turn++) await settle()
    expect(source.taken).toBe(2_000)
    expect(await stop()).toMatchObject({ filtered: 2_000, attempts: 0 })
  })

  it('a predicate applies only to the records that match the patterns', async () => {
    const asked: number[] = []
    const { settle, stop } = startRun(
      () => {},
      {
        filters: { dynamodb: { Keys: { id: { S: ['a'] } } } },
        filter: (record: { sequenceNumber: string }) => {
          asked.push(numberOf(record))
          return true
        },
      },
      (from) => from.write({ key: 'a' }, { key: 'b' }),
    )
    await settle()
    expect(asked).toEqual([1])
    expect(await stop()).toMatchObject({ handled: 1, filtered: 1 })
  })

  it('a predicate that throws counts as a failed attempt of that record only, and is called again', async () => {
    let failures = 3
    const handled: number[] = []
    const { clock, settle, stop, eventsNamed } = startRun(
      (record: { sequenceNumber: string }) => void handled.push(numberOf(record)),
      {
        filter: (record: { sequenceNumber: string }) => {
          if (numberOf(record) === 2 && failures-- > 0) throw new Error('no such attribute')
          return true
        },
      },
      (from) => from.write({ key: 'a' }, { key: 'a' }, { key: 'a' }, { key: 'b' }),
    )
    await settle()
    expect(handled.sort()).toEqual([1, 4])
    await clock.advance(60_000)
    expect(handled).toEqual([1, 4, 2, 3])
    expect(eventsNamed('attemptFailed')).toMatchObject([
      { attempt: 1, error: { message: 'no such attribute' } },
      { attempt: 2 },
    ])
    expect(await stop()).toMatchObject({ handled: 4, filtered: 0 })
  })

  it('a record whose predicate always throws is given up like any other', async () => {
    const letters: unknown[] = []
    const { clock, settle, stop } = startRun(
      () => {},
      {
        filter: () => {
          throw new Error('bug')
        },
        retry: { maxAttempts: 3 },
        onFailure: async (letter: unknown) => void letters.push(letter),
      },
      (from) => from.write({}),
    )
    await settle()
    await clock.advance(60_000)
    expect(letters).toMatchObject([
      { condition: 'RetryAttemptsExhausted', failure: { attempts: 3, error: { message: 'bug' } } },
    ])
    expect(await stop()).toMatchObject({ handled: 0, deadLettered: { exhausted: 1 } })
  })

  it('a predicate that throws and then excludes the record settles it as filtered', async () => {
    let calls = 0
    const handler = manualHandler()
    const { settle, stop, source } = startRun(
      { batch: handler, batchSize: 10 },
      {
        filter: () => {
          if (++calls === 1) throw new Error('once')
          return false
        },
      },
      (from) => from.write({}),
    )
    await settle()
    expect(handler.calls).toEqual([])
    expect(source.delivered[0]?.isSettled).toBe(true)
    expect(await stop()).toMatchObject({ filtered: 1, attempts: 0, batches: 0 })
  })

  it('a record that a predicate excludes after it has failed leaves the checkpoint, and counts as progress', async () => {
    let failures = 2
    const filter = () => {
      if (failures-- > 0) throw new Error('not ready')
      return false
    }
    const { clock, settle, stop, source, run } = startRun(
      () => {},
      { filter },
      (from) => from.write({}),
    )
    await settle()
    await source.save()
    expect(source.saved.get('1')).toMatchObject({ attempts: 1 })
    await clock.advance(60_000)
    await source.save()
    expect(source.saved.get('1')).toBe('settled')
    expect(run.health().lastProgressAt).toBeDefined()
    expect(await stop()).toMatchObject({ filtered: 1 })
  })
})
