import type { Clock } from '../core/clock.ts'
import { namesOf } from '../core/options.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { MeterLike } from '../telemetry/meter.ts'
import type { TraceContext, TracerLike } from '../telemetry/tracer.ts'
import type { FailureTarget, FailureTargets } from './on-failure.ts'
import type { ParkingOptions } from './parking-options.ts'
import type { Schemas } from './schema.ts'

/** What `retry.classify` receives about a failed attempt. */
export interface FailureContext<T extends string = string> {
  /** The attempt that failed, from 1. Attempts of earlier runs are included. */
  readonly attempt: number
  /** When the first attempt of the record started, in whichever run that was. */
  readonly firstAttemptAt: Date
  readonly shardId: string
  readonly sequenceNumber: string
  /** The task that failed, with a handler of the form `{ tasks }`. */
  readonly task?: T | undefined
}

/** How failed attempts are retried. */
export interface RetryOptions<R = StreamRecord, T extends string = string> {
  /**
   * How many attempts a record has before it is given up; 1 to 1,000,000. Attempts are counted for each
   * record, also across restarts. Those that end because the run stops do not count.
   * @default 20
   */
  readonly maxAttempts?: number | undefined
  /**
   * The upper bound of the first delay, in ms; 0 to 86,400,000. It doubles with each attempt, and the delay
   * is a random time between 0 and the bound (full jitter).
   * @default 200, or `maxDelayMs` if that is less
   */
  readonly minDelayMs?: number | undefined
  /**
   * The upper bound of every delay, in ms; `minDelayMs` to 86,400,000.
   * @default 60000, or `minDelayMs` if that is more
   */
  readonly maxDelayMs?: number | undefined
  /**
   * How old a record can be before it is given up with the condition `RecordAgeExceeded`, in ms; 1,000 to
   * 604,800,000 (7 days). The age is checked before each attempt except the first one in each run. It is
   * counted from `createdAt`, which DynamoDB truncates to the second, so a record can appear up to a second
   * older than it is. Requires `onFailure`.
   * @default no limit
   */
  readonly maxRecordAgeMs?: number | undefined
  /**
   * Decides what a failure means. It is called for each failed attempt that counts for a single record,
   * except failures that a batch handler reports in `batchItemFailures`, which have no error.
   * - `'retry'`: the record is retried, until `maxAttempts` or `maxRecordAgeMs` is reached.
   * - `'reject'`: the record is given up now, with the condition `Rejected`.
   * - `'wait'`: something that the handler needs is unavailable. The attempt does not count, so that only
   *   `maxRecordAgeMs` ends the retries.
   *
   * If it throws, or returns something else, such as a promise, the result is `'retry'`.
   * @default always `'retry'`
   */
  readonly classify?:
    | ((error: unknown, record: R, context: FailureContext<T>) => 'retry' | 'reject' | 'wait')
    | undefined
  /**
   * Returns the delay before the next attempt, in ms, such as the value of a `Retry-After` header; 0 or more,
   * and at most 24 hours. `attempt` is the one that failed, from 1. If it throws, or returns anything else,
   * the delay follows from `minDelayMs` and `maxDelayMs`.
   * @default full jitter
   */
  readonly delayMs?: ((attempt: number, error: unknown, record: R) => number | undefined) | undefined
}

/** The defaults of {@link RetryOptions}. */
export const retryDefaults = { maxAttempts: 20 } as const

/** The delays of {@link RetryOptions}, if neither of them is set. */
export const delayDefaults = { minDelayMs: 200, maxDelayMs: 60_000 }

/**
 * Options of `processStream`. A value out of range, and an unknown name, is refused with `options.invalid`
 * before the run starts.
 *
 * @typeParam R - the record as the handler receives it.
 * @typeParam S - the schemas, from which the types of the record's members follow.
 * @typeParam T - the names of the tasks of the handler.
 * @typeParam Raw - the record before the schemas are applied.
 */
