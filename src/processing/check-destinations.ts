import { sleep, systemClock } from '../core/clock.ts'
import { describeError } from '../core/describe-error.ts'
import { endSentence } from '../core/end-sentence.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import { type CheckedFailureTargets, type DestinationObject, destinationsOf } from './on-failure.ts'

/**
 * How long the check of a destination may take, in ms. It is measured in real time, not by the clock of the
 * run: a check calls a service, even in a test that moves its clock by hand.
 */
const CHECK_TIMEOUT_MS = 30_000

/**
 * Calls `check` of each destination, one after the other, until `stopped` aborts.
 *
 * @throws StreamError `destination.failed` if a check rejects or takes too long. The errors of this library,
 * such as `options.invalid` for a missing package, are rethrown unchanged.
 */
export async function checkDestinations(
  targets: CheckedFailureTargets,
  stopped: AbortSignal,
  timeoutMs: number = CHECK_TIMEOUT_MS,
): Promise<void> {
  for (const destination of destinationsOf(targets)) {
    if (stopped.aborted) return
    try {
      await checkInTime(destination, stopped, timeoutMs)
    } catch (error) {
      throw isStreamError(error) ? error : checkFailed(targets, destination, error)
    }
  }
}

async function checkInTime(destination: DestinationObject, stopped: AbortSignal, timeoutMs: number) {
  const ended = new AbortController()
  const expire = async (): Promise<void> => {
    const signal = AbortSignal.any([ended.signal, stopped])
    await sleep(systemClock, timeoutMs, signal)
    if (!signal.aborted) throw new Error(`check() has not ended within ${timeoutMs / 1_000} s`)
  }
  try {
    await Promise.race([destination.check?.(), expire()])
  } finally {
    ended.abort()
  }
}

function checkFailed(
  targets: CheckedFailureTargets,
  destination: DestinationObject,
  cause: unknown,
): StreamError<'destination.failed'> {
  const kinds = Object.entries(targets).filter(([, target]) => target === destination)
  const [[kind] = ['']] = kinds
  const option = kinds.length === Object.keys(targets).length ? 'onFailure' : `onFailure.${kind}`
  const { name, message } = describeError(cause)
  const reason = endSentence(message === '' ? name : message)
  const details = { destination: option, operation: 'check' } as const
  return new StreamError(
    'destination.failed',
    `Cannot use the destination of ${option}: ${reason}`,
    details,
    cause,
  )
}
