import { expect, it } from 'vitest'
import { Checkpointer } from '../../../src/checkpoints/checkpointer.ts'
import { Emitter } from '../../../src/core/emitter.ts'
import { type StreamEvents, streamEventNames } from '../../../src/stream/events.ts'
import { DynamoDBStream } from '../../../src/stream/stream.ts'
import { emulated } from '../../support/emulated.ts'

it('what a stream was made of is disposed of when it is closed, also when its last checkpoint cannot be saved', async () => {
  const { clock, open, write } = emulated()
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const lease = {
    lost: new AbortController().signal,
    release: async () => {},
    save: async () => {
      throw new Error('disk full')
    },
  }
  let disposals = 0
  const stream = new DynamoDBStream({
    coordinator,
    clock,
    events: new Emitter<StreamEvents>(streamEventNames),
    signal: undefined,
    makeCheckpointer: (tokenOf) =>
      new Checkpointer({
        lease,
        name: 'worker',
        everyRecords: 1,
        everyMs: 5_000,
        clock,
        random: () => 0.5,
        tokenOf,
      }),
    follow: undefined,
    dispose: () => {
      disposals++
    },
  })
  write(2)
  const records = stream[Symbol.asyncIterator]()
  await clock.run(records.next())
  await clock.run(records.next())
  await expect(clock.run(stream.close())).rejects.toMatchObject({ code: 'checkpoint.failed' })
  expect(disposals).toBe(1)
  expect(clock.untilNextTimer).toBeUndefined()
})
