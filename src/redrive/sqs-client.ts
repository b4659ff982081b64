import type { SQSClientConfig } from '@aws-sdk/client-sqs'
import type { Clock } from '../core/clock.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import { type AwsClient, type AwsSdk, awsClient, DEFAULT_TIMEOUT_MS } from '../destinations/aws-client.ts'
import { awsSourceError } from './aws-source-error.ts'

type Sdk = typeof import('@aws-sdk/client-sqs')

/** The calls of a redrive to one queue. They reject with {@link SourceError}. */
export interface QueueClient {
  receive(options: {
    readonly waitSeconds: number
    readonly visibilitySeconds: number
  }): Promise<readonly ReceivedMessage[]>
  /** Returns the messages that could not be hidden: they are visible already, or were deleted. */
  hide(messages: readonly MessageHandle[], seconds: number): Promise<readonly MessageHandle[]>
  delete(message: MessageHandle): Promise<void>
  close(): void
}

/** A message that was received. Its receipt handle is needed to change or delete it. */
export interface MessageHandle {
  readonly id: string
  readonly receiptHandle: string
}

export interface ReceivedMessage extends MessageHandle {
  readonly body: string
}

export interface QueueClientOptions {
  readonly client?: SdkClient | undefined
  /** For a client that is created. */
  readonly settings: SQSClientConfig
  readonly clock: Clock
}

/** The most messages that one call of SQS returns or changes. */
export const MAX_MESSAGES_PER_CALL = 10

const PACKAGE = '@aws-sdk/client-sqs'

/** Creates the client of a queue. The SDK's package is loaded on the first call. */
export function queueClient(queueUrl: string, { client, settings, clock }: QueueClientOptions): QueueClient {
  const sqs = awsClient(sqsSdk(settings), { client, timeoutMs: DEFAULT_TIMEOUT_MS, clock })

  /** @param verb - what is attempted, such as `read`. */
  async function call<Output>(verb: string, create: Parameters<AwsClient<Sdk>['call']>[0]): Promise<Output> {
    try {
      return await sqs.call<Output>(create)
    } catch (error) {
      throw awsSourceError(`Cannot ${verb} the queue ${queueUrl}`, PACKAGE, error)
    }
  }

  return {
    async receive({ waitSeconds, visibilitySeconds }) {
      const { Messages = [] } = await call<import('@aws-sdk/client-sqs').ReceiveMessageCommandOutput>(
        'receive messages from',
        ({ ReceiveMessageCommand }) =>
          new ReceiveMessageCommand({
            QueueUrl: queueUrl,
            MaxNumberOfMessages: MAX_MESSAGES_PER_CALL,
            WaitTimeSeconds: waitSeconds,
            VisibilityTimeout: visibilitySeconds,
          }),
      )
      return Messages.map(({ MessageId: id = '', ReceiptHandle: receiptHandle = '', Body: body = '' }) => ({
        id,
        receiptHandle,
        body,
      }))
    },

    async hide(messages, seconds) {
      const { Failed = [] } = await call<
        import('@aws-sdk/client-sqs').ChangeMessageVisibilityBatchCommandOutput
      >(
        'change the visibility of messages in',
        ({ ChangeMessageVisibilityBatchCommand }) =>
          new ChangeMessageVisibilityBatchCommand({
            QueueUrl: queueUrl,
            Entries: messages.map(({ receiptHandle }, index) => ({
              Id: String(index),
              ReceiptHandle: receiptHandle,
              VisibilityTimeout: seconds,
            })),
          }),
      )
      return Failed.flatMap(({ Id }) => messages[Number(Id)] ?? [])
    },

    async delete({ receiptHandle }) {
      await call(
        'delete a message from',
        ({ DeleteMessageCommand }) =>
          new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle }),
      )
    },

    close: () => sqs.close(),
  }
}

function sqsSdk(settings: SQSClientConfig): AwsSdk<Sdk> {
  return {
    serviceId: 'SQS',
    load: () => import('@aws-sdk/client-sqs'),
    createCommand: (sdk) => new sdk.ReceiveMessageCommand({ QueueUrl: undefined }),
    createClient: (sdk, requestHandler) => new sdk.SQSClient({ requestHandler, ...settings }),
  }
}
