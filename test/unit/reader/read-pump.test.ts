import { expect, it } from 'vitest'
import type { Clock } from '../../../src/core/clock.ts'
import type { StreamsApi } from '../../../src/streams-api/streams-api.ts'
import { type EmulatedTable, emulatedTable } from '../../support/emulated-table.ts'
import { drain, numbersOf } from '../../support/read.ts'

/** The emulator's API with GetRecords calls of 100 ms, and how many of them were in flight at most. */
function countReads({ emulator }: EmulatedTable) {
  let inFlight = 0
  const reads = { maxInFlight: 0, limits: [] as number[] }
  const api: StreamsApi = {
    ...emulator.api,
    listShards: (...call) => emulator.api.listShards(...call),
    openIterator: (...call) => emulator.api.openIterator(...call),
    readRecords: async (...call) => {
      reads.maxInFlight = Math.max(reads.maxInFlight, ++inFlight)
      reads.limits.push(call[0].limit)
      return await emulator.api.readRecords(...call).finally(() => inFlight--)
    },
  }
  emulator.on('GetRecords', { times: Number.POSITIVE_INFINITY }, { delayMs: 100 })
  return { api, reads }
}

it('up to maxConcurrentReads shards are read concurrently', async () => {
  const world = emulatedTable({ shards: 10 })
  const { clock, open, write } = world
  const written = write(50)
  const { api, reads } = countReads(world)
  const coordinator = open({ client: api, maxConcurrentReads: 3 })
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(numbersOf(await drain(coordinator, clock)).sort((a, b) => a - b)).toEqual(written)
  expect(reads.maxInFlight).toBe(3)
})

it('a heartbeat renews an iterator with a read of a single record', async () => {
  const world = emulatedTable()
  const { clock, open } = world
  const { api, reads } = countReads(world)
  const coordinator = open({ client: api })
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  await clock.advance(11 * 60_000)
  reads.limits.length = 0
  await clock.run(coordinator.heartbeat())
  expect(reads.limits).toEqual([1])
})

it("the service's time is taken from GetRecords responses if DescribeStream responses do not contain it", async () => {
  const { clock, emulator, open, write } = emulatedTable()
  write(2)
  const api: StreamsApi = {
    openIterator: (...call) => emulator.api.openIterator(...call),
    listShards: async (...call) => ({ ...(await emulator.api.listShards(...call)), serviceTime: undefined }),
    readRecords: async (...call) => ({
      ...(await emulator.api.readRecords(...call)),
      serviceTime: Math.floor(clock.now() / 1_000) * 1_000,
    }),
  }
  const fiveHoursAhead: Clock = {
    now: () => clock.now() + 5 * 3_600_000,
    monotonic: () => clock.monotonic(),
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
  }
  const coordinator = open({ client: api, clock: fiveHoursAhead })
  await clock.run(coordinator.moveTo('trim_horizon'))
  await clock.run(coordinator.next())
  expect(coordinator.lag().millisBehindLatest).toBeLessThan(5_000)
})
