import type { Destination } from '../../../src/destinations/destination.ts'
import type { ProcessOptions, StreamRecord } from '../../../src/index.ts'
import type { StandardSchema } from '../../../src/processing/schema.ts'
import type { Process } from '../stream/process.ts'
import { OutageError } from './handler.ts'
import { ABANDON_MS, DRAIN_MS } from './oracle.ts'
import type { FailureSetup, Order, ProcessingSetup } from './steps.ts'

/** What the options of one run need to know. */
export interface OptionsHost {
  readonly order: Order
  readonly process: Process
  readonly random: () => number
  readonly signal: AbortSignal
  readonly destination: Destination
  /** The run has taken a record. Returns whether the filter includes it. */
  delivered(record: StreamRecord): boolean
  /** The run validates the item with this number. Returns whether it is valid. */
  validated(number: unknown): boolean
}

/** Creates the options of `processStream` for one run. */
export function createOptions(setup: ProcessingSetup, host: OptionsHost): ProcessOptions {
  const { process, random, order, signal } = host
  return {
    clock: process.clock,
    random,
    order,
    signal,
    concurrency: setup.concurrency,
    retry: {
      maxAttempts: setup.maxAttempts,
      minDelayMs: Math.min(200, setup.maxDelayMs),
      maxDelayMs: setup.maxDelayMs,
      maxRecordAgeMs: setup.maxRecordAgeMs,
      classify: (error) => (error instanceof OutageError ? 'wait' : 'retry'),
    },
    ...onFailure(setup.onFailure, host.destination),
    filter: (record) => host.delivered(record),
    ...(setup.schema !== 'none' && { schema: { newImage: schema(host, setup.schema === 'async') } }),
    handlerTimeoutMs: setup.handlerTimeoutMs,
    abandonAfterMs: ABANDON_MS,
    drainTimeoutMs: DRAIN_MS,
    maxUnsettled: setup.maxUnsettled,
    maxFailingKeys: setup.maxFailingKeys,
  }
}

/** Without a target of any kind, the option is omitted. */
function onFailure(setup: FailureSetup, destination: Destination): Pick<ProcessOptions, 'onFailure'> {
  const target = (name: keyof FailureSetup) => {
    if (setup[name] === 'stop') return undefined
    return setup[name] === 'discard' ? ('discard' as const) : destination
  }
  const targets = { exhausted: target('exhausted'), rejected: target('rejected'), invalid: target('invalid') }
  const { exhausted } = targets
  if (exhausted === targets.rejected && exhausted === targets.invalid)
    return exhausted ? { onFailure: exhausted } : {}
  return { onFailure: targets }
}

function schema(host: OptionsHost, isAsync: boolean): StandardSchema<Record<string, unknown>> {
  const validate = (value: unknown) => {
    const item = value as Record<string, unknown>
    return host.validated(item.n)
      ? { value: item }
      : { issues: [{ message: 'The history makes it invalid.' }] }
  }
  return {
    '~standard': {
      version: 1,
      vendor: 'model',
      validate: isAsync ? async (value) => validate(value) : validate,
    },
  }
}
