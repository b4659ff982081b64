import type { Database } from 'node-sqlite3-wasm'

export interface Order {
  readonly id: string
  readonly customer: string
  readonly cents: number
  /** The TTL attribute of the table: when the order expires, in seconds since 1970. */
  readonly expiresAt?: number | undefined
}

/** A change of an order, or an order as a scan has found it. */
export interface OrderState {
  readonly id: string
  /** Undefined if the order was deleted. */
  readonly order: Order | undefined
  /** Whether DynamoDB has deleted the order because of its TTL. */
  readonly isTtlDelete: boolean
  /** See `positionOf`. Empty for a scan: it does not know to which change the state belongs. */
  readonly position: string
}

/** Creates the tables of the view. Readers use `live_orders`, `customers`, and `view_state.is_complete`. */
export function createView(db: Database): void {
  db.exec(`
    CREATE TABLE IF NOT EXISTS orders (
      id TEXT PRIMARY KEY,
      customer TEXT,
      cents INTEGER,
      expires_at INTEGER,
      -- A deleted order keeps its row, so that an older change does not create it again.
      deleted TEXT CHECK (deleted IN ('deleted', 'expired')),
      position TEXT NOT NULL
    );
    CREATE VIEW IF NOT EXISTS live_orders AS
      SELECT id, customer, cents FROM orders
      WHERE deleted IS NULL AND (expires_at IS NULL OR expires_at > unixepoch());
    CREATE TABLE IF NOT EXISTS customers (
      customer TEXT PRIMARY KEY,
      orders INTEGER NOT NULL,
      cents INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS checkpoints (name TEXT PRIMARY KEY, token TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS view_state (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      -- The scan continues after this key. NULL at its start and at its end.
      scanned_to TEXT,
      is_scanned INTEGER NOT NULL DEFAULT 0,
      is_complete INTEGER NOT NULL DEFAULT 0
    );
    INSERT OR IGNORE INTO view_state (id) VALUES (1)`)
}

/** Empties the view, so that it is built again from a scan. */
export function resetView(db: Database): void {
  inTransaction(db, () => {
    for (const table of ['orders', 'customers', 'checkpoints']) db.exec(`DELETE FROM ${table}`)
    db.exec('UPDATE view_state SET scanned_to = NULL, is_scanned = 0, is_complete = 0')
  })
}

/**
 * Applies a change in a transaction that the caller has started. A change that is not newer than the row has
 * no effect, so changes can be repeated, and a scan never replaces what the stream has written.
 */
export function applyState(db: Database, { id, order, isTtlDelete, position }: OrderState): void {
  const row = db.get('SELECT customer, cents, position FROM orders WHERE id = ?', [id])
  if (row && String(row.position) >= position) return
  // The row, and not the old image of the record, is what is in the sum.
  if (row && row.customer !== null) addTo(db, String(row.customer), -1, -Number(row.cents))
  if (order) addTo(db, order.customer, 1, order.cents)
  const deleted = order ? null : isTtlDelete ? 'expired' : 'deleted'
  db.run(
    `INSERT INTO orders (id, customer, cents, expires_at, deleted, position) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, cents = excluded.cents,
       expires_at = excluded.expires_at, deleted = excluded.deleted, position = excluded.position`,
    [id, order?.customer ?? null, order?.cents ?? null, order?.expiresAt ?? null, deleted, position],
  )
}

function addTo(db: Database, customer: string, orders: number, cents: number): void {
  db.run(
    `INSERT INTO customers (customer, orders, cents) VALUES (?, ?, ?)
     ON CONFLICT (customer) DO UPDATE SET orders = orders + excluded.orders, cents = cents + excluded.cents`,
    [customer, orders, cents],
  )
}

/** `work` is synchronous, so no other transaction can start meanwhile. */
export function inTransaction(db: Database, work: () => void): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    work()
    db.exec('COMMIT')
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK')
    throw error
  }
}