export interface ProcessOptions<
  R = StreamRecord,
  S extends Schemas = Schemas,
  T extends string = string,
  Raw = StreamRecord,
> {
  /**
   * The name of the run: a well-formed string of 1 to 255 characters. The identifiers of dead letters are
   * derived from it, so that a record that is sent again replaces its earlier dead letter.
   * @default the name of the checkpoint; without a checkpoint, `processStream`
   */
  readonly name?: string | undefined
  /**
   * What is processed in order, one record at a time: the records of each item key, the records of each shard
   * as in Lambda, or nothing.
   * @default 'key'
   */
  readonly order?: 'key' | 'shard' | 'none' | undefined
  /**
   * The maximum number of handler calls that run concurrently; 1 to 10,000. A batch is one call, and so are
   * all tasks of a record. Records that wait for a retry or for a destination are not included.
   * @default 16
   */
  readonly concurrency?: number | undefined
  /** How failed attempts are retried. */
  readonly retry?: RetryOptions<R, T> | undefined
  /**
   * What happens to records that are given up: a destination that receives all of them, a target for each
   * kind of reason, or `'discard'`, which drops and counts them. Without it, or without a member for the
   * reason, the run stops at the first such record: it saves the checkpoint and rejects with
   * `handler.failed`.
   * @default the run stops
   */
  readonly onFailure?: FailureTarget | FailureTargets | undefined
  /**
   * Parks keys whose records fail for long: the failing record and all later ones of its key are moved to a
   * store, in order, until an operator requests their release. Requires `order: 'key'` and a checkpoint.
   * Records that are rejected or invalid go to `onFailure`.
   * @default keys are not parked
   */
  readonly parking?: ParkingOptions | undefined
  /**
   * Event filter patterns as in a Lambda event source mapping: an object, an array of objects, their JSON, or
   * `{ Filters: [{ Pattern }] }`. A record that matches none of them is not processed. Source of the syntax:
   * AWS Lambda Developer Guide, "Control which events Lambda sends to your function".
   * @default all records match
   */
  readonly filters?: string | object | undefined
  /**
   * Whether a record is processed; applies to the records that match `filters`. It is called for each
   * delivery, before `schema` is applied. If it throws, or returns anything but `true` or `false`, that is a
   * failed attempt of the record, and it is called again with the next one.
   * @default all records match
   */
  readonly filter?: ((record: Raw) => boolean) | undefined
  /**
   * Standard Schema validators for the parts of a record. A part that is present is validated, and the
   * handler receives the output; records with an invalid part are given up with the condition `Invalid`.
   * @default no validation
   */
  readonly schema?: S | undefined
  /**
   * How long a handler call may take, in ms; 1 to 86,400,000. After this time, `context.signal` aborts. The
   * key waits until the call has settled, and its result counts.
   * @default no limit
   */
  readonly handlerTimeoutMs?: number | undefined
  /**
   * How long to wait for a handler call to settle after its signal has aborted, in ms; 0 to 3,600,000. After
   * a timeout, `handlerAbandoned` is then emitted. When the run stops, it no longer waits for the call.
   * @default 2000
   */
  readonly abandonAfterMs?: number | undefined
  /**
   * How long running handler calls have to finish when the run stops, in ms, before `context.signal` aborts;
   * 0 to 3,600,000. The default leaves time for the last checkpoint within the 30 seconds that Kubernetes and
   * ECS wait before they end a process.
   * @default 15000
   */
  readonly drainTimeoutMs?: number | undefined
  /**
   * The maximum number of unsettled records, which are in memory; 1 to 500,000. Reading waits at the limit.
   * At least the `batchSize` of a batch handler.
   * @default 10000
   */
  readonly maxUnsettled?: number | undefined
  /**
   * The maximum size of the unsettled records, in bytes of `sizeBytes`; 1 or more. Reading waits at the
   * limit. The last record can exceed it, and records take several times as much memory. 67,108,864 bytes are
   * 64 MiB.
   * @default 67108864
   */
  readonly maxUnsettledBytes?: number | undefined
  /**
   * The maximum number of keys (shards with `order: 'shard'`, records with `'none'`) that wait for a retry; 1
   * to 500,000. At the limit, no record of another key is started. Each of them has an entry in the
   * checkpoint, of about 40 bytes once compressed. A token of more keys might be too large to be loaded.
   * @default 1000
   */
  readonly maxFailingKeys?: number | undefined
  /**
   * After how long without progress the event `stalled` is emitted, in ms; 1 to 86,400,000. Choose a time
   * longer than the slowest handler call.
   * @default 60000
   */
  readonly stallAfterMs?: number | undefined
  /**
   * Whether `check()` of each destination is called before the first record is processed. Set it to `false`
   * if the process lacks the permissions that the checks need. A missing SDK package is then noticed with the
   * first dead letter only, by the event `destinationRetry`.
   * @default true
   */
  readonly checkDestinations?: boolean | undefined
  /**
   * A `Meter` of OpenTelemetry, such as `metrics.getMeter('my-worker')`, for the metrics of the run. They
   * contain no shard ids and no values of items. An error of the meter is ignored.
   * @default no metrics
   */
  readonly meter?: MeterLike | undefined
  /**
   * A `Tracer` of OpenTelemetry, such as `trace.getTracer('my-worker')`. Each handler call has a span, in
   * whose context it runs, and which is the root of a trace. Spans contain no values of items. An error of
   * the tracer is ignored.
   * @default no spans
   */
  readonly tracer?: TracerLike | undefined
  /**
   * Returns the contexts of the spans that have written a record, if the item contains them: the span of the
   * handler call is linked to them. Called before each attempt, with the record before `schema` is applied;
   * only with a `tracer`. What is not a span context is ignored, as is an error that it throws.
   * @default spans have no links
   */
  readonly traceContext?: ((record: Raw) => TraceContext | readonly TraceContext[] | undefined) | undefined
  /** Stops the run when it aborts, like `run.stop()`. */
  readonly signal?: AbortSignal | undefined
  /**
   * The source of time and timers, for tests.
   * @default the clock of the stream
   */
  readonly clock?: Clock | undefined
  /**
   * The source of random numbers from 0 (inclusive) to 1 (exclusive) for jitter, for tests.
   * @default those of the stream
   */
  readonly random?: (() => number) | undefined
}

