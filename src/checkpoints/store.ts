import type { StreamToken } from '../position/token.ts'

/**
 * Where checkpoints are kept: one token a name. A store is handed whole tokens and gives them back as they were;
 * it does not look into them. Calls for one name are made one after another.
 */
export interface CheckpointStore {
  /**
   * The token last saved under `name`; `undefined` if there is none. What comes back is checked field by field
   * before it is used, so a store need not validate.
   */
  load(name: string): Promise<unknown>
  /**
   * Puts `token` in the place of what was there, durably and whole: a reader sees the old one or the new one.
   * Rejects with `StreamError` `checkpoint.conflict` when another worker has written under this name in the meantime
   * (stores that can tell); any other rejection is retried.
   */
  save(name: string, token: StreamToken): Promise<void>
}
