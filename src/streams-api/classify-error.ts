/** What an error of a call means for the reader of a shard. */
export type ErrorKind =
  /** The shard iterator is older than 15 minutes: make it anew and go on. */
  | 'expired'
  /** The position is older than the oldest record that is left: a gap. */
  | 'trimmed'
  /** The stream, or the shard, is not known (any more). */
  | 'notFound'
  /** We gave the call up ourselves. */
  | 'aborted'
  /** Nobody's fault and likely to pass: the same call is made again after a pause, for as long as it takes. */
  | 'retry'
  /** It would fail the same way each time: it goes to the user, unchanged and at once. */
  | 'fatal'

/**
 * Decides what an error of a DynamoDB Streams call means. This is the only place that does.
 *
 * Errors are known by their `name` (which is the service's error code), their HTTP status and Node's `code`, never by
 * the words of their message. What is not known is `fatal`: an error that is retried for ever without being
 * understood would be a worker that silently stands still.
 */
export function classifyError(error: unknown): ErrorKind {
  if (!isErrorLike(error)) return 'fatal'
  return kindByName.get(error.name) ?? kindByCircumstance(error)
}

/**
 * Whether the service rejected the request itself, as emulators do with what they do not know. Errors of credentials and
 * permissions are not among them.
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
  ...named('aborted', ['AbortError']),

  // GetRecords only. Its message may be empty.
  ...named('expired', ['ExpiredIteratorException']),
  // Shows at GetShardIterator for a sequence number that is gone, or only at GetRecords.
  ...named('trimmed', ['TrimmedDataAccessException']),
  // A stream that never was or whose table is deleted; a shard that is listed but gone; DynamoDB Local's
  // "Invalid ShardId in ShardIterator".
  ...named('notFound', ['ResourceNotFoundException']),

  // Too many calls, or more than two readers of one shard. AWS has many names for it, gateways have more.
  ...named('retry', [
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
  // Faults on the service's side. Named, because DynamoDB Local and gateways don't always send a 5xx with them.
  ...named('retry', [
    'InternalServerError',
    'InternalServerException',
    'InternalFailure',
    'InternalError',
    'ServiceUnavailable',
    'ServiceUnavailableException',
    'ServiceUnavailableError',
  ]),
  // No answer in time, said by the SDK, by an AbortSignal.timeout of the transport, or by the service.
  ...named('retry', ['TimeoutError', 'RequestTimeout', 'RequestTimeoutException']),
])

/** Errors that cannot be told by their name alone. */
function kindByCircumstance(error: ErrorLike): ErrorKind {
  // The request was signed with a wrong clock, the SDK has learned the service's time from the answer and will
  // sign the next one right. Without the mark the same names mean a wrong key or a missing permission.
  if (error.$metadata?.clockSkewCorrected === true) return 'retry'
  // The SDK's and the service model's own word that a second try may succeed.
  if (error.$retryable !== undefined && error.$retryable !== null) return 'retry'

  const status = error.$metadata?.httpStatusCode
  if (status !== undefined) return kindByStatus(status, error)
  // No status: the call never got an answer, or never left. Credentials that cannot be had end here as fatal.
  return hasTransportCode(error) ? 'retry' : 'fatal'
}

function kindByStatus(status: number, error: ErrorLike): ErrorKind {
  if (status >= 500 || status === 429 || status === 408) return 'retry'
  // The service said yes, but its answer could not be read: cut off, not JSON, or not of the expected shape.
  if (status < 300) return 'retry'
  // All errors of the service's model come with 400 and a name. Without a readable name it is one of those, cut
  // off on its way. With another 4xx an unreadable body is no service at all: a proxy's login page, a wrong port.
  if (status === 400 && (error.name === 'SyntaxError' || error.name === 'Unknown')) return 'retry'
  // What is left needs a human: AccessDeniedException, UnrecognizedClientException, InvalidSignatureException,
  // ExpiredTokenException, MissingAuthenticationToken, KMS access, ValidationException, redirects.
  return 'fatal'
}

/** Node's and undici's codes for a connection that could not be made, or broke before the answer was complete. */
const transportCodes: ReadonlySet<unknown> = new Set([
  'ECONNRESET', // also "socket hang up" and a body that ends early
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'ENOTFOUND', // DNS goes away with the network; a host name that is wrong for good looks the same
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'EADDRNOTAVAIL', // all local ports are taken for the moment
  'EMFILE', // all file descriptors are
  'EPROTO', // a TLS handshake that broke off
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_HTTP2_STREAM_ERROR',
  'ERR_HTTP2_SESSION_ERROR',
  'ERR_HTTP2_GOAWAY_SESSION',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])

/** Whether the error, or what caused it (`fetch failed` says nothing by itself), is a fault of the network. */
function hasTransportCode(error: ErrorLike): boolean {
  let link: unknown = error
  for (let depth = 0; depth < 10 && isErrorLike(link); depth++) {
    // Credentials are often fetched over the network too. That they cannot be had goes to the user at once.
    if (link.name === 'CredentialsProviderError' || link.name === 'TokenProviderError') return false
    if (transportCodes.has(link.code)) return true
    // Garbage where an HTTP answer should be (llhttp's codes).
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

function named(kind: ErrorKind, names: readonly string[]): [string, ErrorKind][] {
  return names.map((name) => [name, kind])
}
