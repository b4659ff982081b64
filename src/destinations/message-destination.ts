import { StreamError } from '../core/errors.ts'
import { type AwsTarget, destinationFailed, isDenied, serviceErrorCode } from './aws-client-errors.ts'
import {
  type DeadLetter,
  type Destination,
  type DestinationObject,
  toDestinationObject,
} from './destination.ts'
import { letterBody, metadataOnlyBody } from './serialize-letter.ts'

/** A message for a queue or a topic. */
export interface LetterMessage {
  readonly body: string
  /** For FIFO queues and topics only. */
  readonly fifo: { readonly groupId: string; readonly deduplicationId: string } | undefined
}

/** A queue or topic, and the calls that a destination makes. They reject with errors of the SDK. */
export interface MessageTarget extends AwsTarget {
  readonly isFifo: boolean
  /** The size of the largest message according to the user, in bytes. */
  readonly chosenMaxBytes: number | undefined
  /** The size of the largest message in a queue or topic with default settings, in bytes. */
  readonly defaultMaxBytes: number
  publish(message: LetterMessage): Promise<unknown>
  /** Returns the size of the largest message that is set in the service, in bytes, if there is one. */
  readMaxBytes(): Promise<number | undefined>
  close(): void
}

/** Where dead letters that are too large for a message are sent. */
export type Oversize = Destination | 'metadata'

/** The smallest limit at which a message without its payload always fits. */
export const MIN_MESSAGE_BYTES = 32_768

/** Creates the destination for a queue or a topic, which differ only in their calls. */
export function messageDestination(target: MessageTarget, oversize: Oversize): Required<DestinationObject> {
  const other = oversize === 'metadata' ? undefined : toDestinationObject(oversize)
  let maxBytes = target.chosenMaxBytes ?? target.defaultMaxBytes

  return {
    async send(letter) {
      const body = letterBody(letter, 'queue')
      const size = Buffer.byteLength(body)
      if (size <= maxBytes) {
        try {
          await publish(letter, body)
          return
        } catch (error) {
          if (!(await isTooLarge(size, error))) throw destinationFailed(target, 'send', error)
        }
      }
      await sendOversize(letter)
    },

    async check() {
      const limit = await learnMaxBytes().catch((error) => {
        throw destinationFailed(target, 'check', error)
      })
      if (limit !== undefined && limit < MIN_MESSAGE_BYTES) throw tooSmall(target, limit)
      await other?.check?.()
    },

    async close() {
      target.close()
      await other?.close?.()
    },
  }

  async function publish(letter: DeadLetter, body: string): Promise<void> {
    const fifo = { groupId: letter.failure.keyHash, deduplicationId: letter.id }
    await target.publish({ body, fifo: target.isFifo ? fifo : undefined })
  }

  async function sendOversize(letter: DeadLetter): Promise<void> {
    if (other) return other.send(letter)
    await publish(letter, metadataOnlyBody(letter)).catch((error) => {
      throw destinationFailed(target, 'send', error)
    })
  }

  /**
   * Returns whether a message was refused because the limit of the queue or topic is lower than assumed.
   * Without this, such a message would be retried forever. The service reports several mistakes with the
   * same error code, so the limit is read.
   */
  async function isTooLarge(size: number, error: unknown): Promise<boolean> {
    if (!REFUSALS.has(serviceErrorCode(error))) return false
    try {
      return size > ((await learnMaxBytes()) ?? target.defaultMaxBytes)
    } catch (unreadable) {
      // Workers often may send messages only. If something else is wrong, the message without its payload
      // is refused too.
      return isDenied(unreadable)
    }
  }

  async function learnMaxBytes(): Promise<number | undefined> {
    const limit = await target.readMaxBytes()
    if (limit !== undefined) maxBytes = Math.min(target.chosenMaxBytes ?? limit, limit)
    return limit
  }
}

/** The names of the errors for a message that is too large, which have other reasons as well. */
const REFUSALS: ReadonlySet<string> = new Set([
  'InvalidParameterValue',
  'InvalidParameterValueException',
  'InvalidParameter',
  'InvalidParameterException',
])

function tooSmall(target: AwsTarget, limit: number): StreamError<'destination.failed'> {
  const message =
    `Cannot use the ${target.kind} ${target.id} as a destination: its MaximumMessageSize is ${limit} bytes, but a dead letter ` +
    `without its payload can take ${MIN_MESSAGE_BYTES} bytes.`
  return new StreamError('destination.failed', message, { destination: target.id, operation: 'check' })
}
