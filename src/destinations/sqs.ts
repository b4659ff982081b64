import type { GetQueueAttributesResult } from '@aws-sdk/client-sqs'
import { clientHint } from '../core/client-hint.ts'
import { checkNames, namesOf } from '../core/options.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import { type AwsSdk, awsClient } from './aws-client.ts'
import { type AwsDestinationOptions, checkCallOptions, checkOversize } from './aws-client-options.ts'
import type { Destination, DestinationObject } from './destination.ts'
import { type MessageTarget, messageDestination } from './message-destination.ts'
import { checkQueueUrl, isFifoQueue, regionOfQueue } from './queue-url.ts'

export type { AwsDestinationOptions } from './aws-client-options.ts'
export type { DeadLetter, Destination, DestinationObject } from './destination.ts'

/** Options of {@link sqsDestination}. */
export interface SqsDestinationOptions extends AwsDestinationOptions {
  /**
   * The URL of a queue, such as `https://sqs.eu-west-1.amazonaws.com/123456789012/failed-orders`. It must not
   * be the queue's ARN.
   */
  readonly queueUrl: string
  /**
   * An `SQSClient` of the AWS SDK for JavaScript v3. It is not destroyed by `close()`.
   * @default a client that is configured by the environment, for the region in the URL of the queue
   */
  readonly client?: SdkClient | undefined
  /**
   * Where letters that are too large for the queue are sent instead: another destination, such as
   * `s3Destination({ bucket })`, or `'metadata'`, which sends the letter to the queue without the record
   * (`payload`). Its `failure.payloadOmitted` is `true` then. The record can still be read from the stream,
   * at the place in `DDBStreamBatchInfo`, until it is trimmed after 24 hours.
   *
   * The other destination is checked and closed together with this one.
   * @default 'metadata'
   */
  readonly oversize?: Destination | 'metadata' | undefined
}

const optionNames = namesOf<SqsDestinationOptions>({
  queueUrl: true,
  client: true,
  oversize: true,
  timeoutMs: true,
  clock: true,
})

/** A message has at most 1 MiB (API reference, SendMessage), unless `MaximumMessageSize` is lower. */
const MAX_MESSAGE_BYTES = 1_048_576

/**
 * Creates a destination that sends each dead letter as a message to an SQS queue.
 *
 * **Message.** The body is the JSON object that AWS Lambda sends to a failure destination, and in addition
 * the record (`payload`, a JSON string) and the failure (`failure`). Characters that SQS does not accept are
 * escaped. There are no message attributes.
 *
 * **FIFO queues**, whose URL ends with `.fifo`, receive the letters of an item in order: the message group is
 * the hash of the item's key. The deduplication id is the id of the letter, so a letter that is sent again
 * within five minutes is not stored twice. A standard queue can receive a letter more than once.
 *
 * **Size.** The message is measured before it is sent. The limit is 1 MiB, or what the queue's
 * `MaximumMessageSize` says; see {@link SqsDestinationOptions.oversize}.
 *
 * **Permissions.** `sqs:SendMessage`, and `sqs:GetQueueAttributes` for `check()`. The package
 * `@aws-sdk/client-sqs` must be installed; it is imported on the first call.
 *
 * `send` and `check` reject with:
 * - `destination.failed`: the call failed or received no response in time; `cause` is the error of the SDK;
 * - `options.invalid`: `@aws-sdk/client-sqs` is not installed, or does not fit `client`.
 *
 * @throws StreamError `options.invalid` if an option is invalid.
 */
export function sqsDestination(options: SqsDestinationOptions): Required<DestinationObject> {
  checkNames('', options, optionNames, {
    call: 'sqsDestination',
    options: "{ queueUrl: 'https://sqs.eu-west-1.amazonaws.com/123456789012/failed-orders' }",
    hint: clientHint('SQSClient'),
  })
  const queueUrl = checkQueueUrl(options.queueUrl)
  const client = awsClient(sqsSdk(regionOfQueue(queueUrl)), checkCallOptions(options))

  const queue: MessageTarget = {
    kind: 'queue',
    id: queueUrl,
    permissionToCheck: 'sqs:GetQueueAttributes',
    isFifo: isFifoQueue(queueUrl),
    chosenMaxBytes: undefined,
    defaultMaxBytes: MAX_MESSAGE_BYTES,
    publish: ({ body, fifo }) =>
      client.call(
        ({ SendMessageCommand }) =>
          new SendMessageCommand({
            QueueUrl: queueUrl,
            MessageBody: body,
            ...(fifo && { MessageGroupId: fifo.groupId, MessageDeduplicationId: fifo.deduplicationId }),
          }),
      ),
    async readMaxBytes() {
      const { Attributes } = await client.call<GetQueueAttributesResult>(
        ({ GetQueueAttributesCommand }) =>
          new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['MaximumMessageSize'] }),
      )
      const bytes = Number(Attributes?.MaximumMessageSize)
      return bytes > 0 ? bytes : undefined
    },
    close: () => client.close(),
  }
  return messageDestination(queue, checkOversize(options.oversize))
}

function sqsSdk(region: string | undefined): AwsSdk<typeof import('@aws-sdk/client-sqs')> {
  return {
    serviceId: 'SQS',
    load: () => import('@aws-sdk/client-sqs'),
    createCommand: (sdk) => new sdk.SendMessageCommand({ QueueUrl: undefined, MessageBody: undefined }),
    createClient: (sdk, requestHandler) =>
      new sdk.SQSClient({ requestHandler, ...(region !== undefined && { region }) }),
  }
}
