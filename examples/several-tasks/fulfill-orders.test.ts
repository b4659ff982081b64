import { memoryCheckpointStore, memoryDestination, openStream } from 'dynamodb-stream-iterator'
import { ManualClock, StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { expect, test } from 'vitest'
import { fulfillOrders, type Order, type Services } from './fulfill-orders.ts'

/** Services that count their calls, and fail as long as `failing` contains their name. */
function countingServices() {
  const calls = new Map<string, number>()
  const failing = new Set<string>()
  const call = async (service: string) => {
    calls.set(service, (calls.get(service) ?? 0) + 1)
    if (failing.has(service)) throw new Error(`The service ${service} failed.`)
  }
  const services: Services = {
    index: () => call('index'),
    bill: () => call('bill'),
    sendEmail: () => call('email'),
  }
  return { calls, failing, services }
}

function fixture() {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock })
  const store = memoryCheckpointStore()
  const open = () =>
    openStream<Order>({
      client: emulator.client(),
      streamArn: emulator.streamArn,
      startAt: 'trim_horizon',
      checkpoint: { store, name: 'orders' },
      clock,
    })
  return { clock, emulator, open, failed: memoryDestination(), ...countingServices() }
}

test('only the task that failed runs again, also after a restart', async () => {
  const { clock, emulator, open, failed, calls, failing, services } = fixture()
  emulator.put({ id: 'order-1', email: 'ann@example.com', total: 9 })
  failing.add('email')
  const stream = await open()
  const run = fulfillOrders(stream, services, failed)
  await clock.advance(1_000)
  await clock.run(run.stop())
  await clock.run(stream.close())
  const before = calls.get('email') ?? 0
  expect(before).toBeGreaterThan(1)

  failing.clear()
  emulator.disable()
  await clock.run(fulfillOrders(await open(), services, failed))
  expect(Object.fromEntries(calls)).toEqual({ index: 1, bill: 1, email: before + 1 })
  expect(failed.letters).toEqual([])
})

test('a task that is given up has its own dead letter, and the others are finished', async () => {
  const { clock, emulator, open, failed, calls, failing, services } = fixture()
  emulator.put({ id: 'order-1', email: 'ann@example.com', total: 9 })
  emulator.put({ id: 'order-1', email: 'ann@example.com', total: 10 }) // is not a new order
  emulator.disable()
  failing.add('bill')
  const summary = await clock.run(fulfillOrders(await open(), services, failed))

  expect(Object.fromEntries(calls)).toEqual({ index: 1, email: 1, bill: 20 })
  expect(failed.letters.map(({ condition, failure }) => [condition, failure.task, failure.attempts])).toEqual(
    [['RetryAttemptsExhausted', 'bill', 20]],
  )
  expect(summary).toMatchObject({ records: 2, filtered: 1, deadLettered: { exhausted: 1 } })
})
