/**
 * Objects that come and go all the time, such as the unsettled records. A `Map` or a `Set` would slow down
 * the garbage collector: V8 replaces their tables after a number of changes, and each old table still refers
 * to its successor and to the objects that were in it. Once one table has reached the old generation, all
 * later ones, and the records in them, are promoted too, until the next full collection.
 */
export class Slots<Item extends object> {
  readonly #items: (Item | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#items.length - this.#free.length
  }

  /** Adds an object, and returns its slot. */
  add(item: Item): number {
    const slot = this.#free.pop() ?? this.#items.length
    this.#items[slot] = item
    return slot
  }

  /** Removes the object in a slot, which must not be free. */
  remove(slot: number): void {
    this.#items[slot] = undefined
    this.#free.push(slot)
  }

  clear(): void {
    this.#items.length = 0
    this.#free.length = 0
  }

  /** The objects, in no particular order. */
  *values(): IterableIterator<Item> {
    for (const item of this.#items) if (item !== undefined) yield item
  }
}
