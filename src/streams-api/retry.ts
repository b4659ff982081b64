import { backoffMs } from '../core/backoff.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { classifyError } from './classify-error.ts'

/** The time limit of a call, in ms. A server that hangs must not block a shard forever. */
export const CALL_TIMEOUT_MS: number = 30_000

/** The longest delay before a retry, in ms. */
export const LONGEST_RETRY_DELAY_MS: number = 10_000

/**
 * Returns the delay after `failures` failed attempts, in ms: random, up to a bound that doubles from 100 ms
 * to 10 s (full jitter).
 */
export function retryDelayMs(failures: number, random: () => number): number {
  return backoffMs(failures, { baseMs: 100, capMs: LONGEST_RETRY_DELAY_MS }, random)
}

/** The error of a call that exceeded the time limit of {@link callWithTimeout}. */
export class CallTimeout extends Error {
  override readonly name: string = 'TimeoutError'
}

/**
 * The calls in flight that a signal aborts. They share one listener, because adding a listener takes longer
 * the more listeners the signal has.
 */
interface CallsInFlight {
  readonly calls: Set<AbortController>
  readonly abortAll: () => void
}

const inFlight = new WeakMap<AbortSignal, CallsInFlight>()

/** Aborts `controller` when `signal` aborts, until the returned function is called. */
function abortWith(signal: AbortSignal, controller: AbortController): () => void {
  if (signal.aborted) controller.abort(signal.reason)
  const { calls, abortAll } = inFlight.get(signal) ?? listenOnce(signal)
  calls.add(controller)
  return () => {
    calls.delete(controller)
    if (calls.size > 0) return
    signal.removeEventListener('abort', abortAll)
    inFlight.delete(signal)
  }
}

function listenOnce(signal: AbortSignal): CallsInFlight {
  const calls = new Set<AbortController>()
  const abortAll = () => {
    for (const controller of calls) controller.abort(signal.reason)
  }
  signal.addEventListener('abort', abortAll)
  inFlight.set(signal, { calls, abortAll })
  return { calls, abortAll }
}

/**
 * Makes one call, and aborts it when `signal` aborts or after {@link CALL_TIMEOUT_MS}.
 *
 * @throws CallTimeout if the call exceeded the time limit.
 */
export async function callWithTimeout<T>(
  call: (signal: AbortSignal) => Promise<T>,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<T> {
  const controller = new AbortController()
  let timedOut = false
  const unlink = abortWith(signal, controller)
  const cancelTimer = clock.setTimer(CALL_TIMEOUT_MS, () => {
    timedOut = true
    controller.abort()
  })
  try {
    return await call(controller.signal)
  } catch (error) {
    if (timedOut) throw new CallTimeout(`No response within ${CALL_TIMEOUT_MS / 1000} s`, { cause: error })
    throw error
  } finally {
    cancelTimer()
    unlink()
  }
}

/** A call that failed and will be retried. */
export interface CallRetry {
  /** How many consecutive times the call has failed; 1 or more. */
  readonly attempt: number
  /** The delay before the next attempt, in ms. */
  readonly delayMs: number
  readonly error: unknown
}

/** Retries a call until it succeeds or fails with an error that is not retryable. */
export async function callWithRetries<T>(
  call: () => Promise<T>,
  context: { clock: Clock; random: () => number; signal: AbortSignal },
  onRetry: (retry: CallRetry) => void,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (context.signal.aborted || classifyError(error) !== 'retry') throw error
      const delayMs = retryDelayMs(attempt, context.random)
      onRetry({ attempt, delayMs, error })
      await sleep(context.clock, delayMs, context.signal)
      context.signal.throwIfAborted()
    }
  }
}
