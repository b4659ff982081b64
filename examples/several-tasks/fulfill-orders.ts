import {
  type Destination,
  type DynamoDBStream,
  type ProcessingRun,
  processStream,
} from 'dynamodb-stream-iterator'

export interface Order {
  readonly id: string
  readonly email: string
  readonly total: number
}

export interface Services {
  index(order: Order): Promise<void>
  bill(order: Order, idempotencyKey: string): Promise<void>
  sendEmail(order: Order, idempotencyKey: string): Promise<void>
}

/**
 * Does three things for every new order. If one of them fails, only that one is repeated, also after a
 * restart. The dead letter of a task that was given up has its name in `failure.task`.
 */
export function fulfillOrders(
  stream: DynamoDBStream<Order>,
  services: Services,
  failed: Destination,
): ProcessingRun {
  return processStream(
    stream,
    {
      tasks: {
        index: ({ newImage }) => services.index(newImage as Order),
        bill: ({ newImage, eventId }) => services.bill(newImage as Order, eventId),
        email: ({ newImage, eventId }) => services.sendEmail(newImage as Order, eventId),
      },
    },
    {
      filter: ({ eventName, newImage }) => eventName === 'INSERT' && newImage !== undefined,
      onFailure: failed,
    },
  )
}
