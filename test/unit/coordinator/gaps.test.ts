import { describe, expect, it } from 'vitest'
import { collectEvents, emulatedTable } from '../../support/emulated-table.ts'
import { drain, numbersOf } from '../../support/read.ts'

const HOUR = 3_600_000

describe.each(['at-iterator', 'at-records'] as const)(
  'trimmed records (trimmedErrorAt: %s)',
  (trimmedErrorAt) => {
    it('records that were trimmed before they were read are an error by default, and the position does not change', async () => {
      const { clock, open, write } = emulatedTable({ behavior: { trimmedErrorAt } })
      write(2)
      const coordinator = open()
      const gaps = collectEvents(coordinator, 'gap')
      await clock.run(coordinator.moveTo('trim_horizon'))
      const records = await drain(coordinator, clock)
      const token = coordinator.token
      write(3)
      await clock.advance(25 * HOUR)
      write(1)
      await expect(drain(coordinator, clock)).rejects.toMatchObject({
        code: 'records.trimmed',
        details: { reason: 'position-trimmed', after: records[1]?.sequenceNumber },
      })
      await expect(drain(coordinator, clock)).rejects.toMatchObject({ code: 'records.trimmed' })
      expect(coordinator.token).toEqual(token)
      expect(gaps.length).toBe(1)
      await clock.run(coordinator.moveTo('trim_horizon'))
      expect(numbersOf(await drain(coordinator, clock))).toEqual([5])
    })

    it('trimmed records are skipped with a gap event if onGap is "continue"', async () => {
      const { clock, open, write } = emulatedTable({ behavior: { trimmedErrorAt } })
      write(2)
      const coordinator = open({ onGap: 'continue' })
      const gaps = collectEvents(coordinator, 'gap')
      await clock.run(coordinator.moveTo('trim_horizon'))
      await drain(coordinator, clock)
      write(3)
      await clock.advance(25 * HOUR)
      write(1)
      expect(numbersOf(await drain(coordinator, clock))).toEqual([5])
      expect(gaps.length).toBe(1)
    })

    it('trimmed records are reported when a token is loaded', async () => {
      const { clock, open, write } = emulatedTable({ behavior: { trimmedErrorAt } })
      write(2)
      const first = open()
      await clock.run(first.moveTo('trim_horizon'))
      await clock.run(first.next())
      const token = JSON.stringify(first.token)
      await first.close()
      await clock.advance(25 * HOUR)
      write(1)
      const second = open()
      await clock.run(second.moveTo(token))
      await expect(drain(second, clock)).rejects.toMatchObject({ code: 'records.trimmed' })
    })
  },
)

it('the descendants of a shard of a token are read although the shard has expired', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  write(2)
  const first = open()
  await clock.run(first.moveTo('trim_horizon'))
  await clock.run(first.next())
  const token = first.token
  await first.close()
  emulator.roll()
  await clock.advance(20 * HOUR)
  const written = write(3)
  await clock.advance(5 * HOUR)
  const second = open({ onGap: 'continue' })
  const gaps = collectEvents(second, 'gap')
  await clock.run(second.moveTo(token))
  expect(numbersOf(await drain(second, clock))).toEqual(written)
  expect(gaps).toMatchObject([{ shardId: emulator.shards[0]?.shardId, reason: 'shard-vanished' }])
})

it('a young shard that the service does not find for five minutes is a gap of that shard only', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
  const [gone, kept] = emulator.openShards
  write(2, gone?.shardId)
  const written = write(2, kept?.shardId)
  const coordinator = open({ onGap: 'continue' })
  const gaps = collectEvents(coordinator, 'gap')
  const shard = gone?.shardId as string
  emulator.on(
    'GetShardIterator',
    { shard, times: Number.POSITIVE_INFINITY },
    { fail: 'ResourceNotFoundException' },
  )
  await clock.run(coordinator.moveTo('trim_horizon'))
  const start = clock.now()
  const records = []
  while (gaps.length === 0) {
    records.push(...(await drain(coordinator, clock)))
    await clock.advance(1_000)
  }
  expect(numbersOf(records)).toEqual(written)
  expect(gaps).toMatchObject([{ shardId: shard, reason: 'shard-vanished' }])
  expect(clock.now() - start).toBeGreaterThanOrEqual(300_000)
})

it('a young shard that the service does not find for a moment is read', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
  const written = write(20)
  const coordinator = open()
  const gaps = collectEvents(coordinator, 'gap')
  for (const call of ['GetShardIterator', 'GetRecords'] as const) {
    emulator.on(call, { times: 2 }, { fail: 'ResourceNotFoundException' })
  }
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(numbersOf(await drain(coordinator, clock)).sort((a, b) => a - b)).toEqual(written)
  expect(gaps).toEqual([])
})

it('records trimmed before trim_horizon was requested are not a gap', async () => {
  const { clock, emulator, open, write } = emulatedTable({ behavior: { expiredShards: 'listed' } })
  write(2)
  emulator.roll()
  write(2)
  await clock.advance(10 * HOUR)
  emulator.roll()
  await clock.advance(10 * HOUR)
  const written = write(2)
  await clock.advance(5 * HOUR)
  const coordinator = open()
  const gaps = collectEvents(coordinator, 'gap')
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  expect(gaps).toEqual([])
})

it('unread records at the start of a child are a gap when they are trimmed', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  write(1)
  const coordinator = open()
  const gaps = collectEvents(coordinator, 'gap')
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  emulator.roll()
  write(3)
  const token = coordinator.token
  await coordinator.close()
  await clock.advance(23.9 * HOUR)
  const kept = write(2)
  const second = open({ onGap: 'continue' })
  second.on('gap', (gap) => gaps.push(gap))
  await clock.run(second.moveTo(token))
  // No record of the child has been read when its first ones are trimmed.
  await clock.advance(0.5 * HOUR)
  expect(numbersOf(await drain(second, clock))).toEqual(kept)
  expect(gaps.length).toBeGreaterThan(0)
})

it('an open shard whose records are all trimmed is polled with pauses when it refuses reads, as on DynamoDB Local', async () => {
  const { clock, emulator, open, write } = emulatedTable({ behavior: { fullyTrimmedShard: 'refused' } })
  write(2)
  await clock.advance(25 * HOUR)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const before = emulator.log.length
  expect(await clock.run(coordinator.next())).toBeUndefined()
  expect(emulator.log.length - before).toBeLessThan(5)
  const written = write(2)
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
})
