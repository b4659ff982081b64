import type { PlainItem } from '../../records/stream-record.ts'

/** One write to the order table. The versions of an order count its writes: 1, 2, 3, … */
export interface OrderChange {
  readonly orderId: string
  readonly version: number
  /** The order as it is to be; undefined when it is deleted. */
  readonly item: PlainItem | undefined
}

const steps = ['placed', 'paid', 'packed', 'shipped', 'delivered'] as const

/** Open orders, more or less: above this number no new one is placed. */
const OPEN_ORDERS = 300

/** Makes up the life of a shop: orders are placed, go on step by step, and are deleted in the end. */
export class Orders {
  readonly #random: () => number
  readonly #open: OrderChange[] = []
  readonly #writes = new Map<string, number>()
  #placed = 0
  #written = 0

  constructor(random: () => number) {
    this.#random = random
  }

  /** How often each order was written. */
  get writes(): ReadonlyMap<string, number> {
    return this.#writes
  }

  /** How many writes there were in all. */
  get written(): number {
    return this.#written
  }

  /** The next changes, of different orders each, so that they may be written in any order. */
  next(count: number): readonly OrderChange[] {
    const changes: OrderChange[] = []
    const touched: OrderChange[] = []
    while (changes.length < count) {
      const former = this.#random() < this.#open.length / OPEN_ORDERS ? this.#takeOpen() : undefined
      const change = former ? advance(former) : this.#place()
      changes.push(change)
      if (change.item) touched.push(change)
    }
    this.#open.push(...touched)
    return changes
  }

  /** The changes were written. */
  done(changes: readonly OrderChange[]): void {
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
