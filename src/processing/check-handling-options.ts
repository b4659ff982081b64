import { type Clock, isClock } from '../core/clock.ts'
import { StreamError } from '../core/errors.ts'
import { checkNames, integer, invalidOption, isIntegerInRange } from '../core/options.ts'
import { type CompiledFilter, compileFilters } from '../filter/compile-filter.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { RetryPolicy } from './failure-policy.ts'
import { type CheckedFailureTargets, checkOnFailure } from './on-failure.ts'
import {
  delayDefaults,
  type ProcessOptions,
  processDefaults,
  type RetryOptions,
  retryDefaults,
  retryOptionNames,
  schemaNames,
} from './options.ts'
import { isStandardSchema, type Schemas } from './schema.ts'

/** The options about how records are handled, which `processStream` and `lambdaHandler` share, checked. */
export interface HandlingOptions<R = StreamRecord, T extends string = string, Raw = StreamRecord> {
  readonly name: string | undefined
  readonly order: 'key' | 'shard' | 'none'
  readonly concurrency: number
  readonly retry: Omit<RetryPolicy, 'park'>
  readonly callbacks: Pick<RetryOptions<R, T>, 'classify' | 'delayMs'>
  readonly onFailure: CheckedFailureTargets
  readonly filters: CompiledFilter | undefined
  readonly filter: ((record: Raw) => boolean) | undefined
  readonly schema: Schemas | undefined
  readonly handlerTimeoutMs: number | undefined
  readonly clock: Clock | undefined
  readonly random: (() => number) | undefined
}

/** The members of {@link ProcessOptions} that `lambdaHandler` has too. */
type UncheckedOptions<R, S extends Schemas, T extends string, Raw> = Pick<
  ProcessOptions<R, S, T, Raw>,
  | 'name'
  | 'order'
  | 'concurrency'
  | 'retry'
  | 'onFailure'
  | 'filters'
  | 'filter'
  | 'schema'
  | 'handlerTimeoutMs'
  | 'clock'
  | 'random'
>

const DAY_MS = 86_400_000

/** @throws StreamError `options.invalid` for the first option that is invalid. */
export function checkHandlingOptions<R, S extends Schemas, T extends string, Raw>(
  options: UncheckedOptions<R, S, T, Raw>,
): HandlingOptions<R, T, Raw> {
  const onFailure = checkOnFailure(options.onFailure)
  return {
    name: checkName(options.name),
    order: checkOrder(options.order ?? processDefaults.order),
    concurrency: integer('concurrency', options.concurrency ?? processDefaults.concurrency, 1, 10_000),
    retry: checkRetry(options.retry ?? {}, onFailure),
    callbacks: options.retry ?? {},
    onFailure,
    filters: options.filters === undefined ? undefined : compileFilters(options.filters, 'filters'),
    filter: optionalFunction('filter', options.filter, '(record) => !record.isTtlDelete'),
    schema: options.schema === undefined ? undefined : checkSchemas(options.schema),
    handlerTimeoutMs: optionalInteger('handlerTimeoutMs', options.handlerTimeoutMs, 1, DAY_MS),
    clock: options.clock === undefined ? undefined : checkClock(options.clock),
    random: optionalFunction('random', options.random, 'Math.random'),
  }
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

export function optionalFunction<F>(option: string, value: F, example: string): F {
  if (value === undefined || typeof value === 'function') return value
  throw invalidOption(option, value, `a function, such as ${example}`)
}

export function checkBoolean(option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw invalidOption(option, value, 'true or false')
}

function checkClock(clock: Clock): Clock {
  if (isClock(clock)) return clock
  throw invalidOption('clock', clock, 'an object with now, monotonic and setTimer')
}
