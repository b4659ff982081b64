import type { PlainItem } from '../../records/stream-record.ts'

/** One write to the order table. The versions of an order count its writes: 1, 2, 3, … */
export interface OrderChange {
  readonly orderId: string
  readonly version: number
  /** The new order; undefined if it is deleted. */
  readonly item: PlainItem | undefined
}

const steps = ['placed', 'paid', 'packed', 'shipped', 'delivered'] as const

/** With this number of open orders, no new one is placed. */
const MAX_OPEN_ORDERS = 300

/** Simulates a shop: orders are placed, advance step by step, and are finally deleted. */
export class Orders {
  readonly #random: () => number
  readonly #open: OrderChange[] = []
  readonly #writes = new Map<string, number>()
  #placed = 0
  #written = 0

  constructor(random: () => number) {
    this.#random = random
  }

  /** The number of writes to each order. */
  get writes(): ReadonlyMap<string, number> {
    return this.#writes
  }

  /** The number of writes to all orders. */
  get written(): number {
    return this.#written
  }

  /** Returns the next changes, each of a different order, so that they can be written in any order. */
  next(count: number): readonly OrderChange[] {
    const changes: OrderChange[] = []
    const touched: OrderChange[] = []
    while (changes.length < count) {
      const previous = this.#random() < this.#open.length / MAX_OPEN_ORDERS ? this.#takeOpen() : undefined
      const change = previous ? advance(previous) : this.#place()
      changes.push(change)
      if (change.item) touched.push(change)
    }
    this.#open.push(...touched)
    return changes
  }

  /** Counts changes as written. */
  onWritten(changes: readonly OrderChange[]): void {
    for (const { orderId, version } of changes) this.#writes.set(orderId, version)
    this.#written += changes.length
  }

  #takeOpen(): OrderChange | undefined {
    const index = Math.floor(this.#random() * this.#open.length)
    const last = this.#open.pop()
    if (last === undefined || index >= this.#open.length) return last
    const taken = this.#open[index]
    this.#open[index] = last
    return taken
  }

  #place(): OrderChange {
    const orderId = `order-${++this.#placed}`
    const customer = `customer-${Math.floor(this.#random() * 1_000)}`
    const cents = 500 + Math.floor(this.#random() * 20_000)
    const item = { orderId, version: 1, status: steps[0], customer, cents, lines: ['shoes', 'socks'] }
    return { orderId, version: 1, item }
  }
}

function advance({ orderId, version, item }: OrderChange): OrderChange {
  const status = steps[version]
  const next = version + 1
  return { orderId, version: next, item: status && { ...item, version: next, status } }
}
