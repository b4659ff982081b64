import type { CheckpointStore } from './store.ts'

/**
 * Keeps checkpoints in this process, for tests and for streams that need to go on only while the process lives.
 */
export function memoryCheckpointStore(): CheckpointStore {
  // As text, so that neither side can change what the other one holds.
  const texts = new Map<string, string>()
  return {
    async load(name) {
      const text = texts.get(name)
      return text === undefined ? undefined : JSON.parse(text)
    },
    async save(name, token) {
      texts.set(name, JSON.stringify(token))
    },
  }
}
