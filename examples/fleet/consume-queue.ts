import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { handleMessages, type MessageHandler } from 'dynamodb-stream-iterator/relay/sqs'
import { type Engine, type Order, send, VISIBILITY_SECONDS } from './orders.ts'

/** Receives the messages of the queue, and handles them one at a time. */
export async function consumeQueue(
  { endpoint, queueUrl }: Extract<Engine, { kind: 'sqs' }>,
  handler: MessageHandler<Order>,
): Promise<void> {
  const client = new SQSClient({ endpoint })
  await send({ kind: 'ready' })
  for (;;) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: 1,
        VisibilityTimeout: VISIBILITY_SECONDS,
        MessageSystemAttributeNames: ['MessageGroupId', 'ApproximateReceiveCount'],
      }),
    )
    const { acknowledged, failures } = await handleMessages(Messages, handler, {
      concurrency: 1,
      visibilityTimeoutMs: VISIBILITY_SECONDS * 1_000,
    })
    for (const { error } of failures) console.error('A message will be delivered again:', error)
    if (acknowledged.length === 0) continue
    await client.send(
      new DeleteMessageBatchCommand({
        QueueUrl: queueUrl,
        Entries: acknowledged.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
      }),
    )
  }
}
