import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency'
import type { BasePersistenceLayer } from '@aws-lambda-powertools/idempotency/persistence'
import { Logger } from '@aws-lambda-powertools/logger'
import type { Tracer } from '@aws-lambda-powertools/tracer'
import type { Context, DynamoDBBatchResponse, DynamoDBStreamEvent } from 'aws-lambda'
import { type LambdaOptions, lambdaHandler } from 'dynamodb-stream-iterator/lambda'

interface Order {
  readonly id: string
  readonly total: number
}

export interface IdempotentHandlerOptions {
  /** Sends the invoice of an order. It need not be idempotent. */
  readonly invoice: (id: string, total: number) => Promise<void>
  /** Where Powertools notes which invoices were sent, such as its `DynamoDBPersistenceLayer`. */
  readonly persistenceStore: BasePersistenceLayer
  readonly tracer: Tracer
  readonly clock?: LambdaOptions['clock']
}

/** Creates the function. Lambda repeats records that were handled, but each invoice is sent once. */
export function createIdempotentHandler({
  invoice,
  persistenceStore,
  tracer,
  clock,
}: IdempotentHandlerOptions): (
  event: DynamoDBStreamEvent,
  context: Context,
) => Promise<DynamoDBBatchResponse> {
  // A record is in the stream for 24 hours, and Lambda can repeat it for as long.
  const config = new IdempotencyConfig({ expiresAfterSeconds: 86_400 })
  const invoiceOnce = makeIdempotent(
    // The first argument is the idempotency key.
    async (_eventId: string, { id, total }: Order) => invoice(id, total),
    { persistenceStore, config },
  )
  const handle = lambdaHandler<Order>(
    async ({ eventId, newImage }, { attempt }) => {
      if (newImage === undefined) return
      // Not the tracer's current segment: records of other items are handled at the same time.
      const subsegment = tracer.getSegment()?.addNewSubsegment('### invoice')
      subsegment?.addAnnotation('order', newImage.id)
      subsegment?.addAnnotation('attempt', attempt)
      try {
        await invoiceOnce(eventId, newImage)
        subsegment?.close()
      } catch (error) {
        subsegment?.close(error as Error)
        throw error
      }
    },
    { clock, logger: new Logger({ serviceName: 'orders' }) },
  )
  return (event, context) => {
    // Otherwise, an attempt that did not end would block its record until the key expires.
    config.registerLambdaContext(context)
    return handle(event, context)
  }
}
