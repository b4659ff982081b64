import { describe, expect, test } from 'vitest'
import { sleep } from '../../../src/core/clock.ts'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { redrive } from '../../../src/redrive/redrive.ts'
import { sqsSource } from '../../../src/redrive/sqs-source.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { FakeQueue } from './fake-queue.ts'
import { letterJson, redriveWith } from './redrive-subject.ts'

const standard = 'https://sqs.eu-west-1.amazonaws.com/123456789012/failed'
const fifo = `${standard}.fifo`

/** Redrives a queue. Everything uses one manual clock. */
function subject(url: string, exported: (clock: ManualClock) => unknown) {
  const clock = new ManualClock()
  const queue = new FakeQueue(clock)
  const source = sqsSource(url, { queue, clock, emptyAfterMs: 5_000 })
  const { options, reported } = redriveWith(source, exported(clock), { clock })
  return {
    clock,
    queue,
    source,
    reported,
    start: () => redrive(options),
    run: () => clock.run(redrive(options)),
  }
}

const nothing = () => () => {}

function failOn(...numbers: readonly string[]) {
  return () => ({
    handler: ({ sequenceNumber }: StreamRecord) => {
      if (numbers.includes(sequenceNumber)) throw new Error('It always fails.')
    },
    retry: { maxAttempts: 1 },
  })
}

describe('a standard queue', () => {
  test('messages are received until the queue is empty for 5 seconds, handled in order, and deleted', async () => {
    const order: string[] = []
    const { queue, run, clock } = subject(
      standard,
      () => (record: StreamRecord) => void order.push(record.sequenceNumber),
    )
    for (let number = 35; number >= 1; number--) queue.send(`m${number}`, letterJson(number, 'a'))
    const { summary } = await run()
    expect(order).toEqual(Array.from({ length: 35 }, (_, index) => String(index + 1)))
    expect(summary).toMatchObject({ found: 35, handled: 35 })
    expect({ ids: queue.ids, isClosed: queue.isClosed }).toEqual({ ids: [], isClosed: true })
    expect(clock.monotonic()).toBeGreaterThanOrEqual(5_000)
    expect(clock.untilNextTimer).toBeUndefined()
  })

  test('a message that arrives while the queue seems empty is still ordered before later ones', async () => {
    const order: string[] = []
    const { queue, start, clock } = subject(
      standard,
      () => (record: StreamRecord) => void order.push(record.sequenceNumber),
    )
    queue.send('m2', letterJson(2, 'a'))
    const running = start()
    await clock.advance(3_000)
    expect(order).toEqual([])
    queue.send('m1', letterJson(1, 'a'))
    await clock.run(running)
    expect(order).toEqual(['1', '2'])
  })

  test('messages that were not handled are visible again at once, and only then', async () => {
    const { queue, run, clock } = subject(standard, () => async (record: StreamRecord) => {
      if (record.sequenceNumber === '1') throw new Error('It always fails.')
      await sleep(clock, 10)
      expect(queue.visible).toEqual([])
    })
    queue.send('m1', letterJson(1, 'a'))
    queue.send('m2', letterJson(2, 'a'))
    queue.send('m3', letterJson(3, 'b'))
    queue.send('m4', 'no letter')
    const { summary } = await run()
    expect(queue.visible).toEqual(['m1', 'm2', 'm4'])
    expect(summary).toMatchObject({ handled: 1, failed: 1, behindOthers: 1, malformed: 1 })
  })

  test('messages stay hidden while a handler runs for hours, and nothing is received twice', async () => {
    const { queue, start, clock } = subject(standard, (time) => () => sleep(time, 6 * 3_600_000))
    for (let number = 1; number <= 25; number++)
      queue.send(`m${number}`, letterJson(number, `k${number % 3}`))
    const running = start()
    for (let minute = 0; minute < 60; minute++) {
      await clock.advance(60_000)
      expect(queue.visible).toEqual([])
    }
    const { summary } = await clock.run(running)
    expect(summary).toMatchObject({ found: 25, handled: 25 })
    expect(queue.ids).toEqual([])
  })

  test('two calls in a row that fail to extend the visibility do not matter', async () => {
    const { queue, start, clock } = subject(standard, (time) => () => sleep(time, 600_000))
    queue.send('m1', letterJson(1, 'a'))
    queue.send('m2', letterJson(2, 'a'))
    let failures = 2
    queue.before = (operation) => {
      if (operation === 'hide' && failures-- > 0) throw new Error('No connection.')
    }
    const running = start()
    for (let seconds = 0; seconds < 300; seconds += 10) {
      await clock.advance(10_000)
      expect(queue.visible).toEqual([])
    }
    expect((await clock.run(running)).summary).toMatchObject({ handled: 2 })
  })

  test('a message that has become visible meanwhile is not handled, nor are later ones of its item', async () => {
    const order: string[] = []
    const { queue, start, clock, reported } = subject(standard, (time) => async (record: StreamRecord) => {
      order.push(record.sequenceNumber)
      await sleep(time, 200_000)
    })
    queue.send('m1', letterJson(1, 'a'))
    queue.send('m2', letterJson(2, 'b'))
    queue.send('m3', letterJson(3, 'b'))
    queue.before = (operation) => {
      if (operation === 'hide' && clock.monotonic() < 150_000) throw new Error('No connection.')
    }
    const { summary } = await clock.run(start())
    expect(order).toEqual(['1', '2'])
    // They were handled, but their receipt handles have expired.
    expect(summary).toMatchObject({ handled: 0, failed: 2, notStarted: 1 })
    expect(reported).toContain('notRemoved m1')
  })

  test('before a handler is called, a message that is hidden for less than 20 seconds is hidden again', async () => {
    const order: string[] = []
    const { queue, clock, source } = subject(standard, nothing)
    queue.send('m1', letterJson(1, 'a'))
    queue.before = (operation) => {
      order.push(operation)
      if (operation === 'hide' && order.filter((other) => other === 'hide').length <= 2)
        throw new Error('Down.')
    }
    await clock.run(async () => {
      for await (const { place } of source.letters(new AbortController().signal)) expect(place).toBe('m1')
    })
    await clock.advance(110_000 - clock.monotonic())
    expect(await source.claim('m1')).toBe(true)
    expect(order.filter((operation) => operation === 'hide')).toHaveLength(3)
    await clock.advance(100_000)
    expect(queue.visible).toEqual([])
    await source.close()
    expect(queue.visible).toEqual(['m1'])
    expect(await source.claim('m1')).toBe(false)
  })

  test('a queue without messages ends the redrive after 5 seconds', async () => {
    const { run, clock, reported } = subject(standard, nothing)
    const { summary } = await run()
    expect(summary.found).toBe(0)
    expect(reported).toEqual([])
    expect(clock.monotonic()).toBeGreaterThanOrEqual(5_000)
    expect(clock.monotonic()).toBeLessThanOrEqual(7_000)
  })

  test('messages that arrive while handlers run are left to the next redrive', async () => {
    const { queue, run } = subject(standard, () => () => queue.send('m2', letterJson(2, 'a')))
    queue.send('m1', letterJson(1, 'a'))
    await run()
    expect(queue.ids).toEqual(['m2'])
  })

  test('at most 10,000 letters are in memory at a time, and the rest follows', async () => {
    const { queue, run, reported } = subject(standard, nothing)
    const bodies = [1, 2, 3].map((number) => letterJson(number, `k${number}`))
    for (let number = 0; number < 10_005; number++) queue.send(`m${number}`, bodies[number % 3] ?? '')
    const { summary } = await run()
    expect(reported).toEqual(['found 10000', 'found 10005'])
    expect(summary).toMatchObject({ found: 10_005, handled: 10_005, records: 3 })
  })

  test('an error of SQS while messages are received makes those that were received visible again', async () => {
    const { queue, run } = subject(standard, nothing)
    for (let number = 1; number <= 15; number++) queue.send(`m${number}`, letterJson(number, 'a'))
    const error = new Error('Throttled.')
    queue.before = (operation) => {
      if (operation === 'receive' && queue.receiveCalls === 1) throw error
    }
    const { failure, summary } = await run()
    expect(failure).toEqual({ error })
    expect(summary).toMatchObject({ found: 10, handled: 0, notStarted: 10 })
    expect(queue.visible).toHaveLength(15)
  })

  test('letters that fail can be redriven again, in the same order', async () => {
    const { queue, run, clock } = subject(standard, failOn('1'))
    queue.send('m2', letterJson(2, 'a'))
    queue.send('m1', letterJson(1, 'a'))
    await run()
    const order: string[] = []
    const source = sqsSource(standard, { queue, clock, emptyAfterMs: 5_000 })
    const again = redriveWith(source, (record: StreamRecord) => void order.push(record.sequenceNumber), {
      clock,
    })
    await clock.run(redrive(again.options))
    expect({ order, ids: queue.ids }).toEqual({ order: ['1', '2'], ids: [] })
  })
})

