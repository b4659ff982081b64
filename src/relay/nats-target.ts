import { tooLarge } from './relay.ts'
import type { RelayMessage } from './relay-message.ts'
import type { RefusedMessage, RelayTarget } from './relay-target.ts'

/** What JetStream returns when it has stored a message. */
export interface PublishAck {
  /** Whether the stream had the message already. */
  readonly duplicate: boolean
}

/** The part of a JetStream client that a relay uses. */
export interface JetStreamLike {
  publish(
    subject: string,
    payload?: string,
    options?: { readonly msgID: string; readonly timeout: number },
  ): Promise<PublishAck>
  /** For `check()`. */
  jetstreamManager?(): Promise<{ readonly streams: { find(subject: string): Promise<string> } }>
}

export interface NatsTargetOptions {
  readonly jetstream: JetStreamLike
  readonly subject: string
  readonly partitions: number
  readonly timeoutMs: number
  readonly maxMessageBytes: number
}

/** JetStream has no batches in server versions before 2.12, so each message is one call. */
export function natsTarget(options: NatsTargetOptions): RelayTarget {
  const { jetstream, subject, partitions, timeoutMs, maxMessageBytes } = options
  const name = `the subject ${subject}.*`

  return {
    name,
    maxMessageBytes,
    maxBatchMessages: 1,
    isPermanent: (error) => permanentErrors.has(errorName(error)),

    async publish(messages): Promise<readonly RefusedMessage[]> {
      const [message] = messages as [RelayMessage]
      const to = `${subject}.${partitionOf(message.groupId, partitions)}`
      try {
        // Resolves with `duplicate: true` if a call whose acknowledgement was lost has stored the message.
        await jetstream.publish(to, message.body, { msgID: message.id, timeout: timeoutMs })
        return []
      } catch (error) {
        if (!isTooLarge(error)) throw error
        return [{ message, error: tooLarge(name, message.bytes, message.bytes - 1), isPermanent: true }]
      }
    },

    async check() {
      const manager = await jetstream.jetstreamManager?.()
      await manager?.streams.find(`${subject}.0`)
      await manager?.streams.find(`${subject}.${partitions - 1}`)
    },
  }
}

/** Returns the partition of a group: a number from 0 to `partitions - 1`. */
export function partitionOf(groupId: string, partitions: number): number {
  return Buffer.from(groupId, 'base64url').readUInt32BE() % partitions
}

/**
 * The names of errors after which the client never succeeds: the connection was closed, by the program or
 * after too many attempts to reconnect, or the user may not publish.
 */
const permanentErrors: ReadonlySet<string> = new Set([
  'ClosedConnectionError',
  'DrainingConnectionError',
  'PermissionViolationError',
  'AuthorizationError',
  'UserAuthenticationExpiredError',
  'InvalidSubjectError',
  'TypeError',
])

/** The error code of the server for a message that exceeds `max_msg_size` of the stream. */
const MESSAGE_SIZE_EXCEEDED = 10_054

/** The client compares the size with `max_payload` of the server, and the server with that of the stream. */
function isTooLarge(error: unknown): boolean {
  if (Object(error).code === MESSAGE_SIZE_EXCEEDED) return true
  return errorName(error) === 'InvalidArgumentError' && /max_payload/.test(String(Object(error).message))
}

function errorName(error: unknown): string {
  return error instanceof Error ? error.name : ''
}
