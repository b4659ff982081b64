// Handles the changes of orders, one at a time. Start as many of these processes as the work requires.
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import type { StreamRecord } from 'dynamodb-stream-iterator'
import { consumePartitions } from './consume-partitions.ts'
import { consumeQueue } from './consume-queue.ts'
import { type Engine, type Order, send } from './orders.ts'

const [engine = ''] = process.argv.slice(2)
process.once('disconnect', () => process.exit())

const from: Engine = JSON.parse(engine)
if (from.kind === 'sqs') await consumeQueue(from, handle)
else await consumePartitions(from, handle)

async function handle(
  record: StreamRecord<Order>,
  { position }: { readonly position: string },
): Promise<void> {
  await wait(5) // What the work is: a call of another service, for example.
  const { id = '', version = 0 } = record.newImage ?? {}
  const applied = once(process, 'message')
  await send({ kind: 'handled', orderId: id, version, position })
  await applied // As if it was a conditional write to a database: the message is acknowledged after it.
}
