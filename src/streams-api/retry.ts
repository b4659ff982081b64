import { backoffMs } from '../core/backoff.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { classifyError } from './classify-error.ts'

/** After which time a call is given up and made again, in ms. A server that hangs must not hold a shard up for ever. */
export const CALL_TIMEOUT_MS: number = 30_000

/** The longest pause before a call is made again, in ms. */
export const LONGEST_RETRY_DELAY_MS: number = 10_000

/** The pause before call number `failures + 1`: full jitter, from 100 ms up to 10 s. */
export function retryDelayMs(failures: number, random: () => number): number {
  return backoffMs(failures, { baseMs: 100, capMs: LONGEST_RETRY_DELAY_MS }, random)
}

/** Rejections that come from the time limit of {@link callWithTimeout}. */
export class CallTimeout extends Error {
  override readonly name: string = 'TimeoutError'
}

/** The calls under way that end with a signal, and its one listener: with one for each, adding one takes the longer the more there are. */
interface CallsInFlight {
  readonly calls: Set<AbortController>
  readonly stop: () => void
}

const inFlight = new WeakMap<AbortSignal, CallsInFlight>()

/** Has `controller` abort when `signal` does, until the returned function is called. */
function follow(signal: AbortSignal, controller: AbortController): () => void {
  if (signal.aborted) controller.abort(signal.reason)
  const { calls, stop } = inFlight.get(signal) ?? listenOnce(signal)
  calls.add(controller)
  return () => {
    calls.delete(controller)
    if (calls.size > 0) return
    signal.removeEventListener('abort', stop)
    inFlight.delete(signal)
  }
}

function listenOnce(signal: AbortSignal): CallsInFlight {
  const calls = new Set<AbortController>()
  const stop = () => {
    for (const controller of calls) controller.abort(signal.reason)
  }
  signal.addEventListener('abort', stop)
  inFlight.set(signal, { calls, stop })
  return { calls, stop }
}

/** Makes one call, and gives it up when `signal` aborts or after {@link CALL_TIMEOUT_MS}. */
export async function callWithTimeout<T>(
  call: (signal: AbortSignal) => Promise<T>,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<T> {
  const controller = new AbortController()
  let timedOut = false
  const unfollow = follow(signal, controller)
  const cancelTimer = clock.setTimer(CALL_TIMEOUT_MS, () => {
    timedOut = true
    controller.abort()
  })
  try {
    return await call(controller.signal)
  } catch (error) {
    if (timedOut) throw new CallTimeout(`No answer within ${CALL_TIMEOUT_MS / 1000} s`, { cause: error })
    throw error
  } finally {
    cancelTimer()
    unfollow()
  }
}

/** A call that failed and will be made again: how many times in a row it has failed, and after which pause (ms). */
export interface CallRetry {
  readonly attempt: number
  readonly delayMs: number
  readonly error: unknown
}

/** Repeats a call, of which each has a time limit of its own, until it succeeds or fails with an error that a retry does not fix. */
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
