/** What a failed call means for the reader of a shard. */
export type ErrorKind =
  /** The shard iterator is older than 15 minutes. It is renewed, and reading continues. */
  | 'expired'
  /** The position is older than the oldest retained record: a gap. */
  | 'trimmed'
  /** The stream or the shard does not exist, or no longer exists. */
  | 'notFound'
  /** The call was aborted, normally by this library. */
  | 'aborted'
  /** The error is transient. The call is retried indefinitely, with a delay before each attempt. */
  | 'retry'
  /** Every attempt would fail the same way. The error is rethrown to the caller immediately, unchanged. */
  | 'fatal'

/**
 * Classifies an error of a DynamoDB Streams call. No other code does.
 *
 * Errors are recognized by their `name` (the service's error code), their HTTP status, and Node's `code`,
 * never by their message. An unrecognized error is `fatal`: if it were retried forever, a worker could stall
 * silently.
 */
export function classifyError(error: unknown): ErrorKind {
  if (!isErrorLike(error)) return 'fatal'
  return kindByName.get(error.name) ?? kindByOtherFields(error)
}

/**
 * Returns whether the service rejected the request as invalid, as emulators do for features that they do not
 * support. Credential and permission errors do not count.
 */
export function isInvalidRequest(error: unknown): boolean {
  return isErrorLike(error) && invalidRequestNames.has(error.name)
}

const invalidRequestNames: ReadonlySet<unknown> = new Set([
  'ValidationException',
  'ValidationError',
  'SerializationException',
  'InvalidParameterException',
  'InvalidParameterValueException',
  'InvalidArgumentException',
  'InvalidSequenceNumberException',
  'NotImplemented',
  'NotImplementedException',
  'UnsupportedOperationException',
  'UnknownOperationException',
])

const kindByName: ReadonlyMap<unknown, ErrorKind> = new Map([
  ...entriesFor('aborted', ['AbortError']),

  // GetRecords only. Its message may be empty.
  ...entriesFor('expired', ['ExpiredIteratorException']),
  // For a trimmed sequence number, thrown by GetShardIterator, or only later by GetRecords.
  ...entriesFor('trimmed', ['TrimmedDataAccessException']),
  // For a stream that never existed or whose table was deleted, for a shard that is listed but has expired,
  // and for DynamoDB Local's "Invalid ShardId in ShardIterator".
  ...entriesFor('notFound', ['ResourceNotFoundException']),

  // Throttling: too many calls, or more than two readers of a shard. AWS uses several names, and gateways use
  // more.
  ...entriesFor('retry', [
    'LimitExceededException',
    'ThrottlingException',
    'Throttling',
    'ThrottledException',
    'TooManyRequestsException',
    'ProvisionedThroughputExceededException',
    'RequestLimitExceeded',
    'RequestThrottled',
    'RequestThrottledException',
    'BandwidthLimitExceeded',
    'SlowDown',
    'PriorRequestNotComplete',
  ]),
  // Server errors. They are listed by name because DynamoDB Local and gateways do not always send a 5xx
  // status with them.
  ...entriesFor('retry', [
    'InternalServerError',
    'InternalServerException',
    'InternalFailure',
    'InternalError',
    'ServiceUnavailable',
    'ServiceUnavailableException',
    'ServiceUnavailableError',
  ]),
  // Timeouts, reported by the SDK, by an AbortSignal.timeout of the transport, or by the service.
  ...entriesFor('retry', ['TimeoutError', 'RequestTimeout', 'RequestTimeoutException']),
])

/** Classifies an error whose name alone is not sufficient. */
function kindByOtherFields(error: ErrorLike): ErrorKind {
  // The request was signed with a wrong clock. The SDK has corrected its clock from the response, so the next
  // signature will be valid. Without this flag, the same error names mean a wrong key or a missing
  // permission.
  if (error.$metadata?.clockSkewCorrected === true) return 'retry'
  // The SDK, or the service's model, declares the error as retryable.
  if (error.$retryable !== undefined && error.$retryable !== null) return 'retry'

  const status = error.$metadata?.httpStatusCode
  if (status !== undefined) return kindByStatus(status, error)
  // Without a status, there was no response, or not even a request.
  return hasTransportCode(error) ? 'retry' : 'fatal'
}

function kindByStatus(status: number, error: ErrorLike): ErrorKind {
  if (status >= 500 || status === 429 || status === 408) return 'retry'
  // The call succeeded, but its response could not be parsed: it is truncated, not JSON, or has another
  // structure.
  if (status < 300) return 'retry'
  // Every client error in the service's model has status 400 and a name. Without a readable name, it is one
  // of those errors with a truncated body. An unreadable body with another 4xx status is not from the
  // service: it may be the login page of a proxy, or the response of another server on that port.
  if (status === 400 && (error.name === 'SyntaxError' || error.name === 'Unknown')) return 'retry'
  // The remaining errors need human action: AccessDeniedException, UnrecognizedClientException,
  // InvalidSignatureException, ExpiredTokenException, MissingAuthenticationToken, errors of KMS access,
  // ValidationException, and redirects.
  return 'fatal'
}

/** Codes of Node and undici for a connection that failed, or broke before the response was complete. */
const transportCodes: ReadonlySet<unknown> = new Set([
  'ECONNRESET', // also "socket hang up", and a truncated body
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'ENOTFOUND', // DNS fails when the network is down; a wrong host name is indistinguishable
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'EADDRNOTAVAIL', // all local ports are in use
  'EMFILE', // all file descriptors are in use
  'EPROTO', // a TLS handshake was interrupted
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_HTTP2_STREAM_ERROR',
  'ERR_HTTP2_SESSION_ERROR',
  'ERR_HTTP2_GOAWAY_SESSION',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])

/** Returns whether the error or one of its causes is a network error, as with `TypeError: fetch failed`. */
function hasTransportCode(error: ErrorLike): boolean {
  let link: unknown = error
  for (let depth = 0; depth < 10 && isErrorLike(link); depth++) {
    // Credentials are often loaded over the network too, but failing to load them is fatal.
    if (link.name === 'CredentialsProviderError' || link.name === 'TokenProviderError') return false
    if (transportCodes.has(link.code)) return true
    // The response is not valid HTTP (error codes of llhttp).
    if (typeof link.code === 'string' && link.code.startsWith('HPE_')) return true
    link = link.cause
  }
  return false
}

interface ErrorLike {
  readonly name?: unknown
  readonly code?: unknown
  readonly cause?: unknown
  readonly $retryable?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean }
}

function isErrorLike(value: unknown): value is ErrorLike {
  return typeof value === 'object' && value !== null
}

/** Returns map entries that assign each name to `kind`. */
function entriesFor(kind: ErrorKind, names: readonly string[]): [string, ErrorKind][] {
  return names.map((name) => [name, kind])
}
