import { describe, expect, it } from 'vitest'
import { LetterSender } from '../../../src/processing/letter-sender.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { letterOf } from '../../support/dead-letters.ts'
import { deferred } from './run-subject.ts'

function senderWith() {
  const clock = new ManualClock()
  const retries: { readonly attempt: number; readonly delayMs: number; readonly error: unknown }[] = []
  const accepted: number[] = []
  let ended = 0
  const sender = new LetterSender({
    clock,
    random: () => 1 - Number.EPSILON,
    onRetry: (_, retry) => retries.push(retry),
    onCallEnded: () => ended++,
  })
  return {
    clock,
    sender,
    retries,
    accepted,
    get ended() {
      return ended
    },
    send: (number: number, destination: { send(): Promise<void> }) =>
      sender.send({ letter: letterOf(), destination, onAccepted: () => accepted.push(number) }),
  }
}

describe('LetterSender', () => {
  it('sends a letter again until it is accepted, with growing delays of at most a minute', async () => {
    const subject = senderWith()
    let failures = 12
    subject.send(1, {
      send: async () => {
        if (failures-- > 0) throw new Error('down')
      },
    })
    await subject.clock.advance(600_000)
    expect(subject.accepted).toEqual([1])
    expect(subject.retries.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    const delays = subject.retries.map(({ delayMs }) => Math.round(delayMs))
    expect(delays).toEqual([...delays].sort((a, b) => a - b))
    expect(delays[0]).toBe(200)
    expect(delays.at(-1)).toBe(60_000)
    expect(subject.ended).toBe(13)
    expect(subject.sender.sending).toBe(0)
  })

  it('has at most 16 calls of a destination in progress, and sends the others in order', async () => {
    const subject = senderWith()
    const calls: ReturnType<typeof deferred>[] = []
    const destination = {
      send: () => {
        const call = deferred()
        calls.push(call)
        return call.promise
      },
    }
    for (let n = 0; n < 40; n++) subject.send(n, destination)
    expect(calls).toHaveLength(16)
    expect(subject.sender.sending).toBe(16)
    for (let n = 0; n < 40; n++) {
      calls[n]?.resolve()
      await subject.clock.advance(0)
      expect(calls.length).toBeLessThanOrEqual(n + 17)
    }
    expect(subject.accepted).toEqual(Array.from({ length: 40 }, (_, n) => n))
  })

  it('a destination that does not respond does not delay the letters of others', async () => {
    const subject = senderWith()
    const hanging = { send: () => new Promise<void>(() => {}) }
    for (let n = 0; n < 40; n++) subject.send(n, hanging)
    subject.send(100, { send: async () => {} })
    await subject.clock.advance(0)
    expect(subject.accepted).toEqual([100])
  })

  it('after stop(), starts no call, but a call in progress can still be accepted', async () => {
    const subject = senderWith()
    const call = deferred()
    let calls = 0
    subject.send(1, { send: () => call.promise })
    subject.send(2, {
      send: async () => {
        calls++
        throw new Error('down')
      },
    })
    await subject.clock.advance(0)
    subject.sender.stop()
    subject.send(3, { send: async () => void calls++ })
    call.resolve()
    await subject.clock.advance(600_000)
    expect(subject.accepted).toEqual([1])
    expect(calls).toBe(1)
    expect(subject.clock.untilNextTimer).toBeUndefined()
  })

  it('after close(), the result of a call in progress is ignored', async () => {
    const subject = senderWith()
    const call = deferred()
    subject.send(1, { send: () => call.promise })
    subject.sender.close()
    call.resolve()
    await subject.clock.advance(0)
    expect(subject.accepted).toEqual([])
    expect(subject.ended).toBe(0)
  })
})
