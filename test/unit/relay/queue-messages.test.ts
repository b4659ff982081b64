import type { Message } from '@aws-sdk/client-sqs'
import type { SQSRecord } from 'aws-lambda'
import { describe, expect, it } from 'vitest'
import { toRelayMessage } from '../../../src/relay/relay-message.ts'
import { handleMessages, type MessageContext, recordFromMessage } from '../../../src/relay/sqs.ts'
import { ManualClock } from '../../../src/testing/index.ts'
import { itemOf, orderRecord } from './fake-queue.ts'

/** The message of the n-th change of an item, as the SDK returns it. */
function messageOf(id: string, n: number, changes: Partial<Message> = {}): Message {
  const { body, groupId } = toRelayMessage(orderRecord(id, String(n)))
  return {
    MessageId: `${id}${n}`,
    ReceiptHandle: `receipt-${id}${n}`,
    Body: body,
    Attributes: { MessageGroupId: groupId, ApproximateReceiveCount: '2' },
    ...changes,
  }
}

const idsOf = (messages: readonly Message[]) => messages.map(({ MessageId }) => MessageId)

describe('order and failures', () => {
  it('messages of a group are handled in order, one at a time, and groups concurrently', async () => {
    const clock = new ManualClock()
    const events: string[] = []
    const messages = [messageOf('a', 1), messageOf('a', 2), messageOf('b', 1), messageOf('a', 3)]
    const { acknowledged, failures, skipped, batchItemFailures } = await clock.run(
      handleMessages(messages, async ({ keys, sequenceNumber }) => {
        events.push(`start ${keys.id}${sequenceNumber}`)
        await new Promise<void>((resolve) => clock.setTimer(10, resolve))
        events.push(`end ${keys.id}${sequenceNumber}`)
      }),
    )
    expect(events).toEqual([
      'start a1',
      'start b1',
      'end a1',
      'start a2',
      'end b1',
      'end a2',
      'start a3',
      'end a3',
    ])
    expect(acknowledged).toEqual(messages)
    expect({ failures, skipped, batchItemFailures }).toEqual({
      failures: [],
      skipped: [],
      batchItemFailures: [],
    })
  })

  it('a group stops at its first failure, and other groups continue', async () => {
    const messages = [
      messageOf('a', 1),
      messageOf('b', 1),
      messageOf('a', 2),
      messageOf('a', 3),
      messageOf('b', 2),
    ]
    const error = new Error('failed')
    const handled: string[] = []
    const result = await handleMessages(messages, async ({ keys, sequenceNumber }) => {
      if (keys.id === 'a' && sequenceNumber === '2') throw error
      handled.push(`${keys.id}${sequenceNumber}`)
    })
    expect(handled.sort()).toEqual(['a1', 'b1', 'b2'])
    expect(idsOf(result.acknowledged)).toEqual(['a1', 'b1', 'b2'])
    expect(result.failures).toEqual([{ message: messages[2], error }])
    expect(idsOf(result.skipped)).toEqual(['a3'])
    expect(result.batchItemFailures).toEqual([{ itemIdentifier: 'a2' }, { itemIdentifier: 'a3' }])
  })

  it('a handler that throws synchronously has failed', async () => {
    const result = await handleMessages([messageOf('a', 1)], () => {
      throw new Error('failed')
    })
    expect(result.batchItemFailures).toEqual([{ itemIdentifier: 'a1' }])
  })

  it('a body that is not from a relay fails, and only its group waits', async () => {
    const { Attributes } = messageOf('a', 2)
    const messages = [
      messageOf('a', 1),
      { MessageId: 'x', Body: 'x', Attributes },
      messageOf('a', 3),
      messageOf('b', 1),
    ]
    const result = await handleMessages(messages, () => {})
    expect(idsOf(result.acknowledged)).toEqual(['a1', 'b1'])
    expect(result.failures).toMatchObject([
      { message: { MessageId: 'x' }, error: { name: 'RelayedRecordError' } },
    ])
    expect(idsOf(result.skipped)).toEqual(['a3'])
  })

  it('without the attribute MessageGroupId, the group follows from the record', async () => {
    const messages = [
      messageOf('a', 1, { Attributes: undefined }),
      messageOf('a', 2, { Attributes: undefined }),
      { MessageId: 'x' },
      messageOf('b', 1, { Attributes: undefined }),
    ]
    const result = await handleMessages(messages, ({ keys }) => {
      if (keys.id === 'a') throw new Error('failed')
    })
    expect(idsOf(result.acknowledged)).toEqual(['b1'])
    expect(idsOf(result.skipped)).toEqual(['a2'])
    expect(result.failures.map(({ message }) => message.MessageId).sort()).toEqual(['a1', 'x'])
  })

  it('at most as many groups are handled concurrently as concurrency allows', async () => {
    const clock = new ManualClock()
    let running = 0
    let most = 0
    const messages = Array.from({ length: 20 }, (_, n) => messageOf(`item-${n}`, 1))
    const handler = async () => {
      most = Math.max(most, ++running)
      await new Promise<void>((resolve) => clock.setTimer(10, resolve))
      running--
    }
    const { acknowledged } = await clock.run(handleMessages(messages, handler, { concurrency: 3 }))
    expect(acknowledged).toHaveLength(20)
    expect(most).toBe(3)
    expect(clock.monotonic()).toBe(70)
  })

  it('an empty list is handled at once', async () => {
    expect(await handleMessages([], () => {})).toEqual({
      acknowledged: [],
      failures: [],
      skipped: [],
      batchItemFailures: [],
    })
  })
})

