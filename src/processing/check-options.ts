import { StreamError } from '../core/errors.ts'
import { checkNames, integer, invalidOption } from '../core/options.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import { checkMeter, checkTracer } from '../telemetry/check-telemetry.ts'
import type { MeterLike } from '../telemetry/meter.ts'
import type { TraceContext, TracerLike } from '../telemetry/tracer.ts'
import {
  checkBoolean,
  checkHandlingOptions,
  type HandlingOptions,
  optionalFunction,
} from './check-handling-options.ts'
import { type CheckedParking, checkParking } from './check-parking.ts'
import type { RetryPolicy } from './failure-policy.ts'
import type { Work } from './handler.ts'
import { type ProcessOptions, processDefaults, processOptionNames, retryOptionNames } from './options.ts'
import type { Schemas } from './schema.ts'

/** {@link ProcessOptions}, checked and with defaults. The name, clock and random are those of the stream. */
export interface CheckedOptions<R = StreamRecord, T extends string = string, Raw = StreamRecord>
  extends HandlingOptions<R, T, Raw> {
  readonly retry: RetryPolicy
  readonly parking: CheckedParking | undefined
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
  const handling = checkHandlingOptions(options)
  const { order, retry } = handling
  const maxUnsettled = inRange('maxUnsettled', 1, 500_000)
  const batchSize = work.form === 'batch' ? work.batchSize : 1
  if (batchSize > maxUnsettled) {
    throw invalidOption('maxUnsettled', maxUnsettled, `at least batchSize of the handler (${batchSize})`)
  }
  const parking = checkParking(options.parking, order, retry.maxAttempts)

  function inRange(name: keyof typeof processDefaults & keyof typeof options, min: number, max: number) {
    return integer(name, options[name] ?? processDefaults[name], min, max)
  }
  return {
    ...handling,
    retry: { ...retry, park: parking?.after },
    parking,
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
  }
}

function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || typeof signal?.throwIfAborted === 'function') return signal
  throw invalidOption('signal', signal, 'an AbortSignal, such as the signal of an AbortController')
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
