import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'

it.each([
  ['has no list of records', { records: undefined, nextIterator: 'next' }],
  ['is undefined', undefined],
  ['is null', null],
])('a page that %s is fetched again', async (_, malformed) => {
  const { emulator, clock, open, write } = emulatedTable()
  const written = write(3)
  let pages = 0
  const client = {
    ...emulator.api,
    readRecords: async (...request: Parameters<typeof emulator.api.readRecords>) => {
      const page = await emulator.api.readRecords(...request)
      return ++pages === 1 ? (malformed as never) : page
    },
  }
  const coordinator = open({ client })
  await clock.run(coordinator.moveTo('trim_horizon'))
  const seen: unknown[] = []
  const reading = async () => {
    while (seen.length < written.length) seen.push((await coordinator.next())?.newImage?.n)
  }
  void reading()
  await clock.advance(120_000)
  expect(seen.filter((n) => n !== undefined)).toEqual(written)
})
