import { namesOf } from '../core/options.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import type { FailureTarget, FailureTargets } from '../processing/on-failure.ts'
import type { ProcessOptions, RetryOptions } from '../processing/options.ts'
import type { Schemas } from '../processing/schema.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { LambdaLogger } from './failure-log.ts'

/** How failed attempts are retried within an invocation. */
export interface LambdaRetryOptions<R = StreamRecord, T extends string = string>
  extends Omit<RetryOptions<R, T>, 'maxAttempts'> {
  /**
   * How many attempts a record has within one invocation before it is given up, that is, goes to
   * `onFailure.exhausted`; 1 to 1,000,000. Lambda does not reveal the attempts of other invocations.
   *
   * Without it, a record has 3 attempts and is then reported to Lambda, which retries it in further
   * invocations: the mapping's `MaximumRetryAttempts` and destination decide what happens to it. So a
   * downstream outage of a few seconds gives nothing up.
   * @default 3 attempts, after which the record is reported to Lambda
   */
  readonly maxAttempts?: number | undefined
}

/** How the event source mappings of the function are found. */
export interface MappingAccess {
  /**
   * The SDK's `LambdaClient`.
   * @default a client with the region and the credentials of the environment
   */
  readonly client?: SdkClient | undefined
  /**
   * The ARN of the function as the mapping names it: with the alias or version, if the mapping has one.
   * @default the ARN with which Lambda has invoked the function
   */
  readonly functionArn?: string | undefined
}

/** When the function disables its own event source mapping. */
export interface DisableMappingOptions<R = StreamRecord> extends MappingAccess {
  /**
   * Whether a failure of the handler is fatal. If so, nothing more is started, the mapping is disabled, and
   * the unsettled records are reported. It must return `true` or `false`; if it throws, the failure is not
   * fatal.
   */
  readonly when: (error: unknown, record: R) => boolean
}

/**
 * Options of `lambdaHandler`. A value out of range, and an unknown name, is refused with `options.invalid`
 * when the handler is created. `parking`, limits of memory and telemetry exist only in `processStream`.
 *
 * @typeParam R - the record as the handler receives it.
 * @typeParam S - the schemas, from which the types of the record's members follow.
 * @typeParam T - the names of the tasks of the handler.
 * @typeParam Raw - the record before the schemas are applied.
 */
export interface LambdaOptions<
  R = StreamRecord,
  S extends Schemas = Schemas,
  T extends string = string,
  Raw = StreamRecord,
> extends Pick<
    ProcessOptions<R, S, T, Raw>,
    'order' | 'concurrency' | 'filters' | 'filter' | 'schema' | 'handlerTimeoutMs'
  > {
  /**
   * The name in the identifiers of dead letters: a well-formed string of 1 to 255 characters.
   * @default the name of the function
   */
  readonly name?: string | undefined
  /** How failed attempts are retried within an invocation. */
  readonly retry?: LambdaRetryOptions<R, T> | undefined
  /**
   * What happens to records that are given up: a destination that receives all of them, a target for each
   * kind of reason, or `'discard'`. Without it, or without a member for the reason, the record is reported to
   * Lambda, which retries it. Records whose attempts are used up go to `exhausted` only if
   * `retry.maxAttempts` is set.
   * @default records are reported to Lambda
   */
  readonly onFailure?: FailureTarget | FailureTargets | undefined
  /**
   * Whether other keys continue after a record was reported to Lambda. Lambda repeats all records from the
   * lowest reported one on, including those that are handled after it; `'stop'` repeats fewer, and
   * `'continue'` lets a failing key block only itself.
   * @default 'stop' with `order: 'shard'`, otherwise 'continue'
   */
  readonly onFirstFailure?: 'stop' | 'continue' | undefined
  /**
   * How long before the deadline of the invocation nothing more is started and `context.signal` aborts, in
   * ms; 0 to 300,000. Half of it remains for the results of running handlers and destinations, and half for
   * the response. Limited to half of the time that remains at the start of the invocation.
   * @default 1000, or 3000 with a destination
   */
  readonly reserveMs?: number | undefined
  /**
   * Whether the function throws if it has settled none of the records, as Powertools does: the invocation
   * then counts as an error of the function in Lambda's metrics. Lambda retries the batch in either case.
   * @default true
   */
  readonly throwOnFullBatchFailure?: boolean | undefined
  /**
   * Checks once per cold start that the mapping has `ReportBatchItemFailures`, without which Lambda ignores
   * the response, and failed records are lost. If it is off, a warning is logged, and the function throws
   * whenever a record is to be reported, so that nothing is lost. Requires the permission
   * `lambda:ListEventSourceMappings` and the package `@aws-sdk/client-lambda`, which Lambda's Node.js
   * runtimes contain.
   * @default false
   */
  readonly checkMapping?: boolean | MappingAccess | undefined
  /**
   * Disables the event source mapping of the function after a fatal failure. Records stay in the stream for
   * 24 hours; enable the mapping again within that time. Lambda takes up to a minute to stop invoking the
   * function. Requires the permissions `lambda:ListEventSourceMappings` and
   * `lambda:UpdateEventSourceMapping`.
   * @default the mapping is not disabled
   */
  readonly disableMapping?: DisableMappingOptions<R> | undefined
  /**
   * Where failures are logged, such as the logger of Powertools: at most 10 lines per invocation.
   * @default console
   */
  readonly logger?: LambdaLogger | undefined
  /**
   * The source of time and timers, for tests.
   * @default the system clock
   */
  readonly clock?: ProcessOptions['clock']
  /**
   * Returns random numbers from 0 (inclusive) to 1 (exclusive), for tests.
   * @default Math.random
   */
  readonly random?: ProcessOptions['random']
}

/** The names of {@link LambdaOptions}. */
export const lambdaOptionNames: readonly string[] = namesOf<LambdaOptions>({
  name: true,
  order: true,
  concurrency: true,
  retry: true,
  onFailure: true,
  filters: true,
  filter: true,
  schema: true,
  handlerTimeoutMs: true,
  onFirstFailure: true,
  reserveMs: true,
  throwOnFullBatchFailure: true,
  checkMapping: true,
  disableMapping: true,
  logger: true,
  clock: true,
  random: true,
})

/** The defaults of {@link LambdaOptions} that do not depend on other options. */
export const lambdaDefaults = {
  maxAttempts: 3,
  reserveMs: 1_000,
  reserveForDestinationsMs: 3_000,
} as const
