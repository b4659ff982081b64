import { endSentence } from '../core/end-sentence.ts'
import { isStreamError } from '../core/errors.ts'
import { isDenied, reasonOf, serviceErrorCode } from '../destinations/aws-client-errors.ts'
import { SourceError, type SourceFailure } from './letter-source.ts'

const MISSING: ReadonlySet<string> = new Set([
  'QueueDoesNotExist',
  'NonExistentQueue',
  'NoSuchBucket',
  'NoSuchKey',
])

/**
 * Returns the error of a failed call to SQS or S3.
 *
 * @param attempt - what was attempted, such as `Cannot read the bucket failed-orders`.
 * @param packageName - the SDK's package for the service.
 */
export function awsSourceError(attempt: string, packageName: string, cause: unknown): SourceError {
  if (isStreamError(cause, 'options.invalid')) {
    const advice = `install it with "npm install ${packageName}"`
    return new SourceError('failed', `${attempt}: ${packageName} cannot be loaded; ${advice}.`, cause)
  }
  return new SourceError(kindOf(cause), endSentence(`${attempt}: ${reasonOf(cause)}`), cause)
}

/** No or wrong credentials, which SQS and S3 report in different words. */
const CREDENTIALS =
  /^(CredentialsProviderError|TokenProviderError|ExpiredToken.*|UnrecognizedClientException|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSignatureException)$/

function kindOf(error: unknown): SourceFailure {
  // Too many messages are hidden. SQS responds with 403.
  if (serviceErrorCode(error) === 'OverLimit') return 'failed'
  if (isDenied(error) || CREDENTIALS.test(serviceErrorCode(error))) return 'denied'
  return MISSING.has(serviceErrorCode(error)) ? 'notFound' : 'failed'
}
