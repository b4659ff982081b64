import {
  type AnyStreamError,
  isStreamError,
  type StreamErrorCode,
  type StreamErrorDetails,
} from '../core/errors.ts'
import { classifyError } from '../streams-api/classify-error.ts'

/** The exit codes of the process, documented in `--help` and in docs/cli.md. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  trimmed: 5,
  unreachable: 6,
  checkpoint: 7,
  /** The convention of shells: 128 plus the number of SIGINT. */
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export type ExitCodeMeanings = readonly (readonly [ExitCode, string])[]

/** The meanings of the exit codes of all commands, in the order of the help. */
export const exitCodeMeanings: ExitCodeMeanings = [
  [exitCodes.ok, 'success, also when tail is stopped with Ctrl-C'],
  [exitCodes.failed, 'any other failure'],
  [exitCodes.usage, 'invalid arguments, or no region is configured'],
  [exitCodes.notFound, 'no such table, stream, queue, bucket, folder, file or parked key'],
  [exitCodes.denied, 'missing, invalid or insufficient credentials'],
  [exitCodes.trimmed, 'records were trimmed before they were read'],
  [exitCodes.unreachable, 'the service did not respond'],
  [exitCodes.checkpoint, 'a token, a checkpoint or parked data is invalid or inaccessible'],
  [exitCodes.interrupted, 'stopped with Ctrl-C, or tail with a second one'],
]

/** A failure that is reported unchanged: the message says what is wrong, where, and what to do. */
export class CliError extends Error {
  override readonly name: string = 'CliError'
  /** For scripts; printed in brackets after the message. */
  readonly code: string
  readonly exitCode: ExitCode

  constructor(code: string, message: string, exitCode: ExitCode, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.exitCode = exitCode
  }
}

export function usageError(message: string): CliError {
  return new CliError('usage', message, exitCodes.usage)
}

/** The service could not be reached. */
export function unreachableError(place: string, reason: string): CliError {
  const message = `No response from ${place} (${reason}). Check the network, --endpoint and --region`
  return new CliError('service.unreachable', message, exitCodes.unreachable)
}

/** A failure as it is reported. */
export interface Failure {
  readonly code: string
  /** One line. */
  readonly message: string
  readonly exitCode: ExitCode
}

/**
 * Explains an error to the user.
 *
 * @param place - the region or the endpoint, if known.
 */
export function describeFailure(error: unknown, place = 'the service'): Failure {
  const { code, message, exitCode } = explain(error, place)
  return { code, message: message.replaceAll(/\s+/g, ' ').trim(), exitCode }
}

const unexpected = { code: 'unexpected', exitCode: exitCodes.failed } as const

function explain(error: unknown, place: string): Failure {
  if (error instanceof CliError) return error
  if (isStreamError(error)) return explainStreamError(error, place)
  if (!(error instanceof Error)) return { ...unexpected, message: String(error) }
  const known = sdkErrors.get(error.name)
  if (known !== undefined) {
    const [exitCode, advice] = known
    return { code: error.name, message: `${summarize(error)} (${place}). ${advice}`, exitCode }
  }
  if (classifyError(error) === 'retry') return unreachableError(place, summarize(error))
  if (isForeign(error)) {
    return { ...unexpected, message: `The response of ${place} is not one of DynamoDB. Check --endpoint` }
  }
  return { ...unexpected, message: `${error.name}: ${summarize(error)} (${place})` }
}

/** Another server has responded: with a page that the SDK cannot parse, or without the name of an error. */
function isForeign(error: Error): boolean {
  return '$response' in error && (error.name === 'SyntaxError' || error.message === 'UnknownError')
}

function explainStreamError(error: AnyStreamError, place: string): Failure {
  const { code } = error
  const exitCode = streamErrorExitCodes[code] ?? exitCodes.failed
  switch (code) {
    case 'stream.notFound':
      return { code, message: explainNotFound(error.details, place), exitCode }
    case 'records.trimmed': {
      const { shardId, after } = error.details
      const records = after === undefined ? 'Records' : `Records after ${after}`
      const advice = 'Use --on-gap continue to resume from the oldest retained record'
      return {
        code,
        message: `${records} in ${shardId} were trimmed before they were read. ${advice}`,
        exitCode,
      }
    }
    default:
      return { code, message: summarize(error), exitCode }
  }
}

function explainNotFound(
  { tableName, streamArn }: StreamErrorDetails['stream.notFound'],
  place: string,
): string {
  const where = place.startsWith('region ') ? `in ${place} of this account` : `at ${place}`
  if (tableName !== undefined) {
    return `There is no table "${tableName}" ${where}. Check the name, the region and the credentials`
  }
  return (
    `There is no stream ${streamArn} ${where}. Its table may have been deleted, it may have been disabled ` +
    'more than 24 hours ago, or the region or the credentials are wrong'
  )
}

const streamErrorExitCodes: Partial<Record<StreamErrorCode, ExitCode>> = {
  'options.invalid': exitCodes.usage,
  'position.invalid': exitCodes.usage,
  'stream.notFound': exitCodes.notFound,
  'stream.notEnabled': exitCodes.notFound,
  'records.trimmed': exitCodes.trimmed,
  'token.invalid': exitCodes.checkpoint,
  'token.streamMismatch': exitCodes.checkpoint,
  'checkpoint.failed': exitCodes.checkpoint,
  'checkpoint.conflict': exitCodes.checkpoint,
  'parking.failed': exitCodes.checkpoint,
}

const setCredentials = 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE'
const renewCredentials = 'The credentials have expired: renew them'
const checkAccessKey = 'Check the access key, and that it is valid in this region'
const checkSecretKey = "Check the secret key and this machine's clock"
const checkName = 'Check the name, the region and the account'
const grantPermissions =
  'Required permissions: dynamodb:DescribeStream, GetShardIterator and GetRecords; with --table also DescribeTable'

/**
 * Permanent errors of the SDK and the service, and what to do about each. They are recognized by name,
 * because the wording of their messages changes.
 */
const sdkErrors: ReadonlyMap<string, readonly [ExitCode, string]> = new Map([
  ['CredentialsProviderError', [exitCodes.denied, setCredentials]],
  ['TokenProviderError', [exitCodes.denied, 'Log in again: aws sso login']],
  ['ExpiredTokenException', [exitCodes.denied, renewCredentials]],
  ['ExpiredToken', [exitCodes.denied, renewCredentials]],
  ['UnrecognizedClientException', [exitCodes.denied, checkAccessKey]],
  ['InvalidClientTokenId', [exitCodes.denied, checkAccessKey]],
  ['MissingAuthenticationTokenException', [exitCodes.denied, checkAccessKey]],
  ['InvalidSignatureException', [exitCodes.denied, checkSecretKey]],
  ['IncompleteSignatureException', [exitCodes.denied, checkSecretKey]],
  ['AccessDeniedException', [exitCodes.denied, grantPermissions]],
  ['ResourceNotFoundException', [exitCodes.notFound, checkName]],
  ['ValidationException', [exitCodes.usage, checkName]],
])

/** The message of an error without its full stop; its code or name if the message is empty. */
function summarize(error: Error): string {
  const code = 'code' in error ? String(error.code) : error.name
  return (error.message || code).replace(/\.\s*$/, '')
}
