import type { GetQueueAttributesResult, SendMessageBatchResult } from '@aws-sdk/client-sqs'
import { isStreamError } from '../core/errors.ts'
import { type AwsClientOptions, type AwsSdk, awsClient } from '../destinations/aws-client.ts'
import { serviceErrorCode } from '../destinations/aws-client-errors.ts'
import { regionOfQueue } from '../destinations/queue-url.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { tooLarge } from './relay.ts'
import type { RelayMessage } from './relay-message.ts'
import type { RefusedMessage, RelayTarget } from './relay-target.ts'

/** A message has at most 1 MiB, and so have all messages of a call (API reference, SendMessageBatch). */
export const MAX_MESSAGE_BYTES = 1_048_576

/** API reference, SendMessageBatch. */
const MAX_MESSAGES_PER_CALL = 10

/** SQS has refused or not stored a message. `code` is that of SQS. */
class MessageNotStored extends Error {
  override readonly name: string = 'MessageNotStored'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/**
 * The codes of an entry that SQS would refuse again. `SenderFault` alone does not say so: throttling, also
 * that of a KMS key, is attributed to the sender too.
 */
const contentErrors: ReadonlySet<string> = new Set([
  'InvalidMessageContents',
  'InvalidParameterValue',
  'InvalidParameterCombination',
  'MissingParameter',
])

/** Creates the target for a FIFO queue. */
export function sqsTarget(queueUrl: string, options: AwsClientOptions, maxMessageBytes: number): RelayTarget {
  const client = awsClient(sqsSdk(regionOfQueue(queueUrl)), options)
  const name = `the queue ${queueUrl}`
  let maxBytes = maxMessageBytes
  let hasWorked = false

  return {
    name,
    get maxMessageBytes() {
      return maxBytes
    },
    maxBatchMessages: MAX_MESSAGES_PER_CALL,
    maxBatchBytes: MAX_MESSAGE_BYTES,
    publish,
    /** Later, credentials that have expired, or a queue that is replaced, is an outage like any other. */
    isPermanent: (error) =>
      isStreamError(error, 'options.invalid') || (!hasWorked && classifyError(error) === 'fatal'),

    async check() {
      const { Attributes } = await client.call<GetQueueAttributesResult>(
        ({ GetQueueAttributesCommand }) =>
          new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['MaximumMessageSize'] }),
      )
      const limit = Number(Attributes?.MaximumMessageSize)
      if (limit > 0) maxBytes = Math.min(maxBytes, limit)
    },

    close: () => client.close(),
  }

  async function publish(
    messages: readonly RelayMessage[],
    signal: AbortSignal,
  ): Promise<readonly RefusedMessage[]> {
    try {
      return await sendBatch(messages, signal)
    } catch (error) {
      if (serviceErrorCode(error) !== 'BatchRequestTooLong') throw error
      const [message] = messages as [RelayMessage]
      if (messages.length === 1) {
        return [{ message, error: tooLarge(name, message.bytes, message.bytes - 1), isPermanent: true }]
      }
      // Emulators, and SQS until August 2025, have a limit of 256 KiB.
      const refused = await Promise.all(messages.map((one) => publish([one], signal)))
      return refused.flat()
    }
  }

  async function sendBatch(
    messages: readonly RelayMessage[],
    signal: AbortSignal,
  ): Promise<readonly RefusedMessage[]> {
    const { Successful = [], Failed = [] } = await client.call<Partial<SendMessageBatchResult>>(
      ({ SendMessageBatchCommand }) =>
        new SendMessageBatchCommand({
          QueueUrl: queueUrl,
          Entries: messages.map(({ id, groupId, body }, index) => ({
            Id: String(index),
            MessageBody: body,
            MessageGroupId: groupId,
            MessageDeduplicationId: id,
          })),
        }),
      signal,
    )
    hasWorked = true
    const stored = new Set(Successful.map(({ Id }) => Id))
    const failures = new Map(Failed.map((failure) => [failure.Id, failure]))
    return messages.flatMap((message, index): RefusedMessage[] => {
      const id = String(index)
      const failure = failures.get(id)
      if (failure === undefined) {
        if (stored.has(id)) return []
        const error = new MessageNotStored('', `The response of ${name} does not mention the message.`)
        return [{ message, error }]
      }
      const { Code = '', Message = 'no reason was given', SenderFault = false } = failure
      const error = new MessageNotStored(Code, `A message was not stored in ${name}: ${Message}`)
      return [{ message, error, isPermanent: SenderFault && contentErrors.has(Code) }]
    })
  }
}

function sqsSdk(region: string | undefined): AwsSdk<typeof import('@aws-sdk/client-sqs')> {
  return {
    serviceId: 'SQS',
    load: () => import('@aws-sdk/client-sqs'),
    createCommand: (sdk) => new sdk.SendMessageBatchCommand({ QueueUrl: undefined, Entries: [] }),
    createClient: (sdk, requestHandler) =>
      new sdk.SQSClient({ requestHandler, ...(region !== undefined && { region }) }),
  }
}
