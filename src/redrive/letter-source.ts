import type { LetterError } from './parse-letter.ts'

/** A letter as it is stored. */
export interface StoredLetter {
  /** Identifies it within its source: the id of a message, the key of an object, or the number of a line. */
  readonly place: string
  /** An error if it was not read, because it cannot be a letter. */
  readonly body: string | LetterError
}

/**
 * What happens to letters that were handled:
 * - `mark`: the next redrive does not find them, but they still exist. Messages are deleted.
 * - `delete`: they are deleted.
 * - `keep`: nothing, so the next redrive handles them again. Not for messages.
 */
export type HandledLetters = 'mark' | 'delete' | 'keep'

/** The keys of objects that were handled start with it, unless they are kept or deleted. */
export const HANDLED_PREFIX = 'redriven/'

/** Where dead letters are read from. All errors are {@link SourceError}. */
export interface LetterSource {
  /**
   * Returns the letters that are available now, each only once. All of them are handled before the next call.
   * Ends early when `stop` aborts.
   */
  letters(stop: AbortSignal): AsyncIterable<StoredLetter>
  /** Whether another call of {@link letters} could return letters. */
  readonly hasMore: boolean
  /** The number of letters that were skipped, because an earlier redrive has handled them. */
  readonly handledBefore: number
  /** Returns the body again. Undefined if the letters are kept in memory. */
  readonly readAgain?: ((place: string) => Promise<string>) | undefined
  /** Returns whether no other consumer can have received the letter. Called before it is handled. */
  claim(place: string): Promise<boolean>
  /** Takes a letter that was handled out of the source, so that no redrive handles it again. */
  remove(place: string): Promise<void>
  /** Makes the other letters available again, and releases connections. Never rejects. */
  close(): Promise<void>
}

/** Why a call of a source has failed. */
export type SourceFailure = 'denied' | 'notFound' | 'failed'

/** A source cannot be read or changed. The message ends with a full stop. */
export class SourceError extends Error {
  override readonly name: string = 'SourceError'
  readonly kind: SourceFailure

  constructor(kind: SourceFailure, message: string, cause?: unknown) {
    super(message, { cause })
    this.kind = kind
  }
}
