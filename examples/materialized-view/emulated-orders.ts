import type { StreamEmulator } from 'dynamodb-stream-iterator/testing'
import type { Database } from 'node-sqlite3-wasm'
import type { ScanPage } from './maintain-view.ts'
import type { Order } from './order-view.ts'

/** The table of orders in the tests: its changes are in the stream of an emulator, which has no scan. */
export class EmulatedOrders {
  readonly #emulator: StreamEmulator
  readonly #orders = new Map<string, Order>()

  constructor(emulator: StreamEmulator) {
    this.#emulator = emulator
  }

  put(order: Order): void {
    this.#orders.set(order.id, order)
    this.#emulator.put({ ...order })
  }

  remove(id: string, options?: { readonly ttl?: boolean }): void {
    this.#orders.delete(id)
    this.#emulator.remove({ id }, options)
  }

  /** Reads a page of `size` orders as they are now. */
  scanAfter(key: string | undefined, size: number): ScanPage {
    const ids = [...this.#orders.keys()].toSorted().filter((id) => key === undefined || id > key)
    const page = ids.slice(0, size)
    return {
      orders: page.map((id) => this.#orders.get(id) as Order),
      next: ids.length > size ? page.at(-1) : undefined,
    }
  }

  get rows(): Pick<Order, 'id' | 'customer' | 'cents'>[] {
    const orders = [...this.#orders.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
    return orders.map(({ id, customer, cents }) => ({ id, customer, cents }))
  }
}

/** Returns the orders of the view. */
export function rowsOf(db: Database): unknown[] {
  return db.all('SELECT id, customer, cents FROM orders WHERE deleted IS NULL ORDER BY id')
}

/** Returns the customers whose sums differ from those of their orders. */
export function wrongSums(db: Database): unknown[] {
  return db.all(`
    SELECT customer FROM customers
    WHERE (orders, cents) IS NOT (
      SELECT count(*), coalesce(sum(cents), 0) FROM orders WHERE orders.customer = customers.customer)
    UNION ALL
    SELECT customer FROM orders WHERE customer IS NOT NULL AND customer NOT IN (SELECT customer FROM customers)`)
}
