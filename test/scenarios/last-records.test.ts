import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'

it.each([
  ['slow', { delayMs: 5_000 }],
  ['throttled', { fail: 'ThrottlingException' }],
])(
  'the last records of a closed shard are delivered although the search for its children is %s',
  async (_, effect) => {
    const { clock, emulator, open, write } = emulatedTable()
    const written = write(3)
    const child = emulator.roll(undefined, { hidden: { calls: 1 } })
    write(1, child.shardId)
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    emulator.on('DescribeStream', { times: Number.POSITIVE_INFINITY }, effect)
    const seen: unknown[] = []
    const reading = async () => {
      for (;;) seen.push((await coordinator.next())?.newImage?.n)
    }
    reading().catch(() => {})
    await clock.advance(1_000)
    expect(seen).toEqual(written)
    await coordinator.close()
  },
)
