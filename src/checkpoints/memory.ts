import type { CheckpointStore } from './store.ts'

/**
 * Creates a store that keeps checkpoints in memory: for tests, and for streams that are resumed only within
 * this process.
 */
export function memoryCheckpointStore(): CheckpointStore {
  // Stored as JSON, so that later changes to a token affect neither the store nor its callers.
  const tokens = new Map<string, string>()
  return {
    async load(name) {
      const json = tokens.get(name)
      return json === undefined ? undefined : JSON.parse(json)
    },
    async save(name, token) {
      tokens.set(name, JSON.stringify(token))
    },
  }
}
