import { describe, expect, it } from 'vitest'
import {
  memoryCheckpointStore,
  processStream,
  type StreamRecord,
  type StreamToken,
} from '../../../src/index.ts'
import { numbersOf } from '../../support/read.ts'
import { streamFixture } from '../../support/stream-fixture.ts'

const numberOf = (record: StreamRecord): number => numbersOf([record])[0] as number

describe('processStream', () => {
  it('handles every record of a stream that has ended, and resolves to the summary', async () => {
    const { clock, emulator, start, write } = streamFixture()
    write(500)
    emulator.disable()
    const stream = await start()
    const seen: number[] = []
    const summary = await clock.run(
      processStream(stream, async (record) => {
        seen.push(numberOf(record))
      }),
    )
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, n) => n))
    expect(summary).toMatchObject({ records: 500, handled: 500, attempts: 500, retries: 0 })
  })

  it('handles the records of a key in order while a failing key blocks only itself', async () => {
    const { clock, emulator, start } = streamFixture()
    for (let n = 0; n < 100; n++) emulator.put({ id: `key-${n % 10}`, n })
    emulator.disable()
    const stream = await start()
    const seen: number[] = []
    const attempts: number[] = []
    const summary = await clock.run(
      processStream(stream, async (record, { attempt }) => {
        const n = numberOf(record)
        if (n === 3) attempts.push(attempt)
        if (n === 3 && attempt < 4) throw new Error('not yet')
        seen.push(n)
      }),
    )
    expect(attempts).toEqual([1, 2, 3, 4])
    for (let key = 0; key < 10; key++) {
      const ofKey = seen.filter((n) => n % 10 === key)
      expect(ofKey).toEqual([...ofKey].sort((a, b) => a - b))
      expect(ofKey).toHaveLength(10)
    }
    expect(seen.slice(-10)).toEqual([3, 13, 23, 33, 43, 53, 63, 73, 83, 93])
    expect(summary).toMatchObject({ records: 100, handled: 100, attempts: 103, retries: 3 })
  })

  it('splits a batch that throws until the failing record is alone, at no cost to the others', async () => {
    const { clock, emulator, start } = streamFixture()
    for (let n = 0; n < 16; n++) emulator.put({ id: `key-${n}`, n })
    emulator.disable()
    const stream = await start()
    const calls: number[][] = []
    const attemptsOf = new Map<number, number>()
    const letters: number[] = []
    const summary = await clock.run(
      processStream(
        stream,
        {
          async batch(records, context) {
            calls.push(numbersOf(records))
            for (const record of records) attemptsOf.set(numberOf(record), context.attemptOf(record))
            if (records.some((record) => numberOf(record) === 5)) throw new Error('poison')
          },
          batchSize: 16,
        },
        {
          retry: { maxAttempts: 3 },
          onFailure: async ({ records }) => {
            letters.push(...numbersOf(records))
          },
        },
      ),
    )
    expect(calls[0]).toHaveLength(16)
    expect(letters).toEqual([5])
    expect(attemptsOf.get(5)).toBe(3)
    for (let n = 0; n < 16; n++) if (n !== 5) expect(attemptsOf.get(n)).toBe(1)
    expect(summary).toMatchObject({ handled: 15, deadLettered: { exhausted: 1 } })
  })

  it('refuses the promise of a stream with the advice to await it', async () => {
    const opening = streamFixture().start()
    expect(() => processStream(opening as never, () => {})).toThrow(
      'Option stream is a promise, but must be a stream that openStream has returned: await openStream(…) first.',
    )
    await (await opening).close()
  })

  it('over a closed stream ends without a record, also if it is paused at once', async () => {
    const { clock, start, write } = streamFixture()
    write(1)
    const stream = await start()
    await clock.run(stream.close())
    const run = processStream(stream, () => {})
    run.pause()
    expect(await clock.run(run)).toMatchObject({ records: 0 })
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('stops at a record that is given up without a destination, and rejects with handler.failed', async () => {
    const { clock, emulator, start, write } = streamFixture()
    write(20)
    emulator.disable()
    const stream = await start()
    const run = processStream(
      stream,
      async (record) => {
        if (numberOf(record) === 7) throw new Error('broken')
      },
      { retry: { maxAttempts: 2 } },
    )
    await expect(clock.run(run)).rejects.toMatchObject({
      code: 'handler.failed',
      message: expect.stringContaining('The run stops because the option onFailure is not set'),
      details: { attempts: 2 },
      cause: { message: 'broken' },
    })
    const { shards } = stream.token
    expect(shards.flatMap(({ unsettled = [] }) => unsettled)).toMatchObject([{ attempts: 2 }])
    await clock.run(stream.close())
  })

  it('continues after a restart with what is unsettled, and with its attempts', async () => {
    const { clock, emulator, start } = streamFixture()
    for (let n = 0; n < 40; n++) emulator.put({ id: `key-${n % 4}`, n })
    const store = memoryCheckpointStore()
    const checkpoint = { store, name: 'worker' }
    const first = await start({ checkpoint })
    const seen: number[] = []
    const run = processStream(first, async (record) => {
      const n = numberOf(record)
      if (n === 2) throw new Error('not yet')
      seen.push(n)
    })
    await clock.run(async () => {
      while (seen.length < 30) await clock.advance(100)
      await run.stop()
    })
    const token = first.token as StreamToken
    await clock.run(first.close())
    const entries = token.shards.flatMap(({ unsettled = [] }) => unsettled)
    expect(entries).toHaveLength(1)
    emulator.disable()
    const second = await start({ checkpoint })
    const again: [number, number][] = []
    await clock.run(
      processStream(second, async (record, { attempt }) => {
        again.push([numberOf(record), attempt])
      }),
    )
    expect(again.map(([n]) => n)).toEqual([2, 6, 10, 14, 18, 22, 26, 30, 34, 38])
    expect(again[0]?.[1]).toBe((entries[0]?.attempts as number) + 1)
  })
})
