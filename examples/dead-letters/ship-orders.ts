import { unmarshall } from '@aws-sdk/util-dynamodb'
import {
  type Destination,
  type DynamoDBStream,
  type ProcessingRun,
  processStream,
} from 'dynamodb-stream-iterator'

export interface Order {
  readonly id: string
  readonly address?: string
}

/** The API of the carrier. It ignores a request whose idempotency key it knows already. */
export interface Carrier {
  ship(order: Order, options: { idempotencyKey: string; signal: AbortSignal }): Promise<void>
}

/** Ships every new order. What cannot be shipped goes to `failed`, and the other orders continue. */
export function shipOrders(
  stream: DynamoDBStream<Order>,
  carrier: Carrier,
  failed: Destination,
): ProcessingRun {
  return processStream(
    stream,
    async ({ eventId, newImage: order }, { signal, reject }) => {
      if (!order?.address) return reject('The order has no address.') // another attempt would not help
      // The record can be attempted again after a crash, even if the carrier has shipped the order.
      await carrier.ship(order, { idempotencyKey: eventId, signal })
    },
    {
      filters: { eventName: ['INSERT'] },
      onFailure: failed,
      handlerTimeoutMs: 30_000,
      retry: {
        maxAttempts: 5,
        // An outage of the carrier is not the fault of an order, and uses up no attempt.
        classify: (error) => ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'wait' : 'retry'),
      },
    },
  )
}

/** Returns the order in a message of the queue, with the reason why it was not shipped. */
export function readFailedOrder(message: string): { readonly order: Order; readonly reason: string } {
  const { payload, failure } = JSON.parse(message)
  const [record] = JSON.parse(payload).Records // the event that a Lambda function would receive
  return { order: unmarshall(record.dynamodb.NewImage) as Order, reason: failure.reason }
}
