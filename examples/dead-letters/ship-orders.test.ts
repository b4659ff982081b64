import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { openStream } from 'dynamodb-stream-iterator'
import { sqsDestination } from 'dynamodb-stream-iterator/destinations/sqs'
import { ManualClock, StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { startFauxqs } from 'fauxqs'
import { expect, test } from 'vitest'
import { type Order, readFailedOrder, shipOrders } from './ship-orders.ts'

test('orders that cannot be shipped are sent to an SQS queue, and all others are shipped', async () => {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock, shards: 2 })
  for (let n = 0; n < 20; n++) emulator.put({ id: `order-${n}`, address: `${n} Main Street` })
  emulator.put({ id: 'poison', address: 'causes an error at the carrier' })
  emulator.put({ id: 'homeless' })
  emulator.put({ id: 'order-0', address: 'moved, so it is not a new order' })
  emulator.disable()
  const sqs = await startQueue()
  try {
    const stream = await openStream<Order>({
      client: emulator.client(),
      streamArn: emulator.streamArn,
      startAt: 'trim_horizon',
      clock,
    })
    const shipped = new Map<string, string>()
    let outage = 40
    const run = shipOrders(
      stream,
      {
        async ship({ id, address = '' }, { idempotencyKey }) {
          if (outage-- > 0) throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
          if (id === 'poison') throw new Error('Internal error.')
          shipped.set(idempotencyKey, address)
        },
      },
      sqsDestination({ queueUrl: sqs.queueUrl, client: sqs.client }),
    )
    const summary = await clock.run(run)

    expect([...shipped.values()].sort()).toEqual(
      Array.from({ length: 20 }, (_, n) => `${n} Main Street`).sort(),
    )
    expect(summary).toMatchObject({ records: 23, handled: 20, filtered: 1 })
    expect(summary.deadLettered).toMatchObject({ exhausted: 1, rejected: 1 })
    const messages = await sqs.receive()
    const failed = messages.map(readFailedOrder).sort((a, b) => a.order.id.localeCompare(b.order.id))
    expect(failed).toEqual([
      { order: { id: 'homeless' }, reason: 'The order has no address.' },
      {
        order: { id: 'poison', address: 'causes an error at the carrier' },
        // The attempts during the outage are not among them.
        reason: 'Attempt 5 failed; retry.maxAttempts is 5.',
      },
    ])
  } finally {
    await sqs.stop()
  }
})

/** Starts an SQS service in this process, with one queue. */
async function startQueue() {
  const server = await startFauxqs({ port: 0, logger: false })
  const { queueUrl } = server.createQueue('failed-orders')
  const client = new SQSClient({
    endpoint: server.address,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  return {
    client,
    queueUrl,
    async receive(): Promise<string[]> {
      const command = new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10 })
      const { Messages = [] } = await client.send(command)
      return Messages.map(({ Body = '' }) => Body)
    },
    async stop(): Promise<void> {
      client.destroy()
      await server.stop()
    },
  }
}
