import { type AnyStreamError, isStreamError, type StreamErrorCode } from '../core/errors.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { CliError } from './cli-error.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'

/** How a failure is told: one line, a code, and how the process ends. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly exitCode: ExitCode
}

/**
 * What an error means to the user.
 * @param place where the service is, as far as that is known: a region, or an endpoint
 */
export function failureOf(error: unknown, place = 'the service'): Failure {
  const { code, message, exitCode } = explain(error, place)
  return { code, message: message.replaceAll(/\s+/g, ' ').trim(), exitCode }
}

function explain(error: unknown, place: string): Failure {
  if (error instanceof CliError) return error
  if (isStreamError(error)) return explainStreamError(error, place)
  if (!(error instanceof Error)) return { ...unexpected, message: String(error) }
  const advice = adviceByName.get(error.name)
  if (advice !== undefined) {
    const [exitCode, what] = advice
    return { code: error.name, message: `${sentence(error)} (${place}). ${what}`, exitCode }
  }
  if (classifyError(error) === 'retry') return noAnswer(place, sentence(error))
  return { ...unexpected, message: `${error.name}: ${sentence(error)} (${place})` }
}

/** The service could not be reached. */
export function noAnswer(place: string, reason: string): Failure {
  const message = `No answer from ${place} (${reason}). Check the network, --endpoint and --region`
  return { code: 'no-answer', message, exitCode: exitCodes.noAnswer }
}

const unexpected = { code: 'unexpected', exitCode: exitCodes.failed } as const

function explainStreamError(error: AnyStreamError, place: string): Failure {
  const { code } = error
  const exitCode = exitCodeOf[code] ?? exitCodes.failed
  switch (code) {
    case 'stream.notFound':
    case 'stream.notEnabled':
      return { code, message: `${error.message} (${place})`, exitCode }
    case 'records.trimmed': {
      const { shardId, after } = error.details
      const which = after === undefined ? 'Records' : `Records after ${after}`
      const message = `${which} in ${shardId} were trimmed before they were read. --on-gap continue goes on at the oldest record that is left`
      return { code, message, exitCode }
    }
    default:
      return { code, message: error.message, exitCode }
  }
}

const exitCodeOf: Partial<Record<StreamErrorCode, ExitCode>> = {
  'options.invalid': exitCodes.usage,
  'position.invalid': exitCodes.usage,
  'stream.notFound': exitCodes.notFound,
  'stream.notEnabled': exitCodes.notFound,
  'records.trimmed': exitCodes.trimmed,
  'token.invalid': exitCodes.checkpoint,
  'token.streamMismatch': exitCodes.checkpoint,
  'checkpoint.failed': exitCodes.checkpoint,
  'checkpoint.conflict': exitCodes.checkpoint,
}

const checkKey = 'Check the access key, and that it is one for this region'
const checkSecret = "Check the secret key, and this machine's clock"
const renew = 'The credentials have expired: get new ones'
const checkName = 'Check the name, the region and the account'

/** Errors of the SDK and the service that do not pass, and what to do. Known by their name, never by their words. */
const adviceByName: ReadonlyMap<string, readonly [ExitCode, string]> = new Map([
  [
    'CredentialsProviderError',
    [exitCodes.denied, 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE'],
  ],
  ['TokenProviderError', [exitCodes.denied, 'Log in again: aws sso login']],
  ['ExpiredTokenException', [exitCodes.denied, renew]],
  ['ExpiredToken', [exitCodes.denied, renew]],
  ['UnrecognizedClientException', [exitCodes.denied, checkKey]],
  ['InvalidClientTokenId', [exitCodes.denied, checkKey]],
  ['InvalidSignatureException', [exitCodes.denied, checkSecret]],
  ['IncompleteSignatureException', [exitCodes.denied, checkSecret]],
  ['MissingAuthenticationTokenException', [exitCodes.denied, checkKey]],
  [
    'AccessDeniedException',
    [
      exitCodes.denied,
      'Needed are dynamodb:DescribeStream, GetShardIterator and GetRecords, with --table also DescribeTable',
    ],
  ],
  ['ResourceNotFoundException', [exitCodes.notFound, checkName]],
  ['ValidationException', [exitCodes.usage, checkName]],
])

/** The message of an error without the full stop; its code or name where it has none. */
function sentence(error: Error): string {
  const code = 'code' in error ? String(error.code) : error.name
  return (error.message || code).replace(/\.\s*$/, '')
}
