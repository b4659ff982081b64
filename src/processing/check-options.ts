import { type Clock, isClock } from '../core/clock.ts'
import { StreamError } from '../core/errors.ts'
import { checkNames, integer, invalidOption, isIntegerInRange } from '../core/options.ts'
import { type CompiledFilter, compileFilters } from '../filter/compile-filter.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import { checkMeter, checkTracer } from '../telemetry/check-telemetry.ts'
import type { MeterLike } from '../telemetry/meter.ts'
import type { TraceContext, TracerLike } from '../telemetry/tracer.ts'
import { type CheckedParking, checkParking } from './check-parking.ts'
import type { RetryPolicy } from './failure-policy.ts'
import type { Work } from './handler.ts'
import { type CheckedFailureTargets, checkOnFailure } from './on-failure.ts'
import {
  delayDefaults,
  type ProcessOptions,
  processDefaults,
  processOptionNames,
  type RetryOptions,
  retryDefaults,
  retryOptionNames,
  schemaNames,
} from './options.ts'
import { isStandardSchema, type Schemas } from './schema.ts'

/** {@link ProcessOptions}, checked and with defaults. */
export interface CheckedOptions<R = StreamRecord, T extends string = string, Raw = StreamRecord> {
  /** Undefined for the name of the checkpoint. */
  readonly name: string | undefined
  readonly order: 'key' | 'shard' | 'none'
  readonly concurrency: number
  readonly retry: RetryPolicy
  readonly callbacks: Pick<RetryOptions<R, T>, 'classify' | 'delayMs'>
  readonly onFailure: CheckedFailureTargets
  readonly parking: CheckedParking | undefined
  readonly filters: CompiledFilter | undefined
  readonly filter: ((record: Raw) => boolean) | undefined
  readonly schema: Schemas | undefined
  readonly handlerTimeoutMs: number | undefined
  readonly abandonAfterMs: number
  readonly drainTimeoutMs: number
  readonly maxUnsettled: number
  readonly maxUnsettledBytes: number
  readonly maxFailingKeys: number
  readonly stallAfterMs: number
  readonly checkDestinations: boolean
  readonly meter: MeterLike | undefined
  readonly tracer: TracerLike | undefined
  readonly traceContext: ((record: Raw) => TraceContext | readonly TraceContext[] | undefined) | undefined
  readonly signal: AbortSignal | undefined
  /** Undefined for those of the stream. */
  readonly clock: Clock | undefined
  readonly random: (() => number) | undefined
}

const DAY_MS = 86_400_000

/**
 * Checks the options of a run before anything is read.
 *
 * @param work - the handler, checked.
 * @throws StreamError `options.invalid` for the first option that is invalid.
 */
export function checkProcessOptions<R, S extends Schemas, T extends string, Raw>(
  options: ProcessOptions<R, S, T, Raw>,
  work: Work,
): CheckedOptions<R, T, Raw> {
  checkPlacement(options)
  checkNames('', options, processOptionNames, { call: 'processStream', options: '{ concurrency: 16 }' })
  const onFailure = checkOnFailure(options.onFailure)
  const maxUnsettled = inRange('maxUnsettled', 1, 500_000)
  const batchSize = work.form === 'batch' ? work.batchSize : 1
  if (batchSize > maxUnsettled) {
    throw invalidOption('maxUnsettled', maxUnsettled, `at least batchSize of the handler (${batchSize})`)
  }

  const order = checkOrder(options.order ?? processDefaults.order)
  const retry = checkRetry(options.retry ?? {}, onFailure)
  const parking = checkParking(options.parking, order, retry.maxAttempts)

  function inRange(name: keyof typeof processDefaults & keyof typeof options, min: number, max: number) {
    return integer(name, options[name] ?? processDefaults[name], min, max)
  }
  return {
    name: checkName(options.name),
    order,
    concurrency: inRange('concurrency', 1, 10_000),
    retry: { ...retry, park: parking?.after },
    callbacks: options.retry ?? {},
    onFailure,
    parking,
    filters: options.filters === undefined ? undefined : compileFilters(options.filters, 'filters'),
    filter: optionalFunction('filter', options.filter, '(record) => !record.isTtlDelete'),
    schema: options.schema === undefined ? undefined : checkSchemas(options.schema),
    handlerTimeoutMs: optionalInteger('handlerTimeoutMs', options.handlerTimeoutMs, 1, DAY_MS),
    abandonAfterMs: inRange('abandonAfterMs', 0, 3_600_000),
    drainTimeoutMs: inRange('drainTimeoutMs', 0, 3_600_000),
    maxUnsettled,
    maxUnsettledBytes: inRange('maxUnsettledBytes', 1, Number.MAX_SAFE_INTEGER),
    maxFailingKeys: inRange('maxFailingKeys', 1, 500_000),
    stallAfterMs: inRange('stallAfterMs', 1, DAY_MS),
    checkDestinations: checkBoolean('checkDestinations', options.checkDestinations ?? true),
    meter: checkMeter(options.meter),
    tracer: checkTracer(options.tracer),
    traceContext: optionalFunction(
      'traceContext',
      options.traceContext,
      '(record) => record.newImage?.traceparent',
    ),
    signal: checkSignal(options.signal),
    clock: options.clock === undefined ? undefined : checkClock(options.clock),
    random: optionalFunction('random', options.random, 'Math.random'),
  }
}

/** Options that users look for in the wrong place, and where they belong. */
const PLACES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(retryOptionNames.map((name) => [name, `the option retry: { ${name} }`])),
  batchSize: 'the handler: { batch, batchSize }',
  maxBatchingWindowMs: 'the handler: { batch, maxBatchingWindowMs }',
  maxBatchBytes: 'the handler: { batch, maxBatchBytes }',
  checkpoint: 'openStream',
  startAt: 'openStream',
  onGap: 'openStream',
  followTable: 'openStream',
}

