import { type Clock, isClock, systemClock } from '../../core/clock.ts'
import { integer, invalidOption, isIntegerInRange } from '../../core/options.ts'
import { type CompiledFilter, compileFilters } from '../../filter/compile-filter.ts'
import type { StreamEmulator } from '../emulator/stream-emulator.ts'
import {
  aBoolean,
  aFunction,
  type Check,
  type Checks,
  check,
  checkOptions,
  listOf,
  oneOf,
  wholeNumber,
} from '../options/check-options.ts'
import type { LambdaInvocationRecord } from './invocation-record.ts'
import {
  type FunctionIdentity,
  type LambdaContext,
  type LambdaFunctionHandler,
  type LambdaStreamEvent,
  parseFunctionName,
} from './lambda-function.ts'

/**
 * Options of {@link emulateEventSourceMapping}. Those that start with a capital letter are the parameters of
 * CreateEventSourceMapping, with Lambda's ranges and, except for `StartingPosition`, its defaults.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
 */
export interface EventSourceMappingOptions<Event = LambdaStreamEvent, Context = LambdaContext> {
  /** The emulator whose current stream is read. */
  readonly emulator: StreamEmulator
  /** The handler of the function. */
  readonly handler: LambdaFunctionHandler<Event, Context>
  /** The timeout of the function, in ms; 1 to 900,000. @default 3_000 */
  readonly timeoutMs?: number | undefined
  /**
   * The name or the ARN of the function, with an alias or version (`indexer:live`) if the mapping is for one.
   * @default 'function'
   */
  readonly FunctionName?: string | undefined
  /** Whether the mapping is active; `enable()` and `disable()` change it. @default true */
  readonly Enabled?: boolean | undefined
  /** The maximum number of records of an invocation, 1 to 10,000. @default 100 */
  readonly BatchSize?: number | undefined
  /** How long records are gathered before an invocation, in seconds; 0 to 300. @default 0 */
  readonly MaximumBatchingWindowInSeconds?: number | undefined
  /** The number of batches of one shard that are processed concurrently, 1 to 10. @default 1 */
  readonly ParallelizationFactor?: number | undefined
  /** Whether a batch that fails is split in two. @default false */
  readonly BisectBatchOnFunctionError?: boolean | undefined
  /** The number of retries of a batch, 0 to 10,000, or -1 to retry until its records expire. @default -1 */
  readonly MaximumRetryAttempts?: number | undefined
  /** The age at which records are given up, in seconds: 60 to 604,800, or -1 for no limit. @default -1 */
  readonly MaximumRecordAgeInSeconds?: number | undefined
  /** Must contain `ReportBatchItemFailures`; otherwise Lambda ignores `batchItemFailures`. @default [] */
  readonly FunctionResponseTypes?: readonly 'ReportBatchItemFailures'[] | undefined
  /** Lambda requires this parameter. @default 'TRIM_HORIZON' */
  readonly StartingPosition?: 'TRIM_HORIZON' | 'LATEST' | undefined
  /** Filter patterns: `{ Filters: [{ Pattern: '{"eventName":["INSERT"]}' }] }`. @default no filter */
  readonly FilterCriteria?: object | undefined
  /**
   * Where invocation records are sent: the ARN of a standard queue, a standard topic or a bucket. Nothing is
   * sent to it; see `delivered` and {@link EventSourceMappingOptions.onFailure}.
   * @default no destination, unless there is `onFailure`
   */
  readonly DestinationConfig?:
    | { readonly OnFailure?: { readonly Destination?: string | undefined } | undefined }
    | undefined
  /**
   * The destination. If it throws or rejects, Lambda drops the batch. `s3Key` is the key of the object, if
   * the destination is a bucket. A mapping without `DestinationConfig` sends it what a queue would receive.
   */
  readonly onFailure?: ((record: LambdaInvocationRecord, s3Key?: string) => unknown) | undefined
  /** The clock of the mapping. Pass the one of the emulator. @default the system clock */
  readonly clock?: Clock | undefined
  /** Returns a number from 0 (inclusive) to 1 (exclusive), for delays and ids. @default Math.random */
  readonly random?: (() => number) | undefined
}

/** The options of a mapping, checked. */
export interface CheckedMapping {
  readonly emulator: StreamEmulator
  readonly handler: LambdaFunctionHandler
  readonly timeoutMs: number
  readonly identity: FunctionIdentity
  readonly isEnabled: boolean
  readonly batchSize: number
  readonly windowMs: number
  readonly lanesPerShard: number
  readonly bisects: boolean
  /** -1: retry indefinitely. */
  readonly maxRetries: number
  /** `Infinity` for no limit. */
  readonly maxAgeMs: number
  readonly reportsFailures: boolean
  readonly startsAtLatest: boolean
  readonly filter: CompiledFilter | undefined
  readonly destination: 's3' | 'queue' | undefined
  readonly onFailure: EventSourceMappingOptions['onFailure']
  readonly clock: Clock
  readonly random: () => number
}

