import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type OpenStreamOptions, openStream } from '../../../src/index.ts'
import { findFailureOf, type Model } from '../check.ts'
import { anyStreamHistory, streamKinds } from './histories.ts'
import { streamModel } from './model.ts'
import { playStream } from './play.ts'
import type { StreamHistory } from './steps.ts'

/** The seed of the histories: `MODEL_SEED=7 npx vitest run test/model/stream` runs different ones. */
const SEED = Number(process.env.MODEL_SEED ?? 1)
const COUNT = 40

/** The service's log of a history, one call per line. */
async function logOf(history: StreamHistory): Promise<string> {
  return (await playStream(history)).map((entry) => JSON.stringify(entry)).join('\n')
}

/**
 * A defective stream that requests the next record before its consumer does, and so acknowledges the previous
 * one too early.
 */
const openReadingAhead = (async (options: OpenStreamOptions) => {
  const stream = await openStream(options)
  const iterate = stream[Symbol.asyncIterator].bind(stream) as () => AsyncIterableIterator<never, undefined>
  const readAhead = (): AsyncIterableIterator<never, undefined> => {
    const inner = iterate()
    let ahead = inner.next()
    ahead.catch(() => {})
    return {
      next: async () => {
        const result = await ahead
        if (!result.done) ahead = inner.next()
        ahead.catch(() => {})
        return result
      },
      return: async () => (await inner.return?.()) ?? { value: undefined, done: true },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }
  return Object.assign(stream, { [Symbol.asyncIterator]: readAhead })
}) as typeof openStream

describe('random histories of openStream', () => {
  it.each(Object.keys(streamKinds))(
    'no history of the kind "%s" violates a guarantee of openStream',
    async (kind) => {
      const failure = await findFailureOf(streamModel, { kind, seed: SEED, count: COUNT })
      expect(failure && `${failure.trace}\n\n${failure.replay}`).toBeUndefined()
    },
  )

  it('a history of openStream produces the same calls and responses when it is run alone and concurrently with others', async () => {
    const histories = fc.sample(anyStreamHistory, { seed: SEED, numRuns: 20 })
    const logs = await Promise.all(histories.map(logOf))
    for (const [index, history] of histories.entries()) expect(await logOf(history)).toBe(logs[index])
    expect(new Set(logs).size).toBe(logs.length)
  })

  it('a stream that reads one record ahead is detected, and the shrunk history is reproducible', async () => {
    const model: Model<StreamHistory> = {
      ...streamModel,
      play: (history, trace) => playStream(history, trace, openReadingAhead),
    }
    const found = await findFailureOf(model, { kind: 'steady', seed: SEED, count: 50 })
    const { seed, path = '', guarantee } = found ?? {}
    expect(found?.guarantee).toBe('exact checkpoint')
    expect(found?.replay).toBe(`npm run soak -- --model stream --seed ${seed} --kind steady --path ${path}`)
    const again = await findFailureOf(model, { kind: 'steady', seed: SEED, count: 1, path })
    expect(again).toMatchObject({ seed, path, guarantee })
  })
})
