import { Logger } from '@aws-lambda-powertools/logger'
import type { Destination } from 'dynamodb-stream-iterator'
import { type LambdaStreamHandler, lambdaHandler } from 'dynamodb-stream-iterator/lambda'

interface Order {
  readonly id: string
  readonly total: number
}

export interface OrdersHandlerOptions {
  /** Sends the invoice of an order. Called again after a failure, so it must be idempotent. */
  readonly invoice: (id: string, total: number) => Promise<void>
  /** Where orders go that can never succeed. */
  readonly rejected: Destination
  readonly checkMapping?: boolean
}

/**
 * Creates the function. An order that fails blocks only itself: it is attempted three times, and is then
 * reported to Lambda.
 */
export function createOrdersHandler(options: OrdersHandlerOptions): LambdaStreamHandler {
  const { invoice, rejected, checkMapping = false } = options
  return lambdaHandler<Order>(
    async ({ newImage }, { reject }) => {
      if (newImage === undefined) return
      if (!Number.isFinite(newImage.total)) reject('The order has no total.')
      await invoice(newImage.id, newImage.total)
    },
    { checkMapping, logger: new Logger({ serviceName: 'orders' }), onFailure: { rejected } },
  )
}
