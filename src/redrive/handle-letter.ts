import type { StreamRecord } from '../records/stream-record.ts'
import { readRecordAgain } from './find-letters.ts'
import type { LetterSource } from './letter-source.ts'
import { comparePositions, type ItemPosition, type LetterRecord, type QueuedLetter } from './queued-letter.ts'
import type { RecordAttempts, RecordFate } from './record-attempts.ts'

/** What became of a letter, apart from removing it. */
export type LetterResult = 'handled' | 'failed' | 'lost' | 'notStarted'

export interface LetterHandlerOptions {
  readonly source: LetterSource
  readonly attempts: RecordAttempts
  readonly listener: RecordListener
}

/** Receives what happens to single records. */
export interface RecordListener {
  /** A later version of the item was handled before, in this redrive. */
  older(letter: QueuedLetter, record: LetterRecord): void
  /** The record was handled, or the filters exclude it. */
  handled(fate: 'handled' | 'filtered'): void
  /** The record was not handled. */
  notHandled(letter: QueuedLetter, record: LetterRecord, fate: RecordFate): void
  /** A record could not be read, for a reason that also concerns other letters. */
  readFailed(error: unknown): void
}

/** Handles all records of a letter: those of an item in order, those of different items concurrently. */
export class LetterHandler {
  readonly #options: LetterHandlerOptions
  /** The identities of the records that were handled: standard queues can contain a letter twice. */
  readonly #handled = new Set<string>()
  /** The latest record of each key that was handled. */
  readonly #latest = new Map<string, ItemPosition>()

  constructor(options: LetterHandlerOptions) {
    this.#options = options
  }

  /** Never rejects. */
  async handle(letter: QueuedLetter): Promise<LetterResult> {
    const byKey = new Map<string, LetterRecord[]>()
    for (const record of letter.records) {
      const records = byKey.get(record.key)
      if (records === undefined) byKey.set(record.key, [record])
      else records.push(record)
    }
    const results = await Promise.all(
      [...byKey.values()].map((records) => this.#handleInOrder(letter, records)),
    )
    return (['failed', 'lost', 'notStarted'] as const).find((result) => results.includes(result)) ?? 'handled'
  }

  /** Handles the records of one item, up to the first one that fails. */
  async #handleInOrder(letter: QueuedLetter, records: readonly LetterRecord[]): Promise<LetterResult> {
    const { attempts, listener } = this.#options
    const { range, task } = letter.letter
    for (const record of records) {
      if (this.#handled.has(record.identity)) continue
      if (this.#isOlder(letter, record)) listener.older(letter, record)
      const fate = await attempts
        .handle(() => this.#load(letter, record), { streamArn: range.streamArn, task })
        .catch((error): RecordFate => {
          listener.readFailed(error)
          return { fate: 'stopped' }
        })
      if (fate.fate === 'handled' || fate.fate === 'filtered') {
        listener.handled(fate.fate)
        this.#noticeHandled(letter, record)
        continue
      }
      if (fate.fate === 'stopped') return 'notStarted'
      listener.notHandled(letter, record, fate)
      return fate.fate === 'lost' ? 'lost' : 'failed'
    }
    return 'handled'
  }

  async #load(letter: QueuedLetter, { record, index }: LetterRecord): Promise<StreamRecord | undefined> {
    const { source } = this.#options
    if (!(await source.claim(letter.place))) return undefined
    return record ?? readRecordAgain(source, letter, index)
  }

  #isOlder(letter: QueuedLetter, record: LetterRecord): boolean {
    const latest = this.#latest.get(record.key)
    return latest !== undefined && comparePositions(positionOf(letter, record), latest) < 0
  }

  #noticeHandled(letter: QueuedLetter, record: LetterRecord): void {
    this.#handled.add(record.identity)
    if (!this.#isOlder(letter, record)) this.#latest.set(record.key, positionOf(letter, record))
  }
}

function positionOf({ streamLabel }: QueuedLetter, { sequenceNumber }: LetterRecord): ItemPosition {
  return { streamLabel, sequenceNumber }
}
