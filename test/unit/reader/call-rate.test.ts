import { describe, expect, it } from 'vitest'
import type { StreamRecord } from '../../../src/index.ts'
import { emulatedTable } from '../../support/emulated-table.ts'
import { drain, numbersOf } from '../../support/read.ts'

describe('the read rate of a busy shard', () => {
  it('a shard that is written to all the time is read five times per second, and its records are not delayed further', async () => {
    const { clock, emulator, open, write } = emulatedTable()
    emulator.on('GetRecords', { times: Number.POSITIVE_INFINITY }, { delayMs: 10 })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const written: number[] = []
    const writing = () => {
      written.push(...write(1))
      if (written.length < 3_000) clock.setTimer(15, writing)
    }
    writing()
    const delivered: number[] = []
    while (delivered.length < 2_900) {
      const record = await clock.run(coordinator.next())
      if (record) delivered.push(...numbersOf([record]))
    }
    expect(delivered).toEqual(written.slice(0, delivered.length))
    expect(written.length - delivered.length).toBeLessThan(40)
    const reads = emulator.log.filter(({ op }) => op === 'GetRecords').length
    expect(reads).toBeLessThan(2 * (100 + 45 * 5))
  })
})

it('a backlog is read without pauses, however small the responses are', async () => {
  const { clock, open, write } = emulatedTable({ behavior: { recordsPerPage: 2 } })
  const written = write(600)
  await clock.advance(3_600_000)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const startedAt = clock.now()
  const records: StreamRecord[] = []
  while (records.length < 600) records.push((await clock.run(coordinator.next())) as StreamRecord)
  expect(numbersOf(records)).toEqual(written)
  expect(clock.now()).toBe(startedAt)
  expect(await drain(coordinator, clock)).toEqual([])
})
