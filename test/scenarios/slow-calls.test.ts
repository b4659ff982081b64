import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { streamFixture } from '../support/stream-fixture.ts'

const ALWAYS = { times: Number.POSITIVE_INFINITY }

it.each([1, 2, 3, 8])(
  'next() returns undefined again and again for %i idle shards although GetRecords takes 6 s',
  async (shards) => {
    const { clock, emulator, open } = emulatedTable({ shards })
    emulator.on('GetRecords', ALWAYS, { delayMs: 6_000 })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    let calls = 0
    void (async () => {
      for (;;) {
        await coordinator.next()
        calls++
      }
    })()
    await clock.advance(600_000)
    expect(calls).toBeGreaterThan(5)
  },
)

it.each([
  [1, 6_000],
  [2, 6_000],
  [3, 5_200],
  [8, 6_000],
  [8, 20_000],
])('a loop over %i shards receives records although GetRecords takes %i ms', async (shards, delayMs) => {
  const { clock, emulator, write, start, collect } = streamFixture({ shards })
  const { seen } = collect(await start())
  await clock.advance(30_000)
  emulator.on('GetRecords', ALWAYS, { delayMs })
  await clock.advance(30_000)
  const written = write(3, emulator.openShards[0]?.shardId)
  await clock.advance(180_000)
  expect(seen).toEqual(written)
})
