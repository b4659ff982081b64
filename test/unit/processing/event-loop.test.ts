import { expect, it } from 'vitest'
import { processStream } from '../../../src/index.ts'
import { streamFixture } from '../../support/stream-fixture.ts'

it('lets the event loop run while handlers return at once', async () => {
  const { clock, emulator, start, write } = streamFixture()
  write(2_000)
  emulator.disable()
  const stream = await start()
  let handled = 0
  let handledAtTurn: number | undefined
  const run = processStream(stream, () => {
    if (handled++ === 0) {
      setImmediate(() => {
        handledAtTurn = handled
      })
    }
  })
  await clock.run(run)
  expect(handled).toBe(2_000)
  expect(handledAtTurn).toBeLessThanOrEqual(300)
})

it('lets the event loop run while many keys are retried at once', async () => {
  const { clock, emulator, start } = streamFixture()
  for (let n = 0; n < 2_000; n++) emulator.put({ id: `key-${n}`, n })
  emulator.disable()
  const stream = await start()
  let retried = 0
  let retriedAtTurn: number | undefined
  const run = processStream(
    stream,
    (_record, { attempt }) => {
      if (attempt === 1) throw new Error('unavailable')
      if (retried++ === 0) {
        setImmediate(() => {
          retriedAtTurn = retried
        })
      }
    },
    { maxFailingKeys: 3_000, retry: { delayMs: () => 60_000 } },
  )
  await clock.run(run)
  expect(retried).toBe(2_000)
  expect(retriedAtTurn).toBeLessThanOrEqual(300)
})

it.each(['key', 'shard', 'none'] as const)(
  "does not queue records that handlers could process at once, with the order '%s'",
  async (order) => {
    const { clock, emulator, start, write } = streamFixture({ shards: 2 })
    write(3_000)
    emulator.disable()
    const stream = await start()
    let mostUnsettled = 0
    const run = processStream(
      stream,
      () => {
        const { records, handled } = run.counters
        mostUnsettled = Math.max(mostUnsettled, records - handled)
      },
      { order },
    )
    const { handled } = await clock.run(run)
    expect(handled).toBe(3_000)
    expect(mostUnsettled).toBeLessThanOrEqual(300)
  },
)
