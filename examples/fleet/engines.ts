import { AckPolicy, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { startFauxqs } from 'fauxqs'
import { type Engine, PARTITIONS, VISIBILITY_SECONDS } from './orders.ts'

export interface StartedEngine {
  readonly engine: Engine
  stop(): Promise<void>
}

/** Starts an SQS service in this process, with one queue. */
export async function startSqs(): Promise<StartedEngine> {
  const server = await startFauxqs({ port: 0, logger: false })
  const { queueUrl } = server.createQueue('orders.fifo', {
    attributes: { FifoQueue: 'true', VisibilityTimeout: String(VISIBILITY_SECONDS) },
  })
  return {
    engine: { kind: 'sqs', endpoint: server.address, queueUrl },
    stop: () => server.stop(),
  }
}

/** Creates the stream and its consumers on a server of NATS. */
export async function startNats(url: string): Promise<StartedEngine> {
  const connection = await connect({ servers: url })
  const manager = await jetstreamManager(connection)
  await manager.streams.add({
    name: 'orders',
    subjects: ['orders.*'],
    duplicate_window: 2 * 60 * 1e9, // ns
  })
  for (let partition = 0; partition < PARTITIONS; partition++) {
    await manager.consumers.add('orders', {
      durable_name: `worker-${partition}`,
      filter_subject: `orders.${partition}`,
      ack_policy: AckPolicy.Explicit,
      max_ack_pending: 1,
      ack_wait: VISIBILITY_SECONDS * 1e9, // ns
    })
  }
  return {
    engine: { kind: 'nats', url },
    async stop() {
      await manager.streams.delete('orders')
      await connection.close()
    },
  }
}
