import { isFinished } from './run-view.ts'
import type { StoredKey } from './worker-log.ts'

type Content = StoredKey | undefined

/** A key in the store, from when it is parked until it returns; over all runs. */
export class Stay {
  /** The positions of the records that were parked, by number. */
  readonly rows: Map<number, string> = new Map()
  /** What the store can contain: more than one while a call is in progress, or if its result is unknown. */
  #possible: readonly Content[] = [undefined]
  #isRemoving = false

  /** A save of this state has started. */
  saving(key: StoredKey): void {
    this.#possible = [...this.#possible, contentOf(key)]
  }

  /** The key has this state. */
  saved(key: StoredKey): void {
    this.#possible = [contentOf(key)]
    this.#isRemoving = false
  }

  removing(): void {
    this.#possible = [...this.#possible, undefined]
    this.#isRemoving = true
  }

  removed(): void {
    this.rows.clear()
    this.#possible = [undefined]
    this.#isRemoving = false
  }

  /** The last call was rejected, because the worker was replaced: it has changed nothing. */
  rejected(): void {
    this.#possible = this.#possible.slice(0, -1)
    this.#isRemoving = false
  }

  /** A worker has loaded this. Returns whether that is possible. */
  load(key: StoredKey | undefined): boolean {
    const isRemoved = this.#isRemoving && key?.records === 0 && isFinished(key.last, key)
    const isPossible = isRemoved || this.#possible.some((content) => isSame(content, key))
    if (key === undefined) this.removed()
    else {
      this.saved(key)
      // Those behind it were part of a save that has not taken effect.
      for (const [n, position] of this.rows) if (position > key.last) this.rows.delete(n)
    }
    return isPossible
  }
}

function contentOf({ id, state, records, last, finished }: StoredKey): StoredKey {
  return { id, state, records, last, finished }
}

function isSame(one: Content, other: Content): boolean {
  return JSON.stringify(one && contentOf(one)) === JSON.stringify(other && contentOf(other))
}
