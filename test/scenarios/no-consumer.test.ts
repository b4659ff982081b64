import { describe, expect, it } from 'vitest'
import { Coordinator } from '../../src/index.ts'
import { ManualClock, StreamEmulator } from '../../src/testing/index.ts'

const CALLS: ReadonlySet<string> = new Set(['DescribeStream', 'GetShardIterator', 'GetRecords'])

describe('a Coordinator without a caller', () => {
  it.each([
    ['responses arrive at once', 0],
    ['a response takes longer than the poll interval', 50],
  ])('the service is not polled while no caller waits in next(), even when %s', async (_, latencyMs) => {
    const clock = new ManualClock()
    const emulator = new StreamEmulator({
      clock,
      shards: 4,
      latency: () => ({ requestMs: latencyMs, responseMs: latencyMs }),
    })
    const coordinator = new Coordinator({
      streamArn: emulator.streamArn,
      client: emulator.api,
      clock,
      idlePollMs: { min: 20, max: 20 },
      maxConcurrentReads: 2,
    })
    await clock.run(coordinator.moveTo('trim_horizon'))
    emulator.put({ id: 'a' })
    while (!(await clock.run(coordinator.next())));
    await clock.run(coordinator.next())
    // Calls that were due or in flight finish.
    await clock.advance(60_000)
    const before = emulator.log.length
    await clock.advance(600_000)
    const calls = emulator.log.slice(before).filter(({ op }) => CALLS.has(op))
    expect(calls.length).toBe(0)
    await coordinator.close()
  })
})
