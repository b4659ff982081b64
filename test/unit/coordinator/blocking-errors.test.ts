import { expect, it } from 'vitest'
import { BlockingErrors } from '../../../src/coordinator/blocking-errors.ts'
import { readerOf } from '../reader/reader.ts'

const gap = { shardId: 'shard', after: '5', reason: 'position-trimmed' } as const

it('an error is thrown once, and then the readers that it stopped may proceed', () => {
  const errors = new BlockingErrors('arn')
  const reader = readerOf()
  const denied = new Error('denied')
  errors.fail(denied, reader, 0)
  expect(errors.takeError(10)?.error).toBe(denied)
  expect(errors.takeError(20)).toBeUndefined()
  expect(errors.takeStopped()).toEqual([reader])
  expect(errors.takeStopped()).toEqual([])
})

it('of several errors the first one is thrown, and all the readers that they stopped may proceed', () => {
  const errors = new BlockingErrors('arn')
  const readers = [readerOf('a'), readerOf('b')]
  for (const [n, reader] of readers.entries()) errors.fail(new Error(`denied ${n}`), reader, n)
  expect(errors.takeError(10)?.error).toMatchObject({ message: 'denied 0' })
  expect(errors.takeError(10)).toBeUndefined()
  expect(errors.takeStopped()).toEqual(readers)
})

it('errors that arrive after one was thrown, and before the caller comes back, are not thrown', () => {
  const errors = new BlockingErrors('arn')
  const late = readerOf()
  errors.fail(new Error('first'), undefined, 0)
  errors.takeError(0)
  errors.fail(new Error('late'), late, 1)
  expect(errors.takeError(2)).toBeUndefined()
  expect(errors.takeStopped()).toEqual([late])
  // From then on errors are news again.
  errors.fail(new Error('second'), undefined, 3)
  expect(errors.takeError(4)?.error).toMatchObject({ message: 'second' })
})

it('an error that is older than five seconds is not thrown: what it stopped is tried again first', () => {
  const errors = new BlockingErrors('arn')
  const reader = readerOf()
  errors.fail(new Error('stale'), reader, 0)
  expect(errors.takeError(5_001)).toBeUndefined()
  expect(errors.takeStopped()).toEqual([reader])
  errors.fail(new Error('fresh'), reader, 5_002)
  expect(errors.takeError(10_002)?.error).toMatchObject({ message: 'fresh' })
})

it('a gap is thrown at every call, before any other error, and the first one counts', () => {
  const errors = new BlockingErrors('arn')
  errors.fail(new Error('denied'), undefined, 0)
  errors.gap(gap, undefined)
  errors.gap({ ...gap, after: '9' }, undefined)
  for (const now of [0, 1, 1_000_000]) {
    expect(errors.takeError(now)?.error).toMatchObject({ code: 'records.trimmed', details: gap })
  }
  expect(errors.isFinal).toBe(true)
})

it('a stream that is gone is final, and is not thrown before the buffer is empty', () => {
  const errors = new BlockingErrors('arn')
  expect(() => errors.throwIfStreamGone()).not.toThrow()
  errors.streamGone(new Error('ResourceNotFoundException'))
  expect([errors.isStreamGone, errors.isFinal]).toEqual([true, true])
  expect(errors.takeError(0)).toBeUndefined()
  expect(() => errors.throwIfStreamGone()).toThrow(expect.objectContaining({ code: 'stream.notFound' }))
})
