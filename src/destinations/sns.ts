import type { GetTopicAttributesResponse } from '@aws-sdk/client-sns'
import { clientHint } from '../core/client-hint.ts'
import { checkNames, integer, invalidOption, namesOf } from '../core/options.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import { type AwsSdk, awsClient } from './aws-client.ts'
import { type AwsDestinationOptions, checkCallOptions, checkOversize } from './aws-client-options.ts'
import type { Destination, DestinationObject } from './destination.ts'
import { type MessageTarget, MIN_MESSAGE_BYTES, messageDestination } from './message-destination.ts'

export type { AwsDestinationOptions } from './aws-client-options.ts'
export type { DeadLetter, Destination, DestinationObject } from './destination.ts'

/** Options of {@link snsDestination}. */
export interface SnsDestinationOptions extends AwsDestinationOptions {
  /** The ARN of a topic, such as `arn:aws:sns:eu-west-1:123456789012:failed-orders`. */
  readonly topicArn: string
  /**
   * An `SNSClient` of the AWS SDK for JavaScript v3. It is not destroyed by `close()`.
   * @default a client that is configured by the environment, for the region in the ARN of the topic
   */
  readonly client?: SdkClient | undefined
  /**
   * Where letters that are too large for the topic are sent instead: another destination, such as
   * `s3Destination({ bucket })`, or `'metadata'`, which sends the letter to the topic without the record
   * (`payload`). Its `failure.payloadOmitted` is `true` then. The record can still be read from the stream,
   * at the place in `DDBStreamBatchInfo`, until it is trimmed after 24 hours.
   *
   * The other destination is checked and closed together with this one.
   * @default 'metadata'
   */
  readonly oversize?: Destination | 'metadata' | undefined
  /**
   * The size of the largest message, in bytes, from 32,768 to 1,048,576 (1 MiB). More than 262,144 bytes
   * (256 KiB) require the attribute `MaximumMessageSize` of the topic, which `check()` reads: without it,
   * set both to the same value.
   * @default `MaximumMessageSize` of the topic if `check()` has read it, otherwise 262_144
   */
  readonly maxMessageBytes?: number | undefined
}

const optionNames = namesOf<SnsDestinationOptions>({
  topicArn: true,
  client: true,
  oversize: true,
  maxMessageBytes: true,
  timeoutMs: true,
  clock: true,
})

/** API reference, Publish and SetTopicAttributes. */
const DEFAULT_MESSAGE_BYTES = 262_144
const MAX_MESSAGE_BYTES = 1_048_576

/** In emulators, the partition, region and account may be empty. */
const TOPIC_ARN = /^arn:[^:]*:sns:(?<region>[^:]*):[^:]*:[A-Za-z0-9_-]+(?:\.fifo)?$/

/**
 * Creates a destination that publishes each dead letter to an SNS topic.
 *
 * **Message.** The JSON object that AWS Lambda sends to a failure destination, and in addition the record
 * (`payload`, a JSON string) and the failure (`failure`). Characters that a subscribed SQS queue does not
 * accept are escaped. There are no message attributes and no subject.
 *
 * **FIFO topics**, whose ARN ends with `.fifo`, receive the letters of an item in order: the message group is
 * the hash of the item's key. The deduplication id is the id of the letter, so a letter that is sent again
 * within five minutes is not delivered twice. A standard topic can deliver a letter more than once.
 *
 * **Size.** The message is measured before it is sent; see {@link SnsDestinationOptions.maxMessageBytes} and
 * {@link SnsDestinationOptions.oversize}.
 *
 * **Permissions.** `sns:Publish`, and `sns:GetTopicAttributes` for `check()`. The package
 * `@aws-sdk/client-sns` must be installed; it is imported on the first call.
 *
 * `send` and `check` reject with:
 * - `destination.failed`: the call failed or received no response in time; `cause` is the error of the SDK;
 * - `options.invalid`: `@aws-sdk/client-sns` is not installed, or does not fit `client`.
 *
 * @throws StreamError `options.invalid` if an option is invalid.
 */
export function snsDestination(options: SnsDestinationOptions): Required<DestinationObject> {
  checkNames('', options, optionNames, {
    call: 'snsDestination',
    options: "{ topicArn: 'arn:aws:sns:eu-west-1:123456789012:failed-orders' }",
    hint: clientHint('SNSClient'),
  })
  const topicArn = checkTopicArn(options.topicArn)
  const { maxMessageBytes } = options
  if (maxMessageBytes !== undefined) {
    integer('maxMessageBytes', maxMessageBytes, MIN_MESSAGE_BYTES, MAX_MESSAGE_BYTES)
  }
  const client = awsClient(snsSdk(regionOfTopic(topicArn)), checkCallOptions(options))

  const topic: MessageTarget = {
    kind: 'topic',
    id: topicArn,
    permissionToCheck: 'sns:GetTopicAttributes',
    isFifo: topicArn.endsWith('.fifo'),
    chosenMaxBytes: maxMessageBytes,
    defaultMaxBytes: DEFAULT_MESSAGE_BYTES,
    publish: ({ body, fifo }) =>
      client.call(
        ({ PublishCommand }) =>
          new PublishCommand({
            TopicArn: topicArn,
            Message: body,
            ...(fifo && { MessageGroupId: fifo.groupId, MessageDeduplicationId: fifo.deduplicationId }),
          }),
      ),
    async readMaxBytes() {
      const { Attributes } = await client.call<GetTopicAttributesResponse>(
        ({ GetTopicAttributesCommand }) => new GetTopicAttributesCommand({ TopicArn: topicArn }),
      )
      const bytes = Number(Attributes?.MaximumMessageSize)
      return bytes > 0 ? bytes : undefined
    },
    close: () => client.close(),
  }
  return messageDestination(topic, checkOversize(options.oversize))
}

function snsSdk(region: string | undefined): AwsSdk<typeof import('@aws-sdk/client-sns')> {
  return {
    serviceId: 'SNS',
    load: () => import('@aws-sdk/client-sns'),
    createCommand: (sdk) => new sdk.PublishCommand({ Message: undefined }),
    createClient: (sdk, requestHandler) =>
      new sdk.SNSClient({ requestHandler, ...(region !== undefined && { region }) }),
  }
}

function checkTopicArn(topicArn: unknown): string {
  if (typeof topicArn === 'string' && TOPIC_ARN.test(topicArn)) return topicArn
  throw invalidOption(
    'topicArn',
    topicArn,
    'the ARN of a topic, as in arn:aws:sns:eu-west-1:123456789012:failed-orders',
  )
}

function regionOfTopic(topicArn: string): string | undefined {
  return TOPIC_ARN.exec(topicArn)?.groups?.region || undefined
}
