import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { startFauxqs } from 'fauxqs'
import type { QueuedLetter } from './check-fates.ts'

/** SQS in this process, which other processes can reach. */
export interface DeadLetterQueues extends AsyncDisposable {
  readonly endpoint: string
  /** Creates a queue and returns its URL. */
  create(name: string): string
  /** Takes all messages from a queue. */
  receive(url: string): Promise<readonly QueuedLetter[]>
}

export async function startDeadLetterQueues(): Promise<DeadLetterQueues> {
  const server = await startFauxqs({ port: 0, logger: false })
  const endpoint = server.address
  const client = new SQSClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })
  return {
    endpoint,
    create: (name) => server.createQueue(name).queueUrl,
    async receive(url) {
      const letters: QueuedLetter[] = []
      for (;;) {
        const { Messages = [] } = await client.send(
          new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }),
        )
        if (Messages.length === 0) return letters
        for (const { Body = '', ReceiptHandle } of Messages) {
          letters.push(parseLetter(Body))
          await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }))
        }
      }
    },
    async [Symbol.asyncDispose]() {
      client.destroy()
      await server.stop()
    },
  }
}

/** Reads the body of a message: Lambda's invocation record, with the record itself in `payload`. */
function parseLetter(body: string): QueuedLetter {
  const { requestContext, payload, failure } = JSON.parse(body)
  const [record] = JSON.parse(payload).Records
  const { requestId, condition } = requestContext
  return { n: Number(record.dynamodb.NewImage.n.N), condition, requestId, attempts: failure.attempts }
}
