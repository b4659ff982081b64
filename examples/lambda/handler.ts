import { sqsDestination } from 'dynamodb-stream-iterator/destinations/sqs'
import type { LambdaStreamHandler } from 'dynamodb-stream-iterator/lambda'
import { createOrdersHandler } from './orders-handler.ts'

/** The function that template.yaml deploys. */
export const handler: LambdaStreamHandler = createOrdersHandler({
  // A real function would call a service here.
  invoice: async (id, total) => console.log(`Invoice for ${id}: ${total}`),
  rejected: sqsDestination({ queueUrl: process.env.REJECTED_QUEUE_URL ?? '' }),
  checkMapping: process.env.CHECK_MAPPING === 'true',
})
