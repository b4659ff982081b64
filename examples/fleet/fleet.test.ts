import { expect, test } from 'vitest'
import { startNatsServer, whyNotNats } from '../../test/support/nats-server.ts'
import { type StartedEngine, startNats, startSqs } from './engines.ts'
import { runFleet } from './run-fleet.ts'

async function killOneOfFour({ engine, stop }: StartedEngine): Promise<void> {
  try {
    const { handledBy, lost, outOfOrder, repeated } = await runFleet({
      engine,
      workers: 4,
      records: 200,
      kill: true,
    })
    expect({ lost, outOfOrder }).toEqual({ lost: 0, outOfOrder: 0 })
    // At most a batch of the killed worker is handled again.
    expect(repeated).toBeLessThanOrEqual(10)
    expect(handledBy.reduce((sum, count) => sum + count, 0)).toBe(200 + repeated)
    expect(Math.min(...handledBy)).toBeGreaterThan(0)
  } finally {
    await stop()
  }
}

test('with SQS, the changes of a killed worker are handled by the others, and each order stays in order', async () => {
  await killOneOfFour(await startSqs())
})

test.skipIf(whyNotNats() !== undefined)(
  'with JetStream, the changes of a killed worker are handled by the others, and each order stays in order',
  async () => {
    await using server = await startNatsServer()
    await killOneOfFour(await startNats(server.url))
  },
)
