import { describe, expect, it } from 'vitest'
import {
  createRelay,
  openStream,
  processStream,
  type RefusedMessage,
  type RelayMessage,
  type RelayRetry,
} from '../../../src/index.ts'
import { ManualClock, StreamEmulator } from '../../../src/testing/index.ts'
import { FakeQueue, itemOf, orderRecord } from './fake-queue.ts'

const MINUTE = 60_000

describe('batches', () => {
  it('records that are ready in the same turn of the event loop are sent in one call', async () => {
    const queue = new FakeQueue()
    for (const id of ['a', 'b']) queue.send(id)
    await queue.clock.advance(0)
    expect(queue.batches).toEqual([['a', 'b']])
  })

  it('a full batch is sent at once, and the rest waits while a call is in flight', async () => {
    const queue = new FakeQueue()
    for (const id of ['a', 'b', 'c', 'd']) queue.send(id)
    expect(queue.batches).toEqual([['a', 'b', 'c']])
    await queue.clock.advance(0)
    queue.send('e')
    await queue.clock.advance(19)
    expect(queue.batches).toHaveLength(1)
    await queue.clock.advance(1)
    expect(queue.batches[1]).toEqual(['d', 'e'])
  })

  it('what waits is sent when a call ends', async () => {
    const queue = new FakeQueue()
    queue.send('a')
    await queue.clock.advance(0)
    queue.send('b')
    await queue.clock.advance(5)
    expect(queue.batches).toEqual([['a']])
    queue.calls[0]?.resolve()
    await queue.clock.advance(0)
    expect(queue.batches).toEqual([['a'], ['b']])
  })

  it('a call has at most maxBatchBytes, and one message whatever its size', async () => {
    const queue = new FakeQueue({ maxBatchMessages: 10, maxBatchBytes: 10_000 })
    for (const id of ['a', 'b', 'c']) queue.send(id, { size: 4_000 })
    queue.send('d', { size: 9_000 })
    await queue.clock.advance(20)
    expect(queue.batches).toEqual([['a', 'b'], ['c'], ['d']])
    for (const { messages } of queue.calls) {
      expect(messages.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(10_000)
    }
  })

  it('a record is settled only when the call with its message has succeeded', async () => {
    const queue = new FakeQueue()
    const sent = queue.send('a')
    await queue.clock.advance(MINUTE)
    expect(sent.settled).toBeUndefined()
    queue.calls[0]?.resolve()
    await queue.clock.advance(0)
    expect(sent.settled).toBe('stored')
  })
})

describe('failures', () => {
  it('an outage of the queue of one hour costs no record, and calls are at most 10 s apart', async () => {
    const retries: RelayRetry[] = []
    const queue = new FakeQueue({}, { onRetry: (retry) => retries.push(retry) })
    const sent = queue.send('a')
    const down = new Error('down')
    const until = queue.clock.monotonic() + 60 * MINUTE
    while (queue.clock.monotonic() < until) {
      await queue.clock.advance(10_000)
      queue.calls.at(-1)?.reject(down)
      await queue.clock.advance(0)
    }
    expect(retries.slice(0, 3)).toEqual(
      [100, 200, 400].map((delayMs, index) => ({ attempt: index + 1, delayMs, messages: 1, error: down })),
    )
    expect(Math.max(...retries.map(({ delayMs }) => delayMs))).toBe(10_000)
    expect(sent.settled).toBeUndefined()
    await queue.clock.advance(10_000)
    queue.calls.at(-1)?.resolve()
    await queue.clock.advance(0)
    expect(sent.settled).toBe('stored')
    expect(new Set(queue.calls.map(({ messages }) => messages[0]?.id))).toEqual(new Set(['event-a-1']))
  })

  it('only the messages that the queue has refused are sent again', async () => {
    const queue = new FakeQueue()
    const [a, b] = [queue.send('a'), queue.send('b')]
    await queue.clock.advance(0)
    const [call] = queue.calls
    call?.resolve([{ message: call.messages[0] as RelayMessage, error: new Error('busy') }])
    await queue.clock.advance(0)
    expect([a.settled, b.settled]).toEqual([undefined, 'stored'])
    await queue.clock.advance(100)
    expect(queue.batches).toEqual([['a', 'b'], ['a']])
    queue.calls[1]?.resolve()
    await queue.clock.advance(0)
    expect(a.settled).toBe('stored')
  })

  it('a message that is refused for good fails alone, with the error of the queue', async () => {
    const queue = new FakeQueue()
    const [a, b] = [queue.send('a'), queue.send('b')]
    await queue.clock.advance(0)
    const [call] = queue.calls
    const error = new Error('invalid')
    call?.resolve([{ message: call.messages[0] as RelayMessage, error, isPermanent: true }])
    await queue.clock.advance(MINUTE)
    expect([a.settled, b.settled]).toEqual([error, 'stored'])
    expect(queue.calls).toHaveLength(1)
  })

  it('a permanent error fails all records of the call', async () => {
    const error = new Error('no such queue')
    const queue = new FakeQueue({ isPermanent: (thrown) => thrown === error })
    const sent = [queue.send('a'), queue.send('b')]
    await queue.clock.advance(0)
    queue.calls[0]?.reject(error)
    await queue.clock.advance(0)
    expect(sent.map(({ settled }) => settled)).toEqual([error, error])
  })

  it('a message that is too large for the queue is rejected without a call', async () => {
    const queue = new FakeQueue({ maxMessageBytes: 2_000 })
    const sent = queue.send('a', { size: 2_000 })
    await queue.clock.advance(0)
    expect(sent.settled).toMatchObject({
      name: 'RejectError',
      message: expect.stringMatching(
        /^The message with the record has 2\d\d\d bytes, but the queue accepts at most 2000 bytes\.$/,
      ),
    })
    expect(queue.calls).toEqual([])
  })
})

describe('aborts', () => {
  it('a record whose signal aborts while it waits is not sent, and rejects with the reason', async () => {
    const queue = new FakeQueue()
    queue.send('a')
    await queue.clock.advance(0)
    const b = queue.send('b')
    const reason = new Error('stopped')
    b.controller.abort(reason)
    queue.calls[0]?.resolve()
    await queue.clock.advance(MINUTE)
    expect(b.settled).toBe(reason)
    expect(queue.batches).toEqual([['a']])
  })

  it('a call is aborted once none of its records is wanted any more', async () => {
    const queue = new FakeQueue()
    const [a, b] = [queue.send('a'), queue.send('b')]
    await queue.clock.advance(0)
    a.controller.abort()
    expect(queue.calls[0]?.signal.aborted).toBe(false)
    b.controller.abort()
    expect(queue.calls[0]?.signal.aborted).toBe(true)
    queue.calls[0]?.reject(new Error('aborted'))
    await queue.clock.advance(MINUTE)
    expect(queue.calls).toHaveLength(1)
    expect(queue.clock.untilNextTimer).toBeUndefined()
  })

  it('an abort during the delay before a retry leaves no timer behind', async () => {
    const queue = new FakeQueue()
    const a = queue.send('a')
    await queue.clock.advance(0)
    queue.calls[0]?.reject(new Error('down'))
    await queue.clock.advance(0)
    expect(queue.clock.untilNextTimer).toBe(100)
    a.controller.abort()
    await queue.clock.advance(0)
    expect(queue.clock.untilNextTimer).toBeUndefined()
    expect(queue.calls).toHaveLength(1)
  })

  it('the same record can be sent again after an abort, although the first call is still in flight', async () => {
    const queue = new FakeQueue()
    queue.send('a').controller.abort()
    const first = queue.send('a')
    await queue.clock.advance(0)
    first.controller.abort()
    const second = queue.send('a')
    await queue.clock.advance(20)
    queue.calls[1]?.resolve()
    await queue.clock.advance(0)
    expect(second.settled).toBe('stored')
  })

  it('close() rejects what has not been sent, and all later records', async () => {
    let closes = 0
    const queue = new FakeQueue({
      close: () => {
        closes++
      },
    })
    const a = queue.send('a')
    await queue.clock.advance(0)
    await queue.relay.close()
    const b = queue.send('b')
    await queue.clock.advance(0)
    expect(a.settled).toMatchObject({ code: 'closed' })
    expect(b.settled).toMatchObject({ code: 'closed' })
    expect(queue.calls).toHaveLength(1)
    expect(queue.calls[0]?.signal.aborted).toBe(true)
    expect(closes).toBe(1)
  })
})

describe('the order of an item', () => {
  it('two records of an item at the same time are refused with an error that says why', async () => {
    const queue = new FakeQueue()
    queue.send('a', { sequenceNumber: '1' })
    const second = queue.send('a', { sequenceNumber: '2' })
    await queue.clock.advance(0)
    expect(second.settled).toEqual(
      new Error(
        'Two records of one item are sent at the same time, so their order would be lost. Use the relay as ' +
          "the handler of a single run of processStream, with order: 'key' or 'shard'.",
      ),
    )
  })

  it('processStream refuses a relay with handlerTimeoutMs, because a late message would be overtaken', async () => {
    const { relay } = new FakeQueue()
    const emulator = new StreamEmulator()
    await using stream = await openStream({ client: emulator.api, streamArn: emulator.streamArn })
    expect(() => processStream(stream, relay, { handlerTimeoutMs: 1_000 })).toThrow(
      'Option handlerTimeoutMs is 1000, but must be omitted with a relay',
    )
  })

  it("processStream refuses a relay with order: 'none', also as a task", async () => {
    const emulator = new StreamEmulator({ clock: new ManualClock() })
    await using stream = await openStream({ client: emulator.client(), streamArn: emulator.streamArn })
    const { relay } = new FakeQueue()
    for (const handler of [relay, { tasks: { relay, other: () => {} } }]) {
      expect(() => processStream(stream, handler, { order: 'none' })).toThrow(
        `Option order is "none", but must be 'key' or 'shard', because a relay keeps the order of each item.`,
      )
    }
  })

  it.each(['key', 'shard'] as const)(
    "with order '%s', a queue that fails at random receives the records of each item in order",
    async (order) => {
      const clock = new ManualClock()
      const emulator = new StreamEmulator({ clock, shards: 2, seed: 4 })
      for (let n = 0; n < 300; n++) emulator.put({ id: `item-${n % 23}`, n })
      emulator.split()
      for (let n = 300; n < 600; n++) emulator.put({ id: `item-${n % 23}`, n })
      emulator.disable()
      const stored: RelayMessage[] = []
      let calls = 0
      const relay = createRelay(
        {
          name: 'the queue',
          maxMessageBytes: 10_000,
          maxBatchMessages: 10,
          async publish(messages) {
            calls++
            expect(new Set(messages.map(({ groupId }) => groupId)).size).toBe(messages.length)
            if (calls % 5 === 0) throw new Error('down')
            // Every other message is stored, and the rest is refused, when the call fails in part.
            const refused = messages.filter((_, index) => calls % 3 === 0 && index % 2 === 0)
            stored.push(...messages.filter((message) => !refused.includes(message)))
            return refused.map((message) => ({ message, error: new Error('busy') }))
          },
        },
        { clock },
      )
      const stream = await openStream({
        client: emulator.client(),
        streamArn: emulator.streamArn,
        startAt: 'trim_horizon',
        clock,
      })
      const summary = await clock.run(processStream(stream, relay, { concurrency: 200, order }))
      expect(summary).toMatchObject({ handled: 600, attempts: 600, retries: 0 })
      const numbers = new Map<string, number[]>()
      for (const message of stored) {
        const of = numbers.get(itemOf(message)) ?? []
        numbers.set(itemOf(message), of)
        of.push(Number(JSON.parse(message.body).dynamodb.NewImage.n.N))
      }
      expect(stored).toHaveLength(600)
      for (const of of numbers.values()) expect(of).toEqual([...of].sort((a, b) => a - b))
    },
  )

  it('calls are full while many items have records', async () => {
    const clock = new ManualClock()
    const emulator = new StreamEmulator({ clock, shards: 2, seed: 4 })
    for (let n = 0; n < 1_000; n++) emulator.put({ id: `item-${n % 500}`, n })
    emulator.disable()
    let calls = 0
    const publish = async () => {
      const latencyMs = 10 + (calls++ % 7)
      await new Promise<void>((resolve) => clock.setTimer(latencyMs, resolve))
    }
    const target = { name: 'the queue', maxMessageBytes: 10_000, maxBatchMessages: 10, publish }
    const stream = await openStream({
      client: emulator.client(),
      streamArn: emulator.streamArn,
      startAt: 'trim_horizon',
      clock,
    })
    await clock.run(processStream(stream, createRelay(target, { clock }), { concurrency: 200 }))
    expect(calls).toBeLessThan(1.2 * 100)
  })

  it('a record that is too large is a dead letter, and the others are relayed', async () => {
    const clock = new ManualClock()
    const emulator = new StreamEmulator({ clock })
    emulator.put({ id: 'large', note: 'x'.repeat(20_000) })
    emulator.put({ id: 'small' })
    emulator.disable()
    const { streamArn } = emulator
    const client = emulator.client()
    const stream = await openStream({ client, streamArn, startAt: 'trim_horizon', clock })
    const letters: string[] = []
    const publish = async () => {}
    const relay = createRelay({ name: 'the queue', maxMessageBytes: 10_000, publish }, { clock })
    const summary = await clock.run(
      processStream(stream, relay, {
        onFailure: async ({ condition }) => void letters.push(condition),
      }),
    )
    expect(letters).toEqual(['Rejected'])
    expect(summary).toMatchObject({ handled: 1, attempts: 2 })
  })
})

describe('options', () => {
  const target = { name: 'q', maxMessageBytes: 10, publish: async () => {} }

  it.each([
    [undefined, {}, /^createRelay expects an object/],
    [{ ...target, publish: undefined }, {}, /^Option publish is undefined, but must be a function/],
    [{ ...target, maxBatchMessages: 0 }, {}, /^Option maxBatchMessages is 0/],
    [{ ...target, maxBatchBytes: 9 }, {}, /^Option maxBatchBytes is 9, but must be a whole number of 10 or/],
    [{ ...target, maxMessageBytes: 0 }, {}, /^Option maxMessageBytes is 0/],
    [{ ...target, publsh: 1 }, {}, /^There is no option publsh; did you mean publish\?/],
    [target, { onRetry: 1 }, /^Option onRetry is 1, but must be a function/],
    [target, { maxBatchingWindowMs: -1 }, /^Option maxBatchingWindowMs is -1/],
    [target, { clock: {} }, /^Option clock is an object/],
    [target, { random: 1 }, /^Option random is 1/],
    [target, { onRety: 1 }, /^There is no option options.onRety; did you mean onRetry\?/],
  ] as const)('invalid options are refused (case %#)', (invalid, options, message) => {
    expect(() => createRelay(invalid as never, options as never)).toThrow(message)
  })

  it('check() calls that of the target, if there is one', async () => {
    const error = new Error('no such queue')
    await expect(createRelay({ ...target, check: () => Promise.reject(error) }).check()).rejects.toBe(error)
    await expect(createRelay(target).check()).resolves.toBeUndefined()
  })

  it('a relay accepts records with any type of item', async () => {
    interface Order {
      readonly id: string
    }
    const emulator = new StreamEmulator({ clock: new ManualClock() })
    emulator.disable()
    const client = emulator.client()
    await using stream = await openStream<Order>({ client, streamArn: emulator.streamArn })
    await processStream(stream, createRelay(target)).stop()
    expect(orderRecord('a').eventId).toBe('event-a-1')
  })
})

describe('a target that does not keep the contract', () => {
  it.each([
    ['an object', { ok: true }],
    ['an array without refusals', [undefined]],
    ['the refusal of another message', [{ message: { id: 'other' }, error: new Error('no') }]],
  ])('%s as the result of publish fails the attempts of the call', async (_, result) => {
    const queue = new FakeQueue({ publish: async (): Promise<never> => result as never })
    const sent = queue.send('a')
    await queue.clock.advance(MINUTE)
    expect(sent.settled).toMatchObject({
      name: 'TypeError',
      message: 'publish must resolve to nothing, or to an array of refused messages.',
    })
  })

  it('an error of isPermanent fails the attempts of the call', async () => {
    const error = new Error('broken')
    const queue = new FakeQueue({
      publish: () => Promise.reject<readonly never[]>(new Error('down')),
      isPermanent: () => {
        throw error
      },
    })
    const sent = queue.send('a')
    await queue.clock.advance(MINUTE)
    expect(sent.settled).toBe(error)
  })

  it('a refusal names a message by its id', async () => {
    const error = new Error('refused')
    const queue = new FakeQueue({
      publish: async ([message]): Promise<readonly RefusedMessage[]> => [
        { message: { ...(message as RelayMessage) }, error, isPermanent: true },
      ],
    })
    const sent = queue.send('a')
    await queue.clock.advance(MINUTE)
    expect(sent.settled).toBe(error)
  })
})