/** The defaults of {@link ProcessOptions}. */
export const processDefaults = {
  order: 'key',
  concurrency: 16,
  abandonAfterMs: 2_000,
  drainTimeoutMs: 15_000,
  maxUnsettled: 10_000,
  maxUnsettledBytes: 67_108_864,
  maxFailingKeys: 1_000,
  stallAfterMs: 60_000,
} as const

/** The names of {@link ProcessOptions}. */
export const processOptionNames: readonly string[] = /* @__PURE__ */ namesOf<ProcessOptions>({
  name: true,
  order: true,
  concurrency: true,
  retry: true,
  onFailure: true,
  parking: true,
  filters: true,
  filter: true,
  schema: true,
  handlerTimeoutMs: true,
  abandonAfterMs: true,
  drainTimeoutMs: true,
  maxUnsettled: true,
  maxUnsettledBytes: true,
  maxFailingKeys: true,
  stallAfterMs: true,
  checkDestinations: true,
  meter: true,
  tracer: true,
  traceContext: true,
  signal: true,
  clock: true,
  random: true,
})

/** The names of {@link RetryOptions}. */
export const retryOptionNames: readonly string[] = namesOf<RetryOptions>({
  maxAttempts: true,
  minDelayMs: true,
  maxDelayMs: true,
  maxRecordAgeMs: true,
  classify: true,
  delayMs: true,
})

/** The names of {@link Schemas}. */
export const schemaNames: readonly string[] = namesOf<Schemas>({ newImage: true, oldImage: true, keys: true })
