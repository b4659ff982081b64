import { expect, it } from 'vitest'
import { BlockingErrors } from '../../../src/coordinator/blocking-errors.ts'
import { readerOf } from '../reader/reader.ts'

const gap = { shardId: 'shard', after: '5', reason: 'position-trimmed' } as const

it('an error is thrown once, and then the readers that it stopped continue', () => {
  const errors = new BlockingErrors('arn')
  const reader = readerOf()
  const denied = new Error('denied')
  errors.fail(denied, reader)
  expect(errors.takeError()?.error).toBe(denied)
  expect(errors.takeError()).toBeUndefined()
  expect(errors.takeStopped()).toEqual([reader])
  expect(errors.takeStopped()).toEqual([])
})

it('the first of several errors is thrown, and all readers that they stopped continue', () => {
  const errors = new BlockingErrors('arn')
  const readers = [readerOf('a'), readerOf('b')]
  for (const [n, reader] of readers.entries()) errors.fail(new Error(`denied ${n}`), reader)
  expect(errors.takeError()?.error).toMatchObject({ message: 'denied 0' })
  expect(errors.takeError()).toBeUndefined()
  expect(errors.takeStopped()).toEqual(readers)
})

it('errors that arrive after one was thrown, and before the next call, are not thrown', () => {
  const errors = new BlockingErrors('arn')
  const late = readerOf()
  errors.fail(new Error('first'), undefined)
  errors.takeError()
  errors.fail(new Error('late'), late)
  expect(errors.takeError()).toBeUndefined()
  expect(errors.takeStopped()).toEqual([late])
  // After that call, errors are thrown again.
  errors.fail(new Error('second'), undefined)
  expect(errors.takeError()?.error).toMatchObject({ message: 'second' })
})

it('an error is thrown however late the next call comes', () => {
  const errors = new BlockingErrors('arn')
  errors.fail(new Error('denied'), readerOf())
  expect(errors.takeError()?.error).toMatchObject({ message: 'denied' })
})

it('the first gap is thrown by every call, before any other error', () => {
  const errors = new BlockingErrors('arn')
  errors.fail(new Error('denied'), undefined)
  errors.gap(gap, undefined)
  errors.gap({ ...gap, after: '9' }, undefined)
  for (let call = 0; call < 3; call++) {
    expect(errors.takeError()?.error).toMatchObject({ code: 'records.trimmed', details: gap })
  }
  expect(errors.isFinal).toBe(true)
})

it('stream.notFound is final, and is not thrown before the buffer is empty', () => {
  const errors = new BlockingErrors('arn')
  expect(() => errors.throwIfStreamGone()).not.toThrow()
  errors.streamGone(new Error('ResourceNotFoundException'))
  expect([errors.isStreamGone, errors.isFinal]).toEqual([true, true])
  expect(errors.takeError()).toBeUndefined()
  expect(() => errors.throwIfStreamGone()).toThrow(expect.objectContaining({ code: 'stream.notFound' }))
})
