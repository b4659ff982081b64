import { type Clock, sleep } from '../core/clock.ts'
import type { CheckpointLease, CheckpointStore } from './store.ts'

/** How long to wait for a store that releases a checkpoint, in ms. */
const RELEASE_TIMEOUT_MS = 5_000

/** Takes a checkpoint over; of a store that has no leases, by its `load`. */
export async function leaseCheckpoint(
  store: CheckpointStore,
  name: string,
  signal?: AbortSignal,
): Promise<CheckpointLease> {
  if (store.lease) return store.lease(name, { signal })
  return {
    token: await store.load(name),
    epoch: 0,
    save: (token) => store.save(name, token),
    release: async () => {},
    lost: new AbortController().signal,
  }
}

/** Releases a checkpoint, if the store can do it now. What is not released is taken over by the next worker. */
export async function releaseCheckpoint(
  lease: Pick<CheckpointLease, 'release'>,
  clock: Clock,
): Promise<void> {
  const released = new AbortController()
  const release = async (): Promise<void> => lease.release()
  await Promise.race([release().catch(() => {}), sleep(clock, RELEASE_TIMEOUT_MS, released.signal)])
  released.abort()
}
