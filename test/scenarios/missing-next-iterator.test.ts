import { expect, it } from 'vitest'
import { seededRandom } from '../../src/testing/emulator/state/random.ts'
import { collectEvents, emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'

it('an endpoint that omits NextShardIterator on open shards costs a few listings per minute and delays no record', async () => {
  const { clock, emulator, open, write } = emulatedTable({ behavior: { openShardNextIterator: 'absent' } })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const [written, delivered]: [number[], number[]] = [[], []]
  for (let round = 0; round < 40; round++) {
    written.push(...write(1))
    await clock.advance(14_000)
    delivered.push(...numbersOf(await drain(coordinator, clock)))
    expect(delivered).toEqual(written)
  }
  const listings = emulator.log.filter(({ op }) => op === 'DescribeStream').length
  expect(listings).toBeLessThan(100)
})

it('a shard that expires unread is reported as a gap on an endpoint that omits NextShardIterator on open shards', async () => {
  const { clock, emulator, open, write } = emulatedTable({
    shards: 2,
    behavior: { openShardNextIterator: 'absent' },
  })
  const [a] = emulator.openShards.map(({ shardId }) => shardId) as [string]
  const coordinator = open({ onGap: 'continue' })
  const gaps = collectEvents(coordinator, 'gap')
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(await drain(coordinator, clock)).toEqual([])
  // Polling stops a few seconds after the last call of next().
  await clock.advance(10_000)
  write(2, a)
  emulator.closeShard(a)
  await clock.advance(29 * 3_600_000)
  expect(await drain(coordinator, clock)).toEqual([])
  expect(gaps).toMatchObject([{ shardId: a, reason: 'shard-vanished' }])
})

it('records written during an hour without a caller are delivered although an end-of-shard check was pending', async () => {
  for (let seed = 0; seed < 30; seed++) {
    const random = seededRandom(seed, 'latency')
    const latency = () => ({ requestMs: Math.round(random() * 300), responseMs: Math.round(random() * 300) })
    const behavior = { openShardNextIterator: 'absent', shardsPerPage: 2 } as const
    const { clock, emulator, open, write } = emulatedTable({ shards: 5, behavior, latency })
    const coordinator = open()
    await clock.run(coordinator.moveTo('latest'))
    expect(await drain(coordinator, clock)).toEqual([])
    // An end-of-shard check that starts during a listing waits for the next one, which needs a caller to run.
    await clock.advance(3_600_000)
    for (const { shardId } of emulator.openShards) write(1, shardId)
    expect(await drain(coordinator, clock)).toHaveLength(5)
    await coordinator.close()
  }
})
