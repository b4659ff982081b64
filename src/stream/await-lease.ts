import { releaseCheckpoint } from '../checkpoints/lease.ts'
import { LeaseTerm, type Moment, momentOf } from '../checkpoints/lease-term.ts'
import { LeaseWatch } from '../checkpoints/lease-watch.ts'
import type {
  CheckpointLease,
  CheckpointLeaseOptions,
  CheckpointLeaseState,
  CheckpointStore,
} from '../checkpoints/store.ts'
import { abortable } from '../core/abortable.ts'
import { backoffMs } from '../core/backoff.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { isStreamError } from '../core/errors.ts'
import { classifyError } from '../streams-api/classify-error.ts'

/** A standby worker reads the state of the lease this often, as a share of its own time limit. */
const POLL_EVERY = 1 / 3

/** The share of the poll interval by which it varies, so that two workers do not poll in step. */
const POLL_JITTER = 0.2

/** The delay before a failed call is repeated, with full jitter, in ms. */
const RETRY_BASE_MS = 100

/**
 * A call without a response is abandoned after the time limit of the lease, but not earlier than this, in
 * ms.
 */
const MIN_CALL_TIMEOUT_MS = 5_000

/** A store whose leases can have a time limit. */
export type TimedLeaseStore = CheckpointStore & Required<Pick<CheckpointStore, 'lease' | 'leaseState'>>

export interface AwaitLeaseOptions {
  readonly name: string
  readonly leaseMs: number
  readonly clock: Clock
  readonly random: () => number
  /** Ends the wait with its reason. */
  readonly signal: AbortSignal
  /** Called when a wait starts, and when another worker has acquired the lease during it. Must not throw. */
  readonly onStandby: (holder: CheckpointLeaseState) => void
  /** Called after each response of the store. Must not throw. */
  readonly onResponse: () => void
  /** Called after each failed call that will be repeated. Must not throw. */
  readonly onRetry: (retry: {
    readonly attempt: number
    readonly error: unknown
    readonly delayMs: number
  }) => void
}

/** A lease that was acquired after a wait. */
export interface AwaitedLease {
  readonly lease: CheckpointLease
  /** When the call that acquired it was sent. */
  readonly sentAt: Moment
}

/**
 * Waits until the lease of the checkpoint was released or has ended, and acquires it. Writes nothing before
 * that. Failed calls are repeated until `signal` aborts; credential and permission errors, a damaged
 * checkpoint and invalid options are rethrown.
 */
export async function awaitLease(store: TimedLeaseStore, options: AwaitLeaseOptions): Promise<AwaitedLease> {
  const { name, leaseMs, clock, random, signal, onStandby, onResponse, onRetry } = options
  const watch = new LeaseWatch()
  const limitMs = Math.max(leaseMs, MIN_CALL_TIMEOUT_MS)
  const read = (callSignal: AbortSignal) => store.leaseState(name, { signal: callSignal })
  let attempt = 0
  let holderEpoch: number | undefined
  for (;;) {
    signal.throwIfAborted()
    let delayMs = leaseMs * POLL_EVERY * (1 + POLL_JITTER * (2 * random() - 1))
    try {
      const state = await withTimeLimit(clock, limitMs, signal, read)
      onResponse()
      const remainingMs = watch.observe(state, clock.monotonic())
      if (remainingMs === 0) {
        const sentAt = momentOf(clock)
        const lease = await withTimeLimit(clock, limitMs, signal, (callSignal) =>
          acquire(store, name, { signal: callSignal, leaseMs, ifState: state }),
        )
        if (new LeaseTerm(leaseMs, sentAt).check(momentOf(clock)) !== 'stop') return { lease, sentAt }
        await releaseCheckpoint(lease, clock)
        throw new Error(`Acquiring the lease has taken longer than its ${leaseMs} ms.`)
      }
      attempt = 0
      delayMs = Math.max(1, Math.min(delayMs, remainingMs))
      if (state.epoch !== holderEpoch) onStandby(state)
      holderEpoch = state.epoch
    } catch (error) {
      signal.throwIfAborted()
      const backoff = { baseMs: RETRY_BASE_MS, capMs: leaseMs * POLL_EVERY }
      if (isStreamError(error, 'checkpoint.conflict')) {
        // Another worker was faster, or the holder has renewed its lease after all.
        watch.reset()
        delayMs = backoffMs(1, backoff, random)
      } else {
        if (isFatal(error)) throw error
        // If it was the acquisition that failed, it may have succeeded: its lease then ends by time.
        delayMs = backoffMs(++attempt, backoff, random)
        onRetry({ attempt, error, delayMs })
      }
    }
    await sleep(clock, delayMs, signal)
  }
}

async function acquire(
  store: TimedLeaseStore,
  name: string,
  options: CheckpointLeaseOptions & { readonly signal: AbortSignal },
): Promise<CheckpointLease> {
  const lease = await store.lease(name, options)
  // Granted after the call was abandoned: another worker need not wait until it ends.
  if (options.signal.aborted) await lease.release()
  return lease
}

/** Abandons a call without a response, and one that is in flight when `signal` aborts. */
async function withTimeLimit<T>(
  clock: Clock,
  limitMs: number,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController()
  const end = () => ended.abort(signal.reason)
  const cancelTimer = clock.setTimer(limitMs, () =>
    ended.abort(new Error(`The checkpoint store did not respond within ${limitMs} ms.`)),
  )
  signal.addEventListener('abort', end)
  try {
    return await abortable(call(ended.signal), ended.signal)
  } catch (error) {
    ended.signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', end)
    cancelTimer()
  }
}

/** Errors of custom stores that are not from AWS are repeated, as those of saves are. */
function isFatal(error: unknown): boolean {
  if (isStreamError(error)) return true
  return isAwsError(error) && classifyError(error) === 'fatal'
}

/** Whether an error is one of the AWS SDK: of a response, or of the lookup of credentials. */
export function isAwsError(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  return '$metadata' in error || (error instanceof Error && error.name === 'CredentialsProviderError')
}