describe('the time to handle a batch', () => {
  it('after the visibility timeout no handler is started, and the signal aborts', async () => {
    const clock = new ManualClock()
    const messages = [messageOf('a', 1), messageOf('a', 2), messageOf('a', 3)]
    let signal: AbortSignal | undefined
    const result = await clock.run(
      handleMessages(
        messages,
        async (_, context) => {
          signal = context.signal
          await new Promise<void>((resolve) => clock.setTimer(600, resolve))
        },
        { visibilityTimeoutMs: 1_000, clock },
      ),
    )
    expect(idsOf(result.acknowledged)).toEqual(['a1', 'a2'])
    expect(idsOf(result.skipped)).toEqual(['a3'])
    expect(signal?.reason).toMatchObject({
      name: 'TimeoutError',
      message: 'The visibility timeout of 1000 ms has elapsed.',
    })
  })

  it('a batch that ends in time leaves no timer and no listener behind', async () => {
    const clock = new ManualClock()
    const { signal } = new AbortController()
    const listeners: string[] = []
    signal.addEventListener = () => void listeners.push('add')
    signal.removeEventListener = () => void listeners.push('remove')
    await handleMessages([messageOf('a', 1)], () => {}, { visibilityTimeoutMs: 1_000, clock, signal })
    expect(clock.untilNextTimer).toBeUndefined()
    expect(listeners).toEqual(['add', 'remove'])
  })

  it('after the signal of the caller has aborted, no handler is started', async () => {
    const controller = new AbortController()
    const reason = new Error('stop')
    const messages = [messageOf('a', 1), messageOf('a', 2)]
    const result = await handleMessages(
      messages,
      (_, context) => {
        controller.abort(reason)
        expect(context.signal.reason).toBe(reason)
      },
      { signal: controller.signal },
    )
    expect(idsOf(result.acknowledged)).toEqual(['a1'])
    const { skipped } = await handleMessages(messages, () => {}, { signal: controller.signal })
    expect(idsOf(skipped)).toEqual(['a1', 'a2'])
  })
})

describe('what a handler receives', () => {
  it('the context has the facts about the message', async () => {
    let context: MessageContext | undefined
    await handleMessages([messageOf('a', 7)], (_, received) => {
      context = received
    })
    expect(context).toEqual({
      messageId: 'a7',
      groupId: expect.stringMatching(/^[\w-]{22}$/),
      receiveCount: 2,
      position: `/${'7'.padStart(40, '0')}`,
      signal: expect.any(AbortSignal),
    })
  })

  it('messages of a Lambda event are handled, and the result is a response', async () => {
    const { Body = '', Attributes } = messageOf('a', 1)
    const record = (messageId: string): SQSRecord => ({
      messageId,
      receiptHandle: 'r',
      body: Body,
      attributes: { ...Attributes, ApproximateReceiveCount: '4' } as never,
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn',
      awsRegion: 'eu-west-1',
    })
    const counts: unknown[] = []
    const result = await handleMessages([record('one'), record('two')], (_, { receiveCount, messageId }) => {
      counts.push(receiveCount)
      if (messageId === 'two') throw new Error('failed')
    })
    expect(counts).toEqual([4, 4])
    expect(result.batchItemFailures).toEqual([{ itemIdentifier: 'two' }])
  })

  it('recordFromMessage() returns the record, with the type of the items', () => {
    const record = recordFromMessage<{ id: string }>(messageOf('a', 1))
    expect(record.newImage?.id).toBe('a')
    expect(itemOf({ body: messageOf('b', 1).Body ?? '' })).toBe('b')
    expect(() => recordFromMessage({})).toThrow('The message was not sent by a relay: it has no body.')
  })
})

describe('options', () => {
  it.each([
    [undefined, () => {}, {}, /^Option messages is undefined, but must be an array of messages/],
    [[undefined], () => {}, {}, /^Option messages\[0\] is undefined/],
    [[], undefined, {}, /^Option handler is undefined/],
    [[], () => {}, { concurrency: 0 }, /^Option concurrency is 0/],
    [[], () => {}, { visibilityTimeoutMs: 0 }, /^Option visibilityTimeoutMs is 0/],
    [[], () => {}, { signal: 1 }, /^Option signal is 1/],
    [[], () => {}, { clock: 1 }, /^Option clock is 1/],
    [[], () => {}, { concurency: 1 }, /^There is no option options.concurency; did you mean concurrency\?/],
  ] as const)('an invalid argument is refused (case %#)', async (messages, handler, options, message) => {
    await expect(handleMessages(messages as never, handler as never, options as never)).rejects.toThrow(
      message,
    )
  })
})
