import { endSentence } from '../core/end-sentence.ts'
import { errorCode } from '../core/error-code.ts'
import { isStreamError, StreamError } from '../core/errors.ts'

/** What the errors of a destination say about it. */
export interface AwsTarget {
  readonly kind: 'queue' | 'topic' | 'bucket'
  /** The URL of the queue, the ARN of the topic, or the name of the bucket. */
  readonly id: string
  /** The permission that `check()` needs, such as `sqs:GetQueueAttributes`. */
  readonly permissionToCheck: string
}

/**
 * Returns the error of a failed call. An error about an option, such as a missing package, is returned
 * unchanged.
 */
export function destinationFailed(
  { kind, id, permissionToCheck }: AwsTarget,
  operation: 'check' | 'send',
  cause: unknown,
): StreamError {
  if (isStreamError(cause, 'options.invalid')) return cause
  const attempt =
    operation === 'send'
      ? `Cannot send a dead letter to the ${kind} ${id}`
      : `Cannot use the ${kind} ${id} as a destination`
  const advice =
    operation === 'check' && isDenied(cause)
      ? ` The check needs the permission ${permissionToCheck}; checkDestinations: false turns it off.`
      : ''
  const message = `${endSentence(`${attempt}: ${reasonOf(cause)}`)}${advice}`
  return new StreamError('destination.failed', message, { destination: id, operation }, cause)
}

/** The responses to HEAD requests have no body, so the SDK knows only the status (S3, HeadBucket). */
const reasonByStatus: ReadonlyMap<unknown, string> = new Map([
  [301, 'it is in another region than the client'],
  [400, 'the request was rejected, possibly because the credentials are invalid or have expired'],
  [403, 'access was denied'],
  [404, 'it does not exist'],
])

/** Returns what is known of an error of the SDK, without a full stop: `Access denied. (AccessDenied)`. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const name = serviceErrorCode(error)
  const label = errorCode(error) ?? (name === 'Error' || name === 'TimeoutError' ? undefined : name)
  const text = textOf(error)
  if (text === undefined) return label ?? name
  // Most messages of Node contain the code.
  return label === undefined || text.includes(label) ? text : `${text} (${label})`
}

/**
 * Returns the message without what the SDK appends, after a line break, if it cannot parse a response. An
 * AggregateError of Node, thrown if no address of a host accepts connections, has no message, only a code.
 */
function textOf(error: Error): string | undefined {
  const [line = ''] = error.message.split('\n')
  return line === '' || line === 'UnknownError' ? reasonByStatus.get(statusOf(error)) : line
}

/**
 * Returns whether the caller lacks a permission. SQS responds with 400 or 403 then; the names differ by
 * service and protocol.
 */
export function isDenied(error: unknown): boolean {
  return (
    statusOf(error) === 403 || /^(AccessDenied|AuthorizationError)(Exception)?$/.test(serviceErrorCode(error))
  )
}

/** Returns the error code of the service, which in SQS can have the prefix `AWS.SimpleQueueService.`. */
export function serviceErrorCode(error: unknown): string {
  return error instanceof Error ? error.name.slice(error.name.lastIndexOf('.') + 1) : ''
}

function statusOf(error: unknown): unknown {
  const metadata: unknown = error instanceof Error && Reflect.get(error, '$metadata')
  return Reflect.get(Object(metadata), 'httpStatusCode')
}
