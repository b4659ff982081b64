import { Heap } from 'heap-js'

export interface Ready {
  /** The number of its first record: the lowest one starts first. */
  readonly ordinal: number
  /** Whether it contains records that have failed. */
  readonly isFailing: boolean
}

/** What can start, oldest record first. What has failed before is apart, because it is not limited. */
export class ReadyQueue<Item extends Ready> {
  readonly #fresh = new Heap<Item>(byOrdinal)
  readonly #failing = new Heap<Item>(byOrdinal)

  get size(): number {
    return this.#fresh.length + this.#failing.length
  }

  add(item: Item): void {
    if (item.isFailing) this.#failing.push(item)
    else this.#fresh.push(item)
  }

  /** Removes and returns the oldest one; `isFreshAllowed`: whether one that has not failed may start. */
  take(isFreshAllowed: boolean): Item | undefined {
    const fresh = isFreshAllowed ? this.#fresh.peek() : undefined
    const failing = this.#failing.peek()
    if (fresh === undefined) return failing && this.#failing.pop()
    const isFailingOlder = failing !== undefined && failing.ordinal < fresh.ordinal
    return isFailingOlder ? this.#failing.pop() : this.#fresh.pop()
  }
}

function byOrdinal(a: Ready, b: Ready): number {
  return a.ordinal - b.ordinal
}
