import { describe, expect, it } from 'vitest'
import { type HandledMessage, handleMessage, type NatsMessage, natsRelay } from '../../../src/relay/nats.ts'
import { partitionOf } from '../../../src/relay/nats-target.ts'
import { toRelayMessage } from '../../../src/relay/relay-message.ts'
import { ManualClock } from '../../../src/testing/index.ts'
import { orderRecord } from './fake-queue.ts'

class FakeMessage implements NatsMessage {
  readonly calls: string[] = []
  readonly subject = 'orders.3'
  readonly info: { readonly deliveryCount: number } = { deliveryCount: 2 }
  readonly data: Uint8Array
  readonly #ack: () => Promise<boolean>

  constructor(body = toRelayMessage(orderRecord('a')).body, ack: () => Promise<boolean> = async () => true) {
    this.data = new TextEncoder().encode(body)
    this.#ack = ack
  }

  ackAck(): Promise<boolean> {
    this.calls.push('ack')
    return this.#ack()
  }

  nak(delayMs?: number): void {
    this.calls.push(`nak ${delayMs}`)
  }

  working(): void {
    this.calls.push('working')
  }
}

describe('handleMessage', () => {
  it('a message whose connection was closed is a failure with the error of the handler', async () => {
    const clock = new ManualClock()
    const message = new FakeMessage()
    const closed = () => {
      throw new Error('closed connection')
    }
    const error = new Error('no')
    const handled = handleMessage(
      Object.assign(message, { nak: closed, working: closed }),
      () =>
        new Promise((_, reject) => {
          clock.setTimer(60_000, () => reject(error))
        }),
      { clock, ackWaitMs: 30_000 },
    )
    await clock.advance(60_000)
    expect(await handled).toEqual({ result: 'failed', error })
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('a message is acknowledged when its handler has succeeded', async () => {
    const message = new FakeMessage()
    const facts: unknown[] = []
    const result = await handleMessage<{ id: string }>(message, (record, context) => {
      facts.push(record.newImage?.id, context)
    })
    expect(result).toEqual({ result: 'acknowledged' })
    expect(message.calls).toEqual(['ack'])
    expect(facts).toEqual([
      'a',
      {
        subject: 'orders.3',
        groupId: toRelayMessage(orderRecord('a')).groupId,
        receiveCount: 2,
        position: `/${'1'.padStart(40, '0')}`,
      },
    ])
  })

  it.each([
    ['a handler that fails', new FakeMessage(), 'failed'],
    ['a body that is not from a relay', new FakeMessage('x'), /not sent by a relay/],
  ])('after %s, the message is delivered again after the delay', async (_, message, error) => {
    const fail = async () => {
      throw new Error('failed')
    }
    const result = (await handleMessage(message, fail, { nakDelayMs: 250 })) as HandledMessage & {
      error: Error
    }
    expect(result.result).toBe('failed')
    expect(result.error.message).toMatch(error)
    expect(message.calls).toEqual(['nak 250'])
  })

  it('while a handler runs, JetStream is notified at a third of ack_wait', async () => {
    const clock = new ManualClock()
    const message = new FakeMessage()
    const wait = () => new Promise<void>((resolve) => clock.setTimer(100, resolve))
    await clock.run(handleMessage(message, wait, { ackWaitMs: 120, clock }))
    expect(message.calls).toEqual(['working', 'working', 'ack'])
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('an acknowledgement that is not confirmed is reported', async () => {
    const error = new Error('timeout')
    const lost = new FakeMessage(undefined, () => Promise.reject(error))
    expect(await handleMessage(lost, () => {})).toEqual({ result: 'unconfirmed', error })
    const refused = new FakeMessage(undefined, async () => false)
    expect(await handleMessage(refused, () => {})).toMatchObject({ result: 'unconfirmed' })
  })

  it.each([
    [undefined, () => {}, {}, /^Option message is undefined/],
    [new FakeMessage(), 1, {}, /^Option handler is 1/],
    [new FakeMessage(), () => {}, { ackWaitMs: 1 }, /^Option ackWaitMs is 1/],
    [new FakeMessage(), () => {}, { nakDelayMs: -1 }, /^Option nakDelayMs is -1/],
    [new FakeMessage(), () => {}, { clock: 1 }, /^Option clock is 1/],
    [
      new FakeMessage(),
      () => {},
      { ackWait: 1 },
      /^There is no option options.ackWait; did you mean ackWaitMs/,
    ],
  ])('an invalid argument is refused (case %#)', async (message, handler, options, error) => {
    await expect(handleMessage(message as never, handler as never, options as never)).rejects.toThrow(error)
  })
})

describe('natsRelay', () => {
  const jetstream = { publish: async () => ({ duplicate: false }) }

  it('keys are spread evenly over the partitions', () => {
    const counts = new Array(8).fill(0)
    for (let n = 0; n < 8_000; n++) {
      const { groupId } = toRelayMessage(orderRecord(`item-${n}`))
      counts[partitionOf(groupId, 8)]++
    }
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150)
  })

  it.each(['ClosedConnectionError', 'DrainingConnectionError', 'PermissionViolationError'])(
    'a %s fails the attempt, because no repetition can succeed',
    async (name) => {
      const error = Object.assign(new Error('closed'), { name })
      const relay = natsRelay({
        jetstream: { publish: () => Promise.reject(error) },
        subject: 'orders',
        partitions: 2,
      })
      await expect(relay(orderRecord('a'), new AbortController())).rejects.toBe(error)
    },
  )

  it.each([
    [{ subject: 'orders', partitions: 1 }, /^Option jetstream is undefined/],
    [{ jetstream, subject: 'orders.*', partitions: 1 }, /^Option subject is "orders.\*"/],
    [{ jetstream, subject: '', partitions: 1 }, /^Option subject is ""/],
    [{ jetstream, subject: 'orders' }, /^Option partitions is undefined/],
    [{ jetstream, subject: 'orders', partitions: 1, timeoutMs: 0 }, /^Option timeoutMs is 0/],
    [{ jetstream, subject: 'orders', partitions: 1, maxMessageBytes: 0 }, /^Option maxMessageBytes is 0/],
    [
      { jetstream, subject: 'orders', partitions: 1, onRety: 1 },
      /^There is no option onRety; did you mean onRetry/,
    ],
    [{ jetstream, subject: 'orders', partitions: 1, onRetry: 1 }, /^Option onRetry is 1/],
    [undefined, /^natsRelay expects an object/],
  ])('an invalid option is refused (case %#)', (options, message) => {
    expect(() => natsRelay(options as never)).toThrow(message)
  })
})
