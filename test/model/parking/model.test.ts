import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findFailureOf } from '../check.ts'
import { anyParkingHistory, parkingKinds } from './histories.ts'
import { parkingModel } from './model.ts'
import { playParking } from './play.ts'
import type { ParkingHistory } from './steps.ts'

/** The seed of the histories: `MODEL_SEED=7 npx vitest run test/model/parking` runs different ones. */
const SEED = Number(process.env.MODEL_SEED ?? 1)
const COUNT = 25

/** The service's log of a history, one call per line. */
async function logOf(history: ParkingHistory): Promise<string> {
  return (await playParking(history)).log.map((entry) => JSON.stringify(entry)).join('\n')
}

describe('random histories of parked keys', () => {
  it.each(Object.keys(parkingKinds))(
    'no history of the kind "%s" violates a guarantee of parking',
    async (kind) => {
      const failure = await findFailureOf(parkingModel, { kind, seed: SEED, count: COUNT })
      expect(failure && `${failure.trace}\n\n${failure.replay}`).toBeUndefined()
    },
  )

  it('a history of parked keys produces the same calls and responses when it is run alone and concurrently with others', async () => {
    const histories = fc.sample(anyParkingHistory, { seed: SEED, numRuns: 8 })
    const logs = await Promise.all(histories.map(logOf))
    for (const [index, history] of histories.entries()) expect(await logOf(history)).toBe(logs[index])
    expect(new Set(logs).size).toBe(logs.length)
  })
})
