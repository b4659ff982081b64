import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isStreamError } from '../core/errors.ts'
import { checkQueueUrl } from '../destinations/queue-url.ts'
import { HANDLED_PREFIX, type HandledLetters } from '../redrive/letter-source.ts'
import { usageError } from './errors.ts'
import { checkEndpoint, integerOf, stringOf, type Values } from './option-values.ts'

/** Where the dead letters are. */
export type LetterLocation =
  | { readonly kind: 'queue'; readonly url: string }
  | { readonly kind: 'bucket'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'file'; readonly path: string }

export interface RedriveOptions {
  readonly from: LetterLocation
  /** Undefined only for a dry run. */
  readonly handler: string | undefined
  readonly dryRun: boolean
  readonly json: boolean
  readonly concurrency: number
  readonly limit: number
  /** Undefined for that of the handler module. */
  readonly maxAttempts: number | undefined
  readonly name: string | undefined
  /** How long a queue must be empty before the redrive ends, in ms. */
  readonly emptyAfterMs: number
  readonly handled: HandledLetters
  readonly endpoint: string | undefined
  readonly region: string | undefined
}

/** @throws CliError `usage` */
export function redriveOptions(values: Values): RedriveOptions {
  const from = parseLocation(stringOf(values, 'from'))
  const handler = stringOf(values, 'handler')
  const dryRun = values['dry-run'] === true
  const json = values.json === true
  const endpoint = stringOf(values, 'endpoint')
  if (handler === undefined && !dryRun) {
    throw usageError('Missing handler: use --handler MODULE, or --dry-run to list the letters')
  }
  if (json && !dryRun) throw usageError('Use --json only with --dry-run')
  if (endpoint !== undefined) checkEndpoint(endpoint)
  return {
    from,
    handler,
    dryRun,
    json,
    concurrency: integerOf(values, 'concurrency', 1, 10_000) ?? 16,
    limit: integerOf(values, 'limit', 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY,
    maxAttempts: integerOf(values, 'max-attempts', 1, 1_000_000),
    name: stringOf(values, 'name'),
    emptyAfterMs: (integerOf(values, 'wait', 1, 3_600) ?? 5) * 1_000,
    handled: handledLetters(values, from, dryRun),
    endpoint,
    region: stringOf(values, 'region'),
  }
}

function handledLetters(values: Values, from: LetterLocation, dryRun: boolean): HandledLetters {
  if (values.delete === true && values.keep === true)
    throw usageError('Use either --delete or --keep, not both')
  if (values.keep === true) {
    if (from.kind === 'queue') {
      throw usageError('--keep cannot be used with a queue: a message that was handled is deleted')
    }
    return 'keep'
  }
  if (values.delete === true) return 'delete'
  if (from.kind === 'bucket' && from.prefix.startsWith(HANDLED_PREFIX) && !dryRun) {
    const advice = 'Use --delete or --keep to handle them again'
    throw usageError(`The objects below ${HANDLED_PREFIX} have been handled by a redrive. ${advice}`)
  }
  return 'mark'
}

const LOCATIONS = 'the URL of a queue, s3://BUCKET/PREFIX, or the path of a file'

function parseLocation(from: string | undefined): LetterLocation {
  if (from === undefined) throw usageError(`Missing source: use --from with ${LOCATIONS}`)
  if (/^https?:/i.test(from)) return { kind: 'queue', url: checkUrl(from) }
  if (/^s3:/i.test(from)) return parseBucket(from)
  if (from.startsWith('arn:')) {
    throw usageError(`--from is ${JSON.stringify(from)}, but must be ${LOCATIONS}, not an ARN`)
  }
  if (!/^file:/i.test(from)) return { kind: 'file', path: resolve(from) }
  try {
    return { kind: 'file', path: fileURLToPath(from) }
  } catch {
    throw usageError(`--from is ${JSON.stringify(from)}, which is not the URL of a file`)
  }
}

function checkUrl(url: string): string {
  try {
    return checkQueueUrl(url)
  } catch (error) {
    if (!isStreamError(error, 'options.invalid')) throw error
    throw usageError(`--from is ${JSON.stringify(url)}, but must be ${error.details.expected}`)
  }
}

function parseBucket(url: string): LetterLocation {
  // Not `new URL`, which would encode the prefix.
  const [, bucket = '', prefix = ''] = /^s3:\/\/([a-z0-9][a-z0-9._-]*)(?:\/(.*))?$/is.exec(url) ?? []
  if (bucket !== '') return { kind: 'bucket', bucket, prefix }
  throw usageError(`--from is ${JSON.stringify(url)}, but must be s3://BUCKET or s3://BUCKET/PREFIX`)
}

/** Returns the location as it is shown in messages. */
export function describeLocation(from: LetterLocation): string {
  switch (from.kind) {
    case 'queue':
      return from.url
    case 'bucket':
      return `s3://${from.bucket}/${from.prefix}`
    case 'file':
      return from.path
  }
}
