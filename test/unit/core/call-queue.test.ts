import { expect, test } from 'vitest'
import { CallQueue } from '../../../src/core/call-queue.ts'

test('queued calls run one at a time and in order, even after one of them fails', async () => {
  const queue = new CallQueue()
  const log: string[] = []
  const call = (name: string) => async () => {
    log.push(`${name} starts`)
    await Promise.resolve()
    log.push(`${name} ends`)
    if (name === 'second') throw new Error(name)
    return name
  }
  const results = ['first', 'second', 'third'].map((name) => queue.run(call(name)))
  expect(await Promise.allSettled(results)).toMatchObject([
    { value: 'first' },
    { reason: { message: 'second' } },
    { value: 'third' },
  ])
  expect(log).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} starts`, `${name} ends`]))
})

test('a queue is idle once the caller of its last call sees it settle', async () => {
  const queue = new CallQueue()
  const first = queue.run(async () => {})
  expect(queue.isIdle).toBe(false)
  await first
  expect(queue.isIdle).toBe(true)
  await queue.run(() => Promise.reject(new Error('no'))).catch(() => {})
  expect(queue.isIdle).toBe(true)
})
