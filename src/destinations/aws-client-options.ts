import { type Clock, isClock, systemClock } from '../core/clock.ts'
import { integer, invalidOption } from '../core/options.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import { type AwsClientOptions, DEFAULT_TIMEOUT_MS } from './aws-client.ts'
import type { Destination } from './destination.ts'

/** Options of every destination in AWS. */
export interface AwsDestinationOptions {
  /**
   * How long a call may take before it counts as failed, including the retries of the SDK. A number of
   * milliseconds from 1 to 600,000. A call without a response may have been executed.
   * @default 30_000
   */
  readonly timeoutMs?: number | undefined
  /**
   * Provides the timers for `timeoutMs`.
   * @default the system clock
   */
  readonly clock?: Clock | undefined
}

interface ClientAndLimits extends AwsDestinationOptions {
  readonly client?: SdkClient | undefined
}

/** @throws StreamError `options.invalid` */
export function checkCallOptions(options: ClientAndLimits): AwsClientOptions {
  const { client, timeoutMs = DEFAULT_TIMEOUT_MS, clock = systemClock } = options
  if (!isClock(clock)) throw invalidOption('clock', clock, 'an object with now, monotonic and setTimer')
  return { client, timeoutMs: integer('timeoutMs', timeoutMs, 1, 600_000), clock }
}

/** @throws StreamError `options.invalid` */
export function checkOversize(value: unknown): Destination | 'metadata' {
  if (value === undefined || value === 'metadata') return 'metadata'
  const isDestination =
    typeof value === 'function' ||
    (typeof value === 'object' && value !== null && typeof Reflect.get(value, 'send') === 'function')
  if (isDestination) return value as Destination
  throw invalidOption('oversize', value, "'metadata' or a destination, such as s3Destination({ bucket })")
}
