import { formatValue } from '../core/options.ts'
import type { FailureContext, RetryOptions } from './options.ts'

/** What the user's callbacks say about a failed attempt. */
export interface Classification {
  readonly verdict: 'retry' | 'reject' | 'wait'
  /** The delay before the next attempt, in ms; undefined for the default. */
  readonly delayMs: number | undefined
  /** What `classify` or `delayMs` threw, or an error about the value that it returned. */
  readonly callbackError: unknown
}

/** A longer delay than DynamoDB Streams keeps records is certainly a mistake, such as a time since 1970. */
const MAX_DELAY_MS = 24 * 3_600_000

/**
 * Calls `retry.classify` and `retry.delayMs`. Neither of them can make a run fail: if it throws, or returns
 * something else than it should, the default applies.
 *
 * @param isReported - the record was named in `batchItemFailures`. `classify` is not called, because there is
 * no error.
 */
export function classifyFailure<R, T extends string>(
  error: unknown,
  record: R,
  context: FailureContext<T>,
  retry: Pick<RetryOptions<R, T>, 'classify' | 'delayMs'>,
  isReported = false,
): Classification {
  let callbackError: unknown
  const attempt = <Result>(call: () => Result): Result | undefined => {
    try {
      return call()
    } catch (thrown) {
      callbackError ??= thrown ?? new TypeError('A callback of retry threw no value.')
      return undefined
    }
  }
  const verdict = isReported
    ? undefined
    : attempt(() => retry.classify && checkVerdict(retry.classify(error, record, context)))
  const delayMs =
    verdict === 'reject'
      ? undefined
      : attempt(() => retry.delayMs && checkDelay(retry.delayMs(context.attempt, error, record)))
  return { verdict: verdict ?? 'retry', delayMs, callbackError }
}

function checkVerdict(value: unknown): Classification['verdict'] {
  if (value === 'retry' || value === 'reject' || value === 'wait') return value
  throw unexpected('classify', value, "'retry', 'reject' or 'wait'")
}

function checkDelay(value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) {
    return Math.min(Math.round(value), MAX_DELAY_MS)
  }
  throw unexpected('delayMs', value, 'a number of milliseconds, 0 or more')
}

function unexpected(name: 'classify' | 'delayMs', value: unknown, expected: string): TypeError {
  // An unhandled rejection would end the process.
  if (value instanceof Promise) value.catch(() => {})
  const found = value instanceof Promise ? 'a promise' : formatValue(value)
  return new TypeError(`retry.${name} returned ${found}, but must return ${expected}.`)
}
