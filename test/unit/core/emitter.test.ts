import { expect, test } from 'vitest'
import { Emitter } from '../../../src/core/emitter.ts'

interface Events {
  gap: number
}

/** Emits an event to a failing listener and another one. Returns the error that reaches the process. */
async function emitToFailing(listener: (event: number) => void) {
  const kinds = ['uncaughtException', 'unhandledRejection'] as const
  const before = kinds.map((kind) => ({ kind, handlers: process.listeners(kind as 'uncaughtException') }))
  for (const kind of kinds) process.removeAllListeners(kind)
  try {
    const emitter = new Emitter<Events>(['gap'])
    const received: number[] = []
    emitter.on('gap', listener)
    emitter.on('gap', (event) => received.push(event))
    const reported = new Promise((resolve) => {
      for (const kind of kinds) process.once(kind, (error: unknown) => resolve({ kind, error }))
    })
    emitter.emit('gap', 1)
    return { reported: await reported, received }
  } finally {
    for (const { kind, handlers } of before) {
      process.removeAllListeners(kind)
      for (const handler of handlers) process.on(kind, handler)
    }
  }
}

const error = new Error('listener')

test('an error thrown by a listener becomes an uncaught exception, and the next listener is still called', async () => {
  const outcome = await emitToFailing(() => {
    throw error
  })
  expect(outcome).toEqual({ reported: { kind: 'uncaughtException', error }, received: [1] })
})

test('an async listener that rejects causes an unhandled rejection, and the next listener is still called', async () => {
  const outcome = await emitToFailing(async () => {
    throw error
  })
  expect(outcome).toEqual({ reported: { kind: 'unhandledRejection', error }, received: [1] })
})

test('a listener that was added twice is called once per event after it was removed once', async () => {
  const emitter = new Emitter<Events>(['gap'])
  const received: number[] = []
  const listener = (event: number) => void received.push(event)
  const remove = emitter.on('gap', listener)
  emitter.on('gap', listener)
  remove()
  remove()
  emitter.emit('gap', 1)
  await Promise.resolve()
  expect(received).toEqual([1])
})
