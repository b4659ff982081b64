import { openStream } from 'dynamodb-stream-iterator'
import { ManualClock, StreamEmulator, trackConsumer } from 'dynamodb-stream-iterator/testing'
import { expect, test } from 'vitest'
import { type Order, sumUp } from './sum-up.ts'

const minute = 60_000

test('the sums are correct across splits, late children and expired iterators', async () => {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock })
  const history = trackConsumer(emulator)
  const stream = await openStream<Order>({
    client: emulator.client(),
    streamArn: emulator.streamArn,
    startAt: 'trim_horizon',
    clock,
  })
  const sums = new Map<string, number>()
  const consumer = sumUp(history.follow(stream), sums)

  const events = [
    () => {},
    () => emulator.split(),
    () => emulator.split(undefined, 2, { hidden: { ms: 2 * minute } }),
    () => emulator.expireIterators(),
  ]
  for (const [round, event] of events.entries()) {
    event()
    for (let n = 0; n < 10; n++) emulator.put({ id: `order-${n}`, customer: `c${n % 2}`, amount: round + n })
    await clock.advance(minute)
  }
  emulator.disable() // The stream ends, and so does the loop of the consumer.
  await clock.run(consumer)

  history.expectComplete()
  expect(emulator.log.some(({ error }) => error === 'ExpiredIteratorException')).toBe(true)
  expect(sums).toEqual(
    new Map([
      ['c0', 35],
      ['c1', 40],
    ]),
  )
})
