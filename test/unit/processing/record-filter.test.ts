import { describe, expect, it } from 'vitest'
import { memoryDestination, processStream, type StreamRecord } from '../../../src/index.ts'
import { numbersOf } from '../../support/read.ts'
import { streamFixture } from '../../support/stream-fixture.ts'
import { startRun } from './run-subject.ts'

describe('the option filter', () => {
  it('an async predicate is a failed attempt with an error that says why, instead of letting every record pass', async () => {
    const { clock, emulator, start, write } = streamFixture()
    write(1)
    emulator.disable()
    const destination = memoryDestination()
    let calls = 0
    await clock.run(
      processStream(await start(), () => calls++, {
        filter: (async () => false) as never,
        retry: { maxAttempts: 2 },
        onFailure: destination,
      }),
    )
    expect(calls).toBe(0)
    expect(destination.letters[0]?.failure).toMatchObject({
      attempts: 2,
      error: { name: 'TypeError', message: expect.stringContaining('not a promise') },
    })
  })

  it.each([undefined, null, 0, 'yes'])(
    'a predicate that returns %s is a failed attempt, not a decision',
    async (answer) => {
      const { clock, emulator, start, write } = streamFixture()
      write(1)
      emulator.disable()
      const destination = memoryDestination()
      const options = { filter: (() => answer) as never, retry: { maxAttempts: 1 }, onFailure: destination }
      await clock.run(processStream(await start(), () => {}, options))
      expect(destination.letters[0]?.failure.error?.message).toBe(
        `The option filter must be a function that returns true or false, not ${typeof answer === 'string' ? '"yes"' : answer}.`,
      )
    },
  )

  it('a predicate that throws for one record delays only the key of that record', async () => {
    const { clock, emulator, start, write } = streamFixture()
    write(20)
    emulator.disable()
    const handled: number[] = []
    let throws = 3
    const summary = await clock.run(
      processStream(
        await start(),
        (record) => {
          handled.push(...numbersOf([record]))
        },
        {
          filter: (record) => {
            if (numbersOf([record])[0] === 4 && throws-- > 0) throw new Error('broken filter')
            return numbersOf([record])[0] !== 7
          },
        },
      ),
    )
    expect(handled).toHaveLength(19)
    expect(handled.at(-1)).toBe(4)
    expect(summary).toMatchObject({ handled: 19, filtered: 1, retries: 2 })
  })
})

describe('a filter that is evaluated again', () => {
  it.each(['pause', 'stop'] as const)(
    'can call %s(), after which its record is not attempted',
    async (method) => {
      let calls = 0
      const handled: string[] = []
      const { run, clock, settle, stop } = startRun(
        (record: StreamRecord) => void handled.push(record.sequenceNumber),
        {
          filter: () => {
            if (calls++ === 0) throw new Error('broken filter')
            void run[method]()
            return true
          },
        },
        (from) => from.write({}),
      )
      await settle()
      await clock.advance(60_000)
      expect(calls).toBe(2)
      expect(handled).toEqual([])
      if (method === 'pause') {
        run.resume()
        await clock.advance(1_000)
        expect(calls).toBe(3)
      }
      await stop()
      expect(handled).toEqual([])
    },
  )
})

describe('the dead letter of a record that is too old', () => {
  it('contains the error of the last attempt', async () => {
    const { clock, emulator, start, write } = streamFixture()
    write(1)
    emulator.disable()
    const destination = memoryDestination()
    await clock.run(
      processStream(
        await start(),
        () => {
          throw new RangeError('too far')
        },
        { retry: { maxRecordAgeMs: 60_000 }, onFailure: destination },
      ),
    )
    expect(destination.letters[0]).toMatchObject({
      condition: 'RecordAgeExceeded',
      failure: { error: { name: 'RangeError', message: 'too far' } },
    })
    expect(destination.letters[0]?.invocationRecord()).not.toHaveProperty('responseContext')
  })
})
