import type { CheckpointLease, CheckpointStore } from './store.ts'

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
