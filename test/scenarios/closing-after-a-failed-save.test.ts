import { expect, it } from 'vitest'
import { type CheckpointLease, isStreamError, StreamError } from '../../src/index.ts'
import { opened } from './opened.ts'

const conflict = () => new StreamError('checkpoint.conflict', 'taken over', { name: 'worker' })
const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

/** A stream whose store is told what its saves do, with a loop that has thrown `checkpoint.failed`. */
async function afterFailedFlush() {
  const world = opened()
  const { clock } = world
  const saved: unknown[] = []
  const answer: { error: Error | undefined } = { error: undefined }
  const lost = new AbortController()
  const lease: CheckpointLease = {
    token: undefined,
    epoch: 1,
    lost: lost.signal,
    release: async () => {},
    save: async (token) => {
      if (answer.error) throw answer.error
      saved.push(token)
    },
  }
  const store = { load: async () => undefined, save: async () => {}, lease: async () => lease }
  const stream = await world.start({ checkpoint: { store, name: 'worker' } })
  world.write(5)
  answer.error = new Error('the store is down')
  const records = stream[Symbol.asyncIterator]()
  await clock.run(records.next())
  await clock.run(records.next())
  const thrown = await clock.run(errorOf(records.return?.() as Promise<unknown>))
  expect(isStreamError(thrown, 'checkpoint.failed')).toBe(true)
  return { clock, stream, saved, answer }
}

it('close() rejects with a conflict that came after the error that a loop has thrown', async () => {
  const { clock, stream, answer } = await afterFailedFlush()
  answer.error = conflict()
  await clock.advance(20_000)
  expect(await clock.run(errorOf(stream.close()))).toBe(answer.error)
})

it('close() saves what was acknowledged after the error that a loop has thrown', async () => {
  const { clock, stream, saved, answer } = await afterFailedFlush()
  const records = stream[Symbol.asyncIterator]()
  await clock.run(records.next())
  await clock.run(records.next())
  answer.error = undefined
  const { token } = stream
  await clock.run(stream.close())
  expect(saved.at(-1)).toEqual(token)
})

it('close() rejects where that cannot be saved either', async () => {
  const { clock, stream } = await afterFailedFlush()
  const records = stream[Symbol.asyncIterator]()
  await clock.run(records.next())
  await clock.run(records.next())
  expect(await clock.run(errorOf(stream.close()))).toMatchObject({ code: 'checkpoint.failed' })
})