describe('a FIFO queue', () => {
  test('the next messages of a group are received once the previous ones are deleted', async () => {
    const order: string[] = []
    const { queue, run, clock } = subject(
      fifo,
      () => (record: StreamRecord) => void order.push(record.sequenceNumber),
    )
    for (let number = 1; number <= 35; number++) queue.send(`m${number}`, letterJson(number, 'a'), 'a')
    const { summary } = await run()
    expect(order).toEqual(Array.from({ length: 35 }, (_, index) => String(index + 1)))
    expect(summary).toMatchObject({ found: 35, handled: 35 })
    expect(queue.ids).toEqual([])
    // It waits for 5 seconds only at the end.
    expect(clock.monotonic()).toBeLessThanOrEqual(7_000)
  })

  test('a group whose message fails is not received further, and other groups continue', async () => {
    const { queue, run } = subject(fifo, failOn('2'))
    for (let number = 1; number <= 15; number++) queue.send(`a${number}`, letterJson(number, 'a'), 'a')
    for (let number = 16; number <= 30; number++) queue.send(`b${number}`, letterJson(number, 'b'), 'b')
    const { summary } = await run()
    expect(queue.ids).toEqual(Array.from({ length: 14 }, (_, index) => `a${index + 2}`))
    expect(queue.visible).toEqual(queue.ids)
    expect(summary).toMatchObject({ handled: 16, failed: 1, behindOthers: 8 })
  })
})
