/** The type of `details` for each `code` of a {@link StreamError}. */
export interface StreamErrorDetails {
  /**
   * An option is unknown or its value is invalid. Thrown before any call to the service, unless the invalid
   * option is a table for checkpoints or parked keys that already exists with other keys.
   *
   * `option` is the path of the option, such as `checkpoint.everyMs`; `expected` says what its value must be
   * or, for an unknown name, which names are known.
   */
  'options.invalid': { readonly option: string; readonly value: unknown; readonly expected: string }
  /** A position is not `'trim_horizon'`, `'latest'`, a `Date` or a token. Thrown before any call. */
  'position.invalid': { readonly position: unknown }
  /**
   * A token, or a checkpoint in a store, is malformed or damaged.
   *
   * `field` is the path of the invalid field, such as `shards[3].at.after`, or `''` for the token itself.
   */
  'token.invalid': { readonly field: string; readonly expected: string }
  /** A token or checkpoint belongs to another stream. `expected` and `actual` are the ARNs of the streams. */
  'token.streamMismatch': { readonly expected: string; readonly actual: string }
  /** The table or the stream does not exist, or no longer exists. */
  'stream.notFound': { readonly streamArn?: string | undefined; readonly tableName?: string | undefined }
  /** The table has no stream. */
  'stream.notEnabled': { readonly tableName: string }
  /**
   * A gap: records were trimmed before they were read. Thrown unless `onGap` is `'continue'`. The reader
   * keeps its state, and can be used again after `moveTo`.
   */
  'records.trimmed': {
    readonly shardId: string
    /** The sequence number of the last record read from the shard; undefined before the first one. */
    readonly after: string | undefined
    readonly reason: GapReason
  }
  /**
   * This worker cannot save the checkpoint: another worker has acquired or created it, or it was deleted.
   * `owner` identifies that worker, if the store records it.
   */
  'checkpoint.conflict': { readonly name: string; readonly owner?: string | undefined }
  /**
   * A checkpoint could not be loaded or saved, or the lease of a worker with the option `standby` could not
   * be renewed in time. `cause` is the error of the store, if there is one.
   */
  'checkpoint.failed': { readonly name: string; readonly operation: 'load' | 'save' | 'renew' }
  /**
   * A destination did not accept a dead letter, or `check` found that it cannot. `destination` is the path of
   * a file, the URL, ARN or name of another target, or the option with a destination of your own, such as
   * `onFailure`. `cause` is the error of the target.
   */
  'destination.failed': { readonly destination: string; readonly operation: 'check' | 'send' }
  /**
   * A key cannot be parked, because it has `parking.maxParkedPerKey` parked records already; the parking
   * store could not be opened; or what it contains is damaged. `name` is the name of the run, and `cause` the
   * error of the store, if there is one.
   */
  'parking.failed': {
    readonly name: string
    readonly keyHash?: string | undefined
    readonly operation: 'acquire' | 'park' | 'read'
  }
  /** No call received a response within `connectTimeoutMs`. `cause` is the error of the last call. */
  'service.unreachable': { readonly timeoutMs: number }
  /** A response that AWS never sends, such as one from a faulty emulator. `operation` is the API call. */
  'service.invalidResponse': { readonly operation: string }
  /** A second loop was started over a stream, or `next()` was called while another call of it was pending. */
  'stream.busy': Record<string, never>
  /**
   * `processStream` has stopped at a record that was given up, because `onFailure` does not say where it
   * goes. `cause` is the error of the handler, if there is one.
   *
   * The checkpoint does not cover the record, so the next run attempts it again. `attempts` is the number of
   * attempts so far. `checkpointError` is the error of the last save, if that failed too.
   */
  'handler.failed': {
    readonly shardId: string
    readonly sequenceNumber: string
    readonly attempts: number
    readonly checkpointError?: unknown
  }
  /**
   * The stream, `Coordinator` or lease was closed, before the call or while it was pending. A loop over a
   * closed stream ends without an error.
   */
  closed: Record<string, never>
}

/** How a gap was detected. */
export type GapReason =
  /** The position in the shard is older than its oldest retained record. */
  | 'position-trimmed'
  /** The shard had unread records, but the service no longer lists it. */
  | 'shard-vanished'

/** The `code` of a {@link StreamError}. {@link StreamErrorDetails} documents each code. */
export type StreamErrorCode = keyof StreamErrorDetails

/**
 * The error class of this package. Distinguish errors by `code`, which also determines the type of `details`.
 * Never match on the message, which may change in any release.
 *
 * Credential and permission errors of the AWS SDK are not wrapped: they are rethrown unchanged.
 */
export class StreamError<Code extends StreamErrorCode = StreamErrorCode> extends Error {
  override readonly name: string = 'StreamError'
  /** The kind of error, such as `'records.trimmed'`. {@link StreamErrorDetails} documents each code. */
  readonly code: Code
  /** Facts about the error, with a type that depends on `code`. */
  readonly details: StreamErrorDetails[Code]

  constructor(code: Code, message: string, details: StreamErrorDetails[Code], cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.details = details
  }
}

/** A union of {@link StreamError} types, one per code, so that comparing `code` narrows `details`. */
export type AnyStreamError = { [Code in StreamErrorCode]: StreamError<Code> }[StreamErrorCode]

/**
 * Returns whether `error` is a {@link StreamError} and, if `code` is passed, whether it has that code. Unlike
 * `instanceof`, it also works when two copies of this package are loaded.
 *
 * @example
 * ```ts
 * if (isStreamError(error, 'records.trimmed')) {
 *   console.error('Records were trimmed in', error.details.shardId)
 * }
 * ```
 */
export function isStreamError<Code extends StreamErrorCode = StreamErrorCode>(
  error: unknown,
  code?: Code,
): error is Extract<AnyStreamError, { code: Code }> {
  if (!(error instanceof Error) || error.name !== 'StreamError' || !('code' in error)) return false
  return code === undefined || error.code === code
}
