import { jetstream } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { handleMessage, type NatsMessageHandler } from 'dynamodb-stream-iterator/relay/nats'
import { type Engine, type Order, PARTITIONS, send, VISIBILITY_SECONDS } from './orders.ts'

/**
 * Receives the messages of all partitions, and handles them one at a time. Each partition has one durable
 * consumer with `max_ack_pending: 1`, which all workers share: the next message is delivered, to any of them,
 * when the previous one is acknowledged.
 */
export async function consumePartitions(
  { url }: Extract<Engine, { kind: 'nats' }>,
  handler: NatsMessageHandler<Order>,
): Promise<void> {
  const connection = await connect({ servers: url, maxReconnectAttempts: -1 })
  const client = jetstream(connection)
  let last = Promise.resolve()
  const consume = async (partition: number) => {
    const consumer = await client.consumers.get('orders', `worker-${partition}`)
    for await (const message of await consumer.consume({ max_messages: 1 })) {
      const handled = last.then(async () => {
        const result = await handleMessage(message, handler, { ackWaitMs: VISIBILITY_SECONDS * 1_000 })
        if (result.result !== 'acknowledged') console.error('A message may be delivered again:', result.error)
      })
      last = handled
      await handled
    }
  }
  const consumers = Array.from({ length: PARTITIONS }, (_, partition) => consume(partition))
  await send({ kind: 'ready' })
  await Promise.all(consumers)
}
