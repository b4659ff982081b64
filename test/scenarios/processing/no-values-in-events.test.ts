import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  type DeadLetter,
  type PlainItem,
  processStream,
  type StandardSchema,
  type StreamRecord,
} from '../../../src/index.ts'
import { processingEventNames } from '../../../src/processing/events.ts'
import { numberOf, workerFixture } from './worker.ts'

const CANARY = 'canary-4711'

/** A schema whose messages contain the value, as those of several libraries do. */
const schema: StandardSchema<unknown, PlainItem> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value: unknown) =>
      (value as { n: number }).n === 2
        ? { issues: [{ message: `Expected a number, received ${JSON.stringify(value)}.` }] }
        : { value: value as PlainItem },
  },
}

describe('the values of an item', () => {
  it('appear in dead letters only: not in events, tokens, counters, health or errors of the library', async () => {
    const { clock, put, start, store } = workerFixture()
    for (let n = 0; n < 6; n++) put(`${CANARY}-key-${n}`, { secret: CANARY })
    const stream = await start({ checkpoint: { store, name: 'worker', everyMs: 1_000 } })
    const seen: unknown[] = []
    const letters: DeadLetter[] = []
    let isDown = true
    const run = processStream(
      stream,
      async (record: StreamRecord, { reject, signal }) => {
        switch (numberOf(record)) {
          case 0:
            throw new Error('broken')
          case 1:
            return reject(`not valid: ${record.newImage?.secret}`)
          case 3:
            return await new Promise((_resolve, fail) =>
              signal.addEventListener('abort', () => fail(signal.reason)),
            )
          default:
            return undefined
        }
      },
      {
        schema: { newImage: schema },
        retry: { maxAttempts: 3, maxDelayMs: 1_000 },
        handlerTimeoutMs: 1_000,
        stallAfterMs: 500,
        onFailure: async (letter) => {
          if (isDown) throw new Error('down')
          letters.push(letter)
        },
      },
    )
    for (const name of processingEventNames) run.on(name, (event) => seen.push([name, event]))
    await clock.advance(10_000)
    seen.push(run.health(), stream.token, await store.load('worker'))
    isDown = false
    await clock.advance(120_000)
    seen.push(run.health(), stream.token, await store.load('worker'))
    seen.push(await clock.run(run.stop()))
    await clock.run(stream.close())
    const names = new Set(seen.flatMap((entry) => (Array.isArray(entry) ? [entry[0]] : [])))
    for (const name of ['attemptFailed', 'deadLettered', 'destinationRetry', 'stalled', 'unstalled']) {
      expect(names).toContain(name)
    }
    expect(inspect(seen, { depth: 20, maxStringLength: null, maxArrayLength: null })).not.toContain(CANARY)
    expect(letters.map(({ condition }) => condition).sort()).toEqual([
      'Invalid',
      'Rejected',
      'RetryAttemptsExhausted',
      'RetryAttemptsExhausted',
    ])
    expect(JSON.stringify(letters.map((letter) => letter.invocationRecord()))).toContain(CANARY)
  })

  it('do not appear in the error that ends the run at a record that does not match its schema', async () => {
    const { clock, put, start } = workerFixture()
    for (let n = 0; n < 3; n++) put(`${CANARY}-key-${n}`, { secret: CANARY })
    const stream = await start()
    const run = processStream(stream, () => {}, { schema: { newImage: schema } })
    const error: unknown = await clock.run(run.catch((thrown: unknown) => thrown))
    expect(error).toMatchObject({ code: 'handler.failed' })
    expect(inspect(error, { depth: 20 })).not.toContain(CANARY)
    await clock.run(stream.close())
  })
})
