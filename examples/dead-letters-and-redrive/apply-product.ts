import type { StreamRecord } from 'dynamodb-stream-iterator'
import sqlite, { type Database } from 'node-sqlite3-wasm'

export interface Product {
  readonly id: string
  readonly name: string
}

/** Opens the database with the copies of the products, and creates it if it does not exist. */
export function openProducts(path: string): Database {
  const db = new sqlite.Database(path)
  db.exec('CREATE TABLE IF NOT EXISTS products (id TEXT PRIMARY KEY, name TEXT, position TEXT NOT NULL)')
  return db
}

/** DynamoDB's sequence numbers have up to 40 digits. Padded, they are in order as strings. */
const MAX_DIGITS = 40

/**
 * Writes a product, unless a later version of it was written before: a dead letter that is handled again can
 * be older. A product that was removed remains as a row without a name, which keeps its position.
 */
export function applyProduct(db: Database, { keys, newImage, sequenceNumber }: StreamRecord<Product>): void {
  db.run(
    `INSERT INTO products (id, name, position) VALUES (?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, position = excluded.position
     WHERE excluded.position > products.position`,
    [String(keys.id), newImage?.name ?? null, sequenceNumber.padStart(MAX_DIGITS, '0')],
  )
}

/** Returns the names of all products that exist. */
export function productNames(db: Database): string[] {
  return db
    .all('SELECT name FROM products WHERE name IS NOT NULL ORDER BY id')
    .map(({ name }) => String(name))
}
