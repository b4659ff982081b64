import { type Clock, sleep } from '../core/clock.ts'
import { type CheckedFailureTargets, destinationsOf } from './on-failure.ts'

/** How long the end of a run waits for destinations to close, in ms. */
const CLOSE_TIMEOUT_MS = 2_000

/**
 * Calls `close` of each destination, and waits for a limited time. Destinations can be used again after this.
 * Their errors are ignored: all letters have been accepted.
 */
export async function closeDestinations(targets: CheckedFailureTargets, clock: Clock): Promise<void> {
  const closed = new AbortController()
  const close = async (): Promise<void> => {
    await Promise.allSettled(destinationsOf(targets).map(async (destination) => destination.close?.()))
    closed.abort()
  }
  void close()
  await sleep(clock, CLOSE_TIMEOUT_MS, closed.signal)
}
