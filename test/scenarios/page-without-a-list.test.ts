import { expect, it } from 'vitest'
import { emulated } from '../support/emulated.ts'

it('a page that holds no list of records is fetched again', async () => {
  const { emulator, clock, open, write } = emulated()
  const written = write(3)
  let pages = 0
  const client = {
    ...emulator.api,
    readRecords: async (...request: Parameters<typeof emulator.api.readRecords>) => {
      const page = await emulator.api.readRecords(...request)
      return ++pages === 1 ? { ...page, records: undefined as never } : page
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