/** Parameters of a Lambda event source mapping, and what corresponds to them. */
const LAMBDA_PARAMETERS: Readonly<Record<string, string>> = {
  BatchSize: 'the handler: { batch, batchSize }',
  MaximumBatchingWindowInSeconds: 'the handler: { batch, maxBatchingWindowMs }',
  DestinationConfig: 'the option onFailure',
  FilterCriteria: 'the option filters',
  MaximumRecordAgeInSeconds: 'the option retry: { maxRecordAgeMs }',
  MaximumRetryAttempts: 'the option retry: { maxAttempts }, which includes the first attempt',
  ParallelizationFactor: 'the option concurrency',
  StartingPosition: 'openStream: { startAt }',
}

function checkPlacement(options: unknown): void {
  for (const [option, value] of Object.entries(Object(options))) {
    if (value === undefined) continue
    const parameter = ownValue(LAMBDA_PARAMETERS, option)
    if (parameter !== undefined) {
      const message = `processStream has no option ${option}; use ${parameter}.`
      throw new StreamError('options.invalid', message, { option, value, expected: parameter })
    }
    const place = ownValue(PLACES, option)
    if (place === undefined) continue
    const message = `processStream has no option ${option}; it belongs to ${place}.`
    throw new StreamError('options.invalid', message, { option, value, expected: `part of ${place}` })
  }
}

function ownValue(values: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined
}

function checkName(name: unknown): string | undefined {
  if (name === undefined) return undefined
  if (typeof name === 'string' && name.length >= 1 && name.length <= 255 && name.isWellFormed()) return name
  throw invalidOption('name', name, 'a well-formed string of 1 to 255 characters')
}

function checkOrder(order: unknown): 'key' | 'shard' | 'none' {
  if (order === 'key' || order === 'shard' || order === 'none') return order
  throw invalidOption('order', order, "'key', 'shard' or 'none'")
}

function checkRetry<R, T extends string>(
  retry: RetryOptions<R, T>,
  { exhausted }: CheckedFailureTargets,
): Omit<RetryPolicy, 'park'> {
  checkNames('retry', retry, retryOptionNames)
  const { classify, delayMs } = retry
  optionalFunction('retry.classify', classify, "(error) => 'retry'")
  optionalFunction('retry.delayMs', delayMs, '(attempt) => attempt * 1000')
  const maxRecordAgeMs = optionalInteger('retry.maxRecordAgeMs', retry.maxRecordAgeMs, 1_000, 7 * DAY_MS)
  if (maxRecordAgeMs !== undefined && exhausted === 'stop') {
    const expected = 'used with onFailure, which says what happens to records of that age'
    const message = `Option retry.maxRecordAgeMs must be ${expected}.`
    throw new StreamError('options.invalid', message, {
      option: 'retry.maxRecordAgeMs',
      value: maxRecordAgeMs,
      expected,
    })
  }
  return {
    maxAttempts: integer('retry.maxAttempts', retry.maxAttempts ?? retryDefaults.maxAttempts, 1, 1_000_000),
    ...checkDelays(retry),
    maxRecordAgeMs,
    canGiveUpExhausted: exhausted !== 'stop',
  }
}

function checkDelays(retry: {
  readonly minDelayMs?: number | undefined
  readonly maxDelayMs?: number | undefined
}) {
  const maxDelayMs = integer(
    'retry.maxDelayMs',
    retry.maxDelayMs ?? Math.min(DAY_MS, Math.max(delayDefaults.maxDelayMs, Number(retry.minDelayMs) || 0)),
    0,
    DAY_MS,
  )
  const minDelayMs = retry.minDelayMs ?? Math.min(delayDefaults.minDelayMs, maxDelayMs)
  if (isIntegerInRange(minDelayMs, maxDelayMs + 1, DAY_MS)) {
    throw invalidOption('retry.minDelayMs', minDelayMs, `at most retry.maxDelayMs (${maxDelayMs})`)
  }
  return { minDelayMs: integer('retry.minDelayMs', minDelayMs, 0, DAY_MS), maxDelayMs }
}

function checkSchemas(schema: unknown): Schemas {
  if (isStandardSchema(schema)) {
    const expected = 'an object with the parts of a record that it validates, such as { newImage: schema }'
    throw invalidOption('schema', schema, expected, 'a schema')
  }
  checkNames('schema', schema, schemaNames)
  for (const [name, validator] of Object.entries(schema as Schemas)) {
    if (validator === undefined || isStandardSchema(validator)) continue
    const expected = 'a Standard Schema validator, such as a schema of Zod, Valibot or ArkType'
    throw invalidOption(`schema.${name}`, validator, expected)
  }
  return schema as Schemas
}

function optionalInteger(option: string, value: unknown, min: number, max: number): number | undefined {
  return value === undefined ? undefined : integer(option, value, min, max)
}

function optionalFunction<F>(option: string, value: F, example: string): F {
  if (value === undefined || typeof value === 'function') return value
  throw invalidOption(option, value, `a function, such as ${example}`)
}

function checkBoolean(option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw invalidOption(option, value, 'true or false')
}

function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || typeof signal?.throwIfAborted === 'function') return signal
  throw invalidOption('signal', signal, 'an AbortSignal, such as the signal of an AbortController')
}

function checkClock(clock: Clock): Clock {
  if (isClock(clock)) return clock
  throw invalidOption('clock', clock, 'an object with now, monotonic and setTimer')
}
