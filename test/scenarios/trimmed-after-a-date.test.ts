import { expect, it } from 'vitest'
import { collectEvents, emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'
import { readFor } from '../support/read-for.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

it.each(['aws', 'local'] as const)(
  'a gap is reported for records written after a Date and trimmed unread although only older records were read before (%s)',
  async (profile) => {
    const { clock, open, write } = emulatedTable({ profile })
    await clock.advance(10 * HOUR)
    write(3)
    await clock.advance(20 * HOUR)
    const coordinator = open({ onGap: 'continue' })
    const gaps = collectEvents(coordinator, 'gap')
    await clock.run(coordinator.moveTo(new Date(clock.now() - HOUR)))
    expect(numbersOf(await drain(coordinator, clock))).toEqual([])
    write(2)
    clock.suspend(25 * HOUR)
    const retained = write(2)
    expect(await readFor(coordinator, clock, MINUTE)).toEqual(retained)
    expect(gaps).toHaveLength(1)
  },
)

it('a gap is reported for records written after a Date as soon as they can have been trimmed', async () => {
  const { clock, open, write } = emulatedTable()
  write(3)
  await clock.advance(HOUR)
  const coordinator = open({ onGap: 'continue' })
  const gaps = collectEvents(coordinator, 'gap')
  await clock.run(coordinator.moveTo(new Date(clock.now())))
  expect(numbersOf(await drain(coordinator, clock))).toEqual([])
  write(2)
  clock.suspend(24 * HOUR + 2 * MINUTE)
  const retained = write(2)
  expect(await readFor(coordinator, clock, MINUTE)).toEqual(retained)
  expect(gaps).toHaveLength(1)
})