/** The tumbling window is a known name, so that its error says why it is refused. */
type KnownOptions = EventSourceMappingOptions & { readonly TumblingWindowInSeconds?: number }

const aRecordAge: Check = (option, value) => {
  if (value === -1 || isIntegerInRange(value, 60, 604_800)) return
  throw invalidOption(option, value, '-1 or a whole number from 60 to 604800')
}

const noTumblingWindow: Check = (option, value) => {
  if (value !== 0) throw invalidOption(option, value, '0, because tumbling windows are not emulated')
}

const aFilter: Check = (option, value) => void compileFilters(value, option)

const STANDARD_TARGET = /^arn:[^:]+:(?:(?:sqs|sns):[^:]*:[^:]*:[\w-]+|s3:::[\w.-]+)$/

const aDestinationConfig: Check = (option, value) =>
  checkOptions(option, value, {
    OnFailure: (path, onFailure) => checkOptions(path, onFailure, { Destination: aDestination }),
  })

const aDestination: Check = check(
  (value) => typeof value === 'string' && STANDARD_TARGET.test(value),
  'the ARN of an SQS queue, an SNS topic or an S3 bucket; Lambda refuses FIFO queues and topics',
)

const checks: Checks<KnownOptions> = {
  emulator: check(isEmulator, 'a StreamEmulator'),
  handler: aFunction,
  timeoutMs: wholeNumber(1, 900_000),
  FunctionName: (option, value) => {
    if (typeof value === 'string' && parseFunctionName(value, '') !== undefined) return
    throw invalidOption(option, value, 'the name or the ARN of a function, such as indexer:live')
  },
  Enabled: aBoolean,
  BatchSize: wholeNumber(1, 10_000),
  MaximumBatchingWindowInSeconds: wholeNumber(0, 300),
  ParallelizationFactor: wholeNumber(1, 10),
  BisectBatchOnFunctionError: aBoolean,
  MaximumRetryAttempts: (option, value) => void integer(option, value, -1, 10_000),
  MaximumRecordAgeInSeconds: aRecordAge,
  FunctionResponseTypes: listOf<'ReportBatchItemFailures'>({ ReportBatchItemFailures: true }),
  StartingPosition: oneOf<'TRIM_HORIZON' | 'LATEST'>({ TRIM_HORIZON: true, LATEST: true }),
  FilterCriteria: aFilter,
  DestinationConfig: aDestinationConfig,
  TumblingWindowInSeconds: noTumblingWindow,
  onFailure: aFunction,
  clock: check(isClock, 'an object with now, monotonic and setTimer'),
  random: aFunction,
}

/**
 * Checks the options as Lambda does.
 *
 * @throws StreamError `options.invalid`
 */
export function checkMapping(options: EventSourceMappingOptions): CheckedMapping {
  checkOptions('', options, checks)
  const { emulator, handler, FilterCriteria, MaximumRecordAgeInSeconds: maxAge = -1 } = options
  if (emulator === undefined) checks.emulator('emulator', emulator)
  if (handler === undefined) checks.handler('handler', handler)
  const target = options.DestinationConfig?.OnFailure?.Destination
  const hasDestination = target !== undefined || options.onFailure !== undefined
  return {
    emulator,
    handler,
    timeoutMs: options.timeoutMs ?? 3_000,
    identity: parseFunctionName(options.FunctionName ?? 'function', emulator.streamArn) as FunctionIdentity,
    isEnabled: options.Enabled ?? true,
    batchSize: options.BatchSize ?? 100,
    windowMs: (options.MaximumBatchingWindowInSeconds ?? 0) * 1000,
    lanesPerShard: options.ParallelizationFactor ?? 1,
    bisects: options.BisectBatchOnFunctionError ?? false,
    maxRetries: options.MaximumRetryAttempts ?? -1,
    maxAgeMs: maxAge === -1 ? Number.POSITIVE_INFINITY : maxAge * 1000,
    reportsFailures: (options.FunctionResponseTypes ?? []).length > 0,
    startsAtLatest: options.StartingPosition === 'LATEST',
    filter: FilterCriteria && compileFilters(FilterCriteria, 'FilterCriteria'),
    destination: hasDestination ? (target?.includes(':s3:') ? 's3' : 'queue') : undefined,
    onFailure: options.onFailure,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  }
}

/** By its members, because a test may load two copies of this package. */
function isEmulator(value: unknown): boolean {
  const { streamArn, records, shard, now } = Object(value) as Partial<StreamEmulator>
  return (
    typeof streamArn === 'string' &&
    Array.isArray(records) &&
    typeof shard === 'function' &&
    typeof now === 'function'
  )
}
