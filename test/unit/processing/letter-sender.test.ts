import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { DeadLetter, DestinationObject } from '../../../src/destinations/destination.ts'
import { LetterSender } from '../../../src/processing/letter-sender.ts'
import { RejectError } from '../../../src/processing/reject-error.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { letterOf, rawRecord, recordOf } from '../../support/dead-letters.ts'
import { deferred, startRun } from './run-subject.ts'

/** Creates a letter that {@link numberOf} recognizes. */
function numberedLetter(number: number, key: string): DeadLetter {
  return letterOf({ record: recordOf(rawRecord({ Keys: { id: { S: key } } })), task: String(number) })
}

const numberOf = (letter: DeadLetter) => Number(letter.failure.task)

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
    /** Sends a letter of the item `key`, which is an item of its own by default. */
    send: (number: number, destination: DestinationObject, key = `item ${number}`) => {
      const letter = numberedLetter(number, key)
      sender.send({ letter, destination, onAccepted: () => accepted.push(number) })
    },
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

  it('a letter is sent once the earlier letters of its item are accepted, and does not wait for other items', async () => {
    const subject = senderWith()
    const sent: number[] = []
    let failures = 2
    const destination = {
      send: async (letter: DeadLetter) => {
        sent.push(numberOf(letter))
        if (numberOf(letter) === 1 && failures-- > 0) throw new Error('down')
      },
    }
    for (const number of [1, 2, 3]) subject.send(number, destination, 'a')
    for (const number of [11, 12]) subject.send(number, destination, 'b')
    await subject.clock.advance(0)
    expect(sent).toEqual([1, 11, 12])
    expect(subject.accepted).toEqual([11, 12])
    await subject.clock.advance(60_000)
    expect(sent).toEqual([1, 11, 12, 1, 1, 2, 3])
    expect(subject.accepted).toEqual([11, 12, 1, 2, 3])
  })

  it('a letter does not wait for a letter of the same item to another destination', async () => {
    const subject = senderWith()
    subject.send(1, { send: () => new Promise<void>(() => {}) }, 'a')
    subject.send(2, { send: async () => {} }, 'a')
    await subject.clock.advance(0)
    expect(subject.accepted).toEqual([2])
  })

  it('a letter that is sent when the previous one of its item is accepted follows the waiting ones', async () => {
    const subject = senderWith()
    const sent: number[] = []
    const destination = { send: async (letter: DeadLetter) => void sent.push(numberOf(letter)) }
    subject.sender.send({
      letter: numberedLetter(1, 'a'),
      destination,
      onAccepted: () => subject.send(3, destination, 'a'),
    })
    subject.send(2, destination, 'a')
    await subject.clock.advance(0)
    expect(sent).toEqual([1, 2, 3])
    subject.send(4, destination, 'a')
    expect(sent).toEqual([1, 2, 3, 4])
  })

  it('does not keep letters in memory that were accepted', async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const { sender, clock } = senderWith()
    const destination = { send: async () => {} }
    const send = (number: number): WeakRef<DeadLetter> => {
      const letter = numberedLetter(number, `item ${number % 10}`)
      sender.send({ letter, destination, onAccepted: () => {} })
      return new WeakRef(letter)
    }
    const letters = Array.from({ length: 100 }, (_, number) => send(number))
    await clock.advance(0)
    // A WeakRef keeps its target until the end of the current turn.
    await nextTurn()
    collectGarbage()
    expect(letters.filter((letter) => letter.deref() !== undefined)).toEqual([])
    expect(sender.sending).toBe(0)
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

  it('after stop(), a letter that is accepted is not followed by the next one of its item', async () => {
    const subject = senderWith()
    const sent: number[] = []
    const call = deferred()
    const destination = {
      send: (letter: DeadLetter) => {
        sent.push(numberOf(letter))
        return call.promise
      },
    }
    subject.send(1, destination, 'a')
    subject.send(2, destination, 'a')
    subject.sender.stop()
    subject.send(3, destination, 'a')
    call.resolve()
    await subject.clock.advance(600_000)
    expect(sent).toEqual([1])
    expect(subject.accepted).toEqual([1])
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

describe('the dead letters of a run', () => {
  const startWith = (handler: unknown, count: number) => {
    const accepted: string[] = []
    let failures = 1
    const subject = startRun(
      handler,
      {
        onFailure: async (letter: DeadLetter) => {
          if (failures-- > 0) throw new Error('throttled')
          accepted.push(`${letter.records[0]?.sequenceNumber} ${letter.failure.task ?? ''}`.trim())
        },
      },
      (from) => from.write(...Array.from({ length: count }, () => ({ key: 'a' }))),
    )
    return { ...subject, accepted }
  }

  it('letters of an item whose records a batch handler rejects together are accepted in order, although a call fails', async () => {
    const batch = (
      records: readonly object[],
      { reject }: { reject(record: object, reason: string): void },
    ) => {
      for (const record of records) reject(record, 'bad')
    }
    const { accepted, settle, clock, stop } = startWith({ batch, batchSize: 10 }, 3)
    await settle()
    await clock.advance(1_000)
    expect(accepted).toEqual(['1', '2', '3'])
    expect(await stop()).toMatchObject({ deadLettered: { rejected: 3 } })
  })

  it('letters of tasks that are given up together are accepted in order, although a call fails', async () => {
    const task = () => {
      throw new RejectError('bad')
    }
    const { accepted, settle, clock, stop } = startWith({ tasks: { first: task, second: task } }, 2)
    await settle()
    await clock.advance(1_000)
    expect(accepted).toEqual(['1 first', '1 second', '2 first', '2 second'])
    expect(await stop()).toMatchObject({ deadLettered: { rejected: 2 } })
  })
})
