import type { DeadLetter, DestinationObject } from './destination.ts'

/** A destination that keeps its letters in memory. */
export interface MemoryDestination extends DestinationObject {
  /** The letters, in the order in which they were accepted. The array grows with each one. */
  readonly letters: readonly DeadLetter[]
}

/**
 * Creates a destination that keeps letters in memory: for tests, and for programs that inspect the letters
 * after the run. They are lost when the process ends, although the checkpoint has passed their records.
 *
 * A letter that is sent again replaces the one with the same id.
 */
export function memoryDestination(): MemoryDestination {
  const letters: DeadLetter[] = []
  const indexes = new Map<string, number>()
  return {
    letters,
    async send(letter) {
      const index = indexes.get(letter.id) ?? letters.length
      indexes.set(letter.id, index)
      letters[index] = letter
    },
  }
}
