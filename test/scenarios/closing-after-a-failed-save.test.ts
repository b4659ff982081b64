import { expect, it } from 'vitest'
import { type CheckpointLease, isStreamError, StreamError } from '../../src/index.ts'
import { streamFixture } from '../support/stream-fixture.ts'

const conflict = () => new StreamError('checkpoint.conflict', 'taken over', { name: 'worker' })
const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

/** A stream whose loop has thrown `checkpoint.failed`. Further saves reject with `failure.error` if set. */
async function afterFailedFlush() {
  const fixture = streamFixture()
  const { clock } = fixture
  const saved: unknown[] = []
  const failure: { error: Error | undefined } = { error: undefined }
  const lost = new AbortController()
  const lease: CheckpointLease = {
    token: undefined,
    epoch: 1,
    lost: lost.signal,
    release: async () => {},
    save: async (token) => {
      if (failure.error) throw failure.error
      saved.push(token)
    },
  }
  const store = { load: async () => undefined, save: async () => {}, lease: async () => lease }
  const stream = await fixture.start({ checkpoint: { store, name: 'worker' } })
  fixture.write(5)
  failure.error = new Error('the store is down')
  const records = stream[Symbol.asyncIterator]()
  await clock.run(records.next())
  await clock.run(records.next())
  const thrown = await clock.run(errorOf(records.return?.() as Promise<unknown>))
  expect(isStreamError(thrown, 'checkpoint.failed')).toBe(true)
  return { clock, stream, saved, failure }
}

it('close() rejects with a checkpoint conflict that occurs after a loop has thrown checkpoint.failed', async () => {
  const { clock, stream, failure } = await afterFailedFlush()
  failure.error = conflict()
  await clock.advance(20_000)
  expect(await clock.run(errorOf(stream.close()))).toBe(failure.error)
})

it('close() saves the records acknowledged after a loop has thrown checkpoint.failed', async () => {
  const { clock, stream, saved, failure } = await afterFailedFlush()
  const records = stream[Symbol.asyncIterator]()
  await clock.run(records.next())
  await clock.run(records.next())
  failure.error = undefined
  const { token } = stream
  await clock.run(stream.close())
  expect(saved.at(-1)).toEqual(token)
})

it('close() rejects when the records acknowledged after a loop has thrown checkpoint.failed cannot be saved either', async () => {
  const { clock, stream } = await afterFailedFlush()
  const records = stream[Symbol.asyncIterator]()
  await clock.run(records.next())
  await clock.run(records.next())
  expect(await clock.run(errorOf(stream.close()))).toMatchObject({ code: 'checkpoint.failed' })
})
