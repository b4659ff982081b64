import { compareLetters, type QueuedLetter } from './queued-letter.ts'

/**
 * The letters of one pass, in a queue for each key. A letter may start when it is the first one in the queues
 * of all its keys: a letter of Lambda can have records of many items. If it is not handled, it stays there,
 * so that no later letter of these keys starts. No I/O.
 */
export class LetterQueues {
  readonly #queues = new Map<string, { readonly letters: QueuedLetter[]; next: number }>()
  /** For each letter that has not started, the number of its keys in whose queues another letter is first. */
  readonly #waiting = new Map<QueuedLetter, number>()
  readonly #ready: QueuedLetter[] = []
  #nextReady = 0

  /** @param blockedKeys - keys with letters of earlier passes that were not handled. */
  constructor(letters: readonly QueuedLetter[], blockedKeys: ReadonlySet<string>) {
    // The order is the same in all queues, so two letters never wait for each other.
    for (const letter of letters.toSorted(compareLetters)) {
      let waits = 0
      for (const key of keysOf(letter)) {
        const queue = this.#queues.get(key) ?? { letters: [], next: 0 }
        this.#queues.set(key, queue)
        if (queue.letters.push(letter) > 1 || blockedKeys.has(key)) waits++
      }
      this.#waiting.set(letter, waits)
      if (waits === 0) this.#ready.push(letter)
    }
  }

  /** Returns the next letter that may start, and counts it as started. Undefined if all others wait. */
  start(): QueuedLetter | undefined {
    const letter = this.#ready[this.#nextReady]
    if (letter === undefined) return undefined
    this.#nextReady++
    this.#waiting.delete(letter)
    return letter
  }

  /** Removes a letter that was handled. Letters behind it may start. */
  finish(letter: QueuedLetter): void {
    for (const key of keysOf(letter)) {
      const queue = this.#queues.get(key)
      if (queue === undefined) continue
      queue.next++
      const next = queue.letters[queue.next]
      if (next === undefined) {
        this.#queues.delete(key)
        continue
      }
      const waits = (this.#waiting.get(next) ?? 0) - 1
      this.#waiting.set(next, waits)
      if (waits === 0) this.#ready.push(next)
    }
  }

  /** The letters that have not started. */
  get unstarted(): readonly QueuedLetter[] {
    return [...this.#waiting.keys()]
  }

  /** The keys of all letters that have not been handled. */
  get unfinishedKeys(): Iterable<string> {
    return this.#queues.keys()
  }
}

export function keysOf({ records }: QueuedLetter): ReadonlySet<string> {
  return new Set(records.map(({ key }) => key))
}
