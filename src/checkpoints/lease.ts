import { type Clock, sleep } from '../core/clock.ts'
import type { CheckpointLease, CheckpointStore } from './store.ts'

/** How long to wait for a store to release a lease, in ms. */
const RELEASE_TIMEOUT_MS = 5_000

/** A lease, or what serves as one if the store has no leases; it then has no fencing number. */
export interface AcquiredLease extends Omit<CheckpointLease, 'epoch' | 'renew'> {
  readonly epoch: number | undefined
  /** Whether a record may be delivered now. Leases without a time limit do not have it: see `LeaseKeeper`. */
  readonly mayDeliver?: boolean
  /** Resolves when the lease has been renewed or lost, or when `signal` aborts. */
  renewed?(signal: AbortSignal): Promise<void>
}

/** Acquires the lease of a checkpoint, or calls `load` if the store has no leases. */
export async function leaseCheckpoint(
  store: CheckpointStore,
  name: string,
  signal?: AbortSignal,
): Promise<AcquiredLease> {
  if (store.lease) return store.lease(name, { signal })
  return {
    token: await store.load(name),
    epoch: undefined,
    save: (token) => store.save(name, token),
    release: async () => {},
    lost: new AbortController().signal,
  }
}

/**
 * Releases a lease. Errors and a store that does not respond are ignored: the next worker acquires the
 * checkpoint anyway.
 */
export async function releaseCheckpoint(
  lease: Pick<CheckpointLease, 'release'>,
  clock: Clock,
): Promise<void> {
  const released = new AbortController()
  const release = async (): Promise<void> => lease.release()
  await Promise.race([release().catch(() => {}), sleep(clock, RELEASE_TIMEOUT_MS, released.signal)])
  released.abort()
}
