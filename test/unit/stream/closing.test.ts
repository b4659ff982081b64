import { expect, it } from 'vitest'
import { Checkpointer } from '../../../src/checkpoints/checkpointer.ts'
import { Emitter } from '../../../src/core/emitter.ts'
import type { StreamToken } from '../../../src/index.ts'
import { type StreamEvents, streamEventNames } from '../../../src/stream/events.ts'
import { DynamoDBStream } from '../../../src/stream/stream.ts'
import { emulatedTable } from '../../support/emulated-table.ts'
import { numbersOf } from '../../support/read.ts'

/**
 * Creates a stream that saves with `save`, and counts how often its clients are disposed of and its lease is
 * released.
 */
async function setUp({
  save,
  signal,
}: {
  save: (token: StreamToken) => Promise<void>
  signal?: AbortSignal
}) {
  const world = emulatedTable()
  const { clock, open } = world
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const counts = { disposals: 0, releases: 0 }
  const lease = {
    lost: new AbortController().signal,
    release: async () => {
      counts.releases++
    },
    save,
  }
  const stream = new DynamoDBStream({
    coordinator,
    clock,
    lost: 0,
    random: () => 0.5,
    events: new Emitter<StreamEvents>(streamEventNames),
    signal,
    createCheckpointer: (tokenOf) =>
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
      counts.disposals++
    },
  })
  return { ...world, stream, counts }
}

it('close() destroys the clients and releases the lease even if the last checkpoint cannot be saved', async () => {
  const { clock, stream, counts, write } = await setUp({
    save: async () => {
      throw new Error('disk full')
    },
  })
  write(2)
  const records = stream[Symbol.asyncIterator]()
  await clock.run(records.next())
  await clock.run(records.next())
  await expect(clock.run(stream.close())).rejects.toMatchObject({ code: 'checkpoint.failed' })
  expect(counts).toEqual({ disposals: 1, releases: 1 })
  expect(clock.untilNextTimer).toBeUndefined()
})

it('leaving a loop after the signal has aborted closes the stream and saves the acknowledged records', async () => {
  const controller = new AbortController()
  const saved: StreamToken[] = []
  const { clock, stream, counts, write, open } = await setUp({
    save: async (token) => void saved.push(token),
    signal: controller.signal,
  })
  write(3)
  await clock.run(async () => {
    for await (const record of stream) {
      if (record.newImage?.n !== 1) continue
      controller.abort()
      break
    }
  })
  expect(counts).toEqual({ disposals: 1, releases: 1 })
  expect(clock.untilNextTimer).toBeUndefined()
  const next = open()
  await clock.run(next.moveTo(saved.at(-1) as StreamToken))
  const record = await clock.run(next.next())
  expect(record && numbersOf([record])).toEqual([1])
  await next.close()
})

it('moveTo() and heartbeat() of a closed stream reject with an error about the stream', async () => {
  const { stream, clock } = await setUp({ save: async () => {} })
  await clock.run(stream.close())
  const closed = { code: 'closed', message: 'The stream was closed.' }
  await expect(stream.moveTo('latest')).rejects.toMatchObject(closed)
  await expect(stream.heartbeat()).rejects.toMatchObject(closed)
})
