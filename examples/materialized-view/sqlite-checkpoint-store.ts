import type { CheckpointStore } from 'dynamodb-stream-iterator'
import type { Database } from 'node-sqlite3-wasm'

/**
 * Saves checkpoints in the database of the view. A copy of the file contains a view and the position up to
 * which it is complete: a position is saved after the rows that it covers.
 */
export function sqliteCheckpointStore(db: Database): CheckpointStore {
  return {
    async load(name) {
      const row = db.get('SELECT token FROM checkpoints WHERE name = ?', [name])
      return row ? JSON.parse(String(row.token)) : undefined
    },
    async save(name, token) {
      db.run('INSERT OR REPLACE INTO checkpoints (name, token) VALUES (?, ?)', [name, JSON.stringify(token)])
    },
  }
}
