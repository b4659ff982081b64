import { type AcquiredLease, leaseCheckpoint, releaseCheckpoint } from '../checkpoints/lease.ts'
import { LeaseKeeper, type RenewableLease } from '../checkpoints/lease-keeper.ts'
import type { CheckpointLease } from '../checkpoints/store.ts'
import { abortable } from '../core/abortable.ts'
import { endSentence } from '../core/end-sentence.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import { invalidOption } from '../core/options.ts'
import { parseToken } from '../position/parse-token.ts'
import type { StreamToken } from '../position/token.ts'
import { awaitLease, isAwsError } from './await-lease.ts'
import type { CheckedCheckpoint } from './check-checkpoint.ts'
import { withConnectTimeout } from './connect-timeout.ts'
import type { OpenContext } from './open-context.ts'

/** A checkpoint with its lease and the token that was saved before. */
export interface LeasedCheckpoint extends CheckedCheckpoint {
  readonly lease: AcquiredLease
  readonly saved: StreamToken | undefined
}

/**
 * Acquires the lease of the checkpoint and parses the saved token. With `standby`, waits for the lease; the
 * connect timeout then applies only to the first response of the store.
 */
export async function leaseAndLoad(
  context: OpenContext,
  checkpoint: CheckedCheckpoint,
): Promise<LeasedCheckpoint> {
  const { name } = checkpoint
  const lease = await (checkpoint.standby
    ? waitForLease(context, checkpoint, checkpoint.standby)
    : withConnectTimeout(context, { from: 'the checkpoint store' }, (signal) =>
        acquireNow(checkpoint, signal),
      ))
  try {
    return { ...checkpoint, lease, saved: savedToken(lease, name) }
  } catch (error) {
    await releaseCheckpoint(lease, context.clock)
    throw error
  }
}

async function acquireNow({ store, name }: CheckedCheckpoint, signal: AbortSignal): Promise<AcquiredLease> {
  const leasing = leaseCheckpoint(store, name, signal)
  return abortable(leasing, signal).catch((error: unknown) => {
    if (signal.aborted) {
      // The lease may still be granted later; release it then.
      leasing.then((late) => late.release()).catch(() => {})
      signal.throwIfAborted()
    }
    // Credential and permission errors are rethrown unchanged, as elsewhere.
    if (isStreamError(error) || isAwsError(error)) throw error
    throw notLoaded(name, error)
  })
}

async function waitForLease(
  context: OpenContext,
  { name }: CheckedCheckpoint,
  { store, leaseMs }: NonNullable<CheckedCheckpoint['standby']>,
): Promise<AcquiredLease> {
  const { clock, random, events } = context
  const startedAt = clock.monotonic()
  let hasResponse = false
  const first = { from: 'the checkpoint store', hasResponse: () => hasResponse }
  const { lease, sentAt } = await withConnectTimeout(context, first, (signal) =>
    awaitLease(store, {
      name,
      leaseMs,
      clock,
      random,
      signal,
      onStandby: ({ owner, epoch, leaseMs: holderMs }) =>
        events.emit('standby', { name, owner, epoch, leaseMs: holderMs }),
      onResponse: () => {
        hasResponse = true
      },
      onRetry: (retry) => events.emit('checkpointRetry', { name, operation: 'load', ...retry }),
    }),
  )
  if (!isRenewable(lease)) {
    await releaseCheckpoint(lease, clock)
    throw invalidOption('checkpoint.store', store, 'a store whose leases have renew()', 'a store without it')
  }
  const { epoch } = lease
  events.emit('leaseAcquired', { name, epoch, waitedMs: clock.monotonic() - startedAt })
  return new LeaseKeeper(lease, {
    name,
    leaseMs,
    clock,
    sentAt,
    onRetry: (retry) => events.emit('checkpointRetry', { name, operation: 'renew', ...retry }),
  })
}

function isRenewable(lease: CheckpointLease): lease is RenewableLease {
  return typeof lease.renew === 'function'
}

function notLoaded(name: string, error: unknown): StreamError<'checkpoint.failed'> {
  const reason = error instanceof Error ? error.message : String(error)
  return new StreamError(
    'checkpoint.failed',
    endSentence(`The checkpoint "${name}" could not be loaded: ${reason}`),
    { name, operation: 'load' },
    error,
  )
}

function savedToken({ token }: AcquiredLease, name: string): StreamToken | undefined {
  // Custom stores may return null if nothing has been saved.
  if (token === undefined || token === null) return undefined
  return parseToken(token, `The checkpoint "${name}"`)
}
