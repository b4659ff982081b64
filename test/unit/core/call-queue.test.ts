import { expect, test } from 'vitest'
import { CallQueue } from '../../../src/core/call-queue.ts'

test('calls run one after another, also after one that failed', async () => {
  const queue = new CallQueue()
  const story: string[] = []
  const call = (name: string) => async () => {
    story.push(`${name} starts`)
    await Promise.resolve()
    story.push(`${name} ends`)
    if (name === 'second') throw new Error(name)
    return name
  }
  const results = ['first', 'second', 'third'].map((name) => queue.run(call(name)))
  expect(await Promise.allSettled(results)).toMatchObject([
    { value: 'first' },
    { reason: { message: 'second' } },
    { value: 'third' },
  ])
  expect(story).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} starts`, `${name} ends`]))
})

test('a queue is idle as soon as its last call is known to have settled, so that the next one need not wait', async () => {
  const queue = new CallQueue()
  const first = queue.run(async () => {})
  expect(queue.isIdle).toBe(false)
  await first
  expect(queue.isIdle).toBe(true)
  await queue.run(() => Promise.reject(new Error('no'))).catch(() => {})
  expect(queue.isIdle).toBe(true)
})
