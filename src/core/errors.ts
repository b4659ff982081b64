/** What `details` holds, for each `code`. */
export interface StreamErrorDetails {
  'options.invalid': { readonly option: string; readonly value: unknown; readonly expected: string }
  'position.invalid': { readonly position: unknown }
  /** `field` is a path into the token, as in `shards[3].at.after`; `''` is the token itself. */
  'token.invalid': { readonly field: string; readonly expected: string }
  'token.streamMismatch': { readonly expected: string; readonly actual: string }
  'stream.notFound': { readonly streamArn?: string | undefined; readonly tableName?: string | undefined }
  'stream.notEnabled': { readonly tableName: string }
  'records.trimmed': {
    readonly shardId: string
    /** The last sequence number that was given out of the shard, if there was one. */
    readonly after: string | undefined
    readonly reason: GapReason
  }
  'checkpoint.conflict': { readonly name: string; readonly owner?: string | undefined }
  'checkpoint.failed': { readonly name: string; readonly operation: 'load' | 'save' }
  /** Nothing answered `openStream` within `connectTimeoutMs`; `cause` is the error of the last call. */
  'service.unreachable': { readonly timeoutMs: number }
  /** An answer of the service that cannot be true, as of an emulator with a fault. */
  'service.invalidResponse': { readonly operation: string }
  /** A second loop over a stream, or a second call of `next()` while one is pending. */
  'stream.busy': Record<string, never>
  closed: Record<string, never>
}

/** How it was noticed that records are gone. */
export type GapReason =
  /** The position in the shard is older than the oldest record that is left. */
  | 'position-trimmed'
  /** The service no longer knows a shard that was still to be read. */
  | 'shard-vanished'

export type StreamErrorCode = keyof StreamErrorDetails

/**
 * The one error class of this package. Match on `code`, never on the words of the message; `code` types `details`.
 *
 * Errors of the AWS SDK that speak of credentials or permissions are not wrapped: they pass through as they are.
 */
export class StreamError<Code extends StreamErrorCode = StreamErrorCode> extends Error {
  override readonly name: string = 'StreamError'
  readonly code: Code
  readonly details: StreamErrorDetails[Code]

  constructor(code: Code, message: string, details: StreamErrorDetails[Code], cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.details = details
  }
}

/** A {@link StreamError} whose `code` narrows `details`. */
export type AnyStreamError = { [Code in StreamErrorCode]: StreamError<Code> }[StreamErrorCode]

/**
 * Whether `error` is a {@link StreamError}, and with `code` given, one of that code. Works also when two copies of
 * this package are loaded, where `instanceof` does not.
 */
export function isStreamError<Code extends StreamErrorCode = StreamErrorCode>(
  error: unknown,
  code?: Code,
): error is Extract<AnyStreamError, { code: Code }> {
  if (!(error instanceof Error) || error.name !== 'StreamError' || !('code' in error)) return false
  return code === undefined || error.code === code
}
