// Reads the stream of orders, and sends each change to the queue. One process is enough: it does no work.
import { SQSClient } from '@aws-sdk/client-sqs'
import { jetstream } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { fileCheckpointStore, openStream, processStream, type Relay } from 'dynamodb-stream-iterator'
import { natsRelay } from 'dynamodb-stream-iterator/relay/nats'
import { sqsFifoRelay } from 'dynamodb-stream-iterator/relay/sqs'
import { type Engine, type Order, PARTITIONS, send } from './orders.ts'

const [engine = '', checkpoints = './checkpoints'] = process.argv.slice(2)
process.once('disconnect', () => process.exit())

await using relay = await openRelay(JSON.parse(engine))
await relay.check()
await using stream = await openStream<Order>({
  tableName: 'orders',
  startAt: 'trim_horizon',
  checkpoint: { store: fileCheckpointStore(checkpoints), name: 'reader' },
})
// A record is settled when the queue has stored it, so a killed reader loses nothing.
const run = processStream(stream, relay, { concurrency: 200 })
await send({ kind: 'ready' })
await run
process.disconnect?.()
process.exit()

async function openRelay(to: Engine): Promise<Relay> {
  const onRetry = ({ attempt, error }: { readonly attempt: number; readonly error: unknown }) =>
    console.error(`The queue has failed ${attempt} times:`, error)
  if (to.kind === 'sqs') {
    return sqsFifoRelay({ queueUrl: to.queueUrl, client: new SQSClient({ endpoint: to.endpoint }), onRetry })
  }
  const connection = await connect({ servers: to.url, maxReconnectAttempts: -1 })
  return natsRelay({ jetstream: jetstream(connection), subject: 'orders', partitions: PARTITIONS, onRetry })
}
