import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { processStream } from '../../../src/index.ts'
import { findFailureOf, type Model } from '../check.ts'
import { anyProcessingHistory, processingKinds } from './histories.ts'
import { processingModel } from './model.ts'
import { playProcessing } from './play.ts'
import type { ProcessingHistory } from './steps.ts'

/** The seed of the histories: `MODEL_SEED=7 npx vitest run test/model/processing` runs different ones. */
const SEED = Number(process.env.MODEL_SEED ?? 1)
const COUNT = 40

/** The service's log of a history, one call per line. */
async function logOf(history: ProcessingHistory): Promise<string> {
  return (await playProcessing(history)).map((entry) => JSON.stringify(entry)).join('\n')
}

/** A defective run, which does not keep the order of the records of a key. */
const processInAnyOrder = ((stream, handler, options) =>
  processStream(stream, handler, { ...options, order: 'none' })) as typeof processStream

describe('random histories of processStream', () => {
  it.each(Object.keys(processingKinds))(
    'no history of the kind "%s" violates a guarantee of processStream',
    async (kind) => {
      const failure = await findFailureOf(processingModel, { kind, seed: SEED, count: COUNT })
      expect(failure && `${failure.trace}\n\n${failure.replay}`).toBeUndefined()
    },
  )

  it('a history of processStream produces the same calls and responses when it is run alone and concurrently with others', async () => {
    const histories = fc.sample(anyProcessingHistory, { seed: SEED, numRuns: 12 })
    const logs = await Promise.all(histories.map(logOf))
    for (const [index, history] of histories.entries()) expect(await logOf(history)).toBe(logs[index])
    expect(new Set(logs).size).toBe(logs.length)
  })

  it('a run that does not keep the order of keys is detected, and the shrunk history is reproducible', async () => {
    const model: Model<ProcessingHistory> = {
      ...processingModel,
      play: (history, trace) => playProcessing(history, trace, processInAnyOrder),
    }
    const found = await findFailureOf(model, { kind: 'retries', seed: SEED, count: 50 })
    const { seed, path = '', guarantee } = found ?? {}
    expect(guarantee).toBe('key order')
    expect(found?.replay).toBe(
      `npm run soak -- --model processing --seed ${seed} --kind retries --path ${path}`,
    )
    const again = await findFailureOf(model, { kind: 'retries', seed: SEED, count: 1, path })
    expect(again).toMatchObject({ seed, path, guarantee })
  })
})
