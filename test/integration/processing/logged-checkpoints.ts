import type { CheckpointStore, StreamToken } from '../../../src/index.ts'
import type { WorkerEvent } from './worker-log.ts'

/** A store whose calls are logged. */
export function loggedCheckpoints(
  store: CheckpointStore,
  log: (event: WorkerEvent) => void,
): CheckpointStore {
  const logLoaded = (token: unknown) => log({ loaded: (token ?? null) as StreamToken | null })
  const saveWith = (save: (token: StreamToken) => Promise<void>) => async (token: StreamToken) => {
    log({ saving: token })
    await save(token)
    log({ saved: true })
  }
  return {
    async load(name) {
      const token = await store.load(name)
      logLoaded(token)
      return token
    },
    save: (name, token) => saveWith((saved) => store.save(name, saved))(token),
    ...(store.lease && {
      async lease(...args) {
        const lease = await (store as Required<CheckpointStore>).lease(...args)
        logLoaded(lease.token)
        return {
          token: lease.token,
          epoch: lease.epoch,
          lost: lease.lost,
          release: () => lease.release(),
          save: saveWith((token) => lease.save(token)),
        }
      },
    }),
  }
}
