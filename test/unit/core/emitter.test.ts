import { expect, test } from 'vitest'
import { Emitter } from '../../../src/core/emitter.ts'

interface Events {
  gap: number
}

/** Emits an event to two listeners, of which the first one fails. Returns the error that reaches the process, as what. */
async function emitToFailing(listener: (event: number) => void) {
  const kinds = ['uncaughtException', 'unhandledRejection'] as const
  const before = kinds.map((kind) => ({ kind, handlers: process.listeners(kind as 'uncaughtException') }))
  for (const kind of kinds) process.removeAllListeners(kind)
  try {
    const emitter = new Emitter<Events>(['gap'])
    const heard: number[] = []
    emitter.on('gap', listener)
    emitter.on('gap', (event) => heard.push(event))
    const reported = new Promise((resolve) => {
      for (const kind of kinds) process.once(kind, (error: unknown) => resolve({ kind, error }))
    })
    emitter.emit('gap', 1)
    return { reported: await reported, heard }
  } finally {
    for (const { kind, handlers } of before) {
      process.removeAllListeners(kind)
      for (const handler of handlers) process.on(kind, handler)
    }
  }
}

const error = new Error('listener')

test('a listener that throws is an uncaught exception of the process, and the next one is called all the same', async () => {
  const outcome = await emitToFailing(() => {
    throw error
  })
  expect(outcome).toEqual({ reported: { kind: 'uncaughtException', error }, heard: [1] })
})

test('an async listener that rejects is an unhandled rejection, and the next one is called all the same', async () => {
  const outcome = await emitToFailing(async () => {
    throw error
  })
  expect(outcome).toEqual({ reported: { kind: 'unhandledRejection', error }, heard: [1] })
})

test('a listener that was removed is called no more, and one that was added twice is called once more', async () => {
  const emitter = new Emitter<Events>(['gap'])
  const heard: number[] = []
  const listener = (event: number) => void heard.push(event)
  const remove = emitter.on('gap', listener)
  emitter.on('gap', listener)
  remove()
  remove()
  emitter.emit('gap', 1)
  await Promise.resolve()
  expect(heard).toEqual([1])
})
