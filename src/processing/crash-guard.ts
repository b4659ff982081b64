import type { QueuedRecord } from './queued-record.ts'

/**
 * After a crash, every attempt starts after a save until this many records are settled. The crash happened
 * before the next save was due, so by default no more records than this lie between the checkpoint and the
 * record that may have caused it.
 */
const RECOVERY_RECORDS = 1_000

/** Whether an attempt has to be in a saved checkpoint before it starts. */
export type SaveFirst =
  /** It must not start without. */
  | 'required'
  /** One save is tried. */
  | 'preferred'
  | 'no'

/**
 * Makes sure that a record whose handler ends the process (out of memory, a native crash, `process.exit`)
 * uses up its attempts, and that the records beside it do not.
 *
 * - The first attempts of a run are saved before they start. So a checkpoint of a worker that has crashed
 *   shows running records, by which the next run recognizes the crash.
 * - After a crash, all attempts are saved before they start, for a while. Otherwise a record that ends the
 *   process sooner than the next save would never be counted.
 * - A record that was running when a worker crashed for the second time runs while nothing else does. Then
 *   another crash is its own.
 */
export class CrashGuard {
  readonly #exclusiveFrom: number
  #hasSaved = false
  #recordsToRecover = 0

  /** @param maxAttempts - see `RetryOptions.maxAttempts`. */
  constructor(maxAttempts: number) {
    this.#exclusiveFrom = Math.max(1, Math.min(2, maxAttempts - 1))
  }

  /** A record was delivered. */
  delivered({ wasRunning }: QueuedRecord): void {
    if (wasRunning) this.#recordsToRecover = RECOVERY_RECORDS
  }

  /** A record was settled. */
  settled(): void {
    if (this.#recordsToRecover > 0) this.#recordsToRecover--
  }

  /** A checkpoint that shows running attempts was saved, or cannot be saved now. */
  saveEnded(): void {
    this.#hasSaved = true
  }

  saveFirst(record: QueuedRecord): SaveFirst {
    if (isSuspect(record)) return 'required'
    return this.#hasSaved && this.#recordsToRecover === 0 ? 'no' : 'preferred'
  }

  /** Whether nothing else may run during the next attempt of the record. */
  isExclusive(record: QueuedRecord): boolean {
    return isSuspect(record) && record.attempts >= this.#exclusiveFrom
  }
}

/** Whether the next attempt of the record may end the process, as its last one may have done. */
function isSuspect({ wasRunning, attemptsInRun }: QueuedRecord): boolean {
  return wasRunning && attemptsInRun === 0
}
