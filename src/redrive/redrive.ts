import type { Clock } from '../core/clock.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { StreamsApi } from '../streams-api/streams-api.ts'
import { findLetters } from './find-letters.ts'
import { LetterHandler, type RecordListener } from './handle-letter.ts'
import { LetterQueues } from './letter-queues.ts'
import type { LetterSource } from './letter-source.ts'
import type { QueuedLetter } from './queued-letter.ts'
import { RecordAttempts } from './record-attempts.ts'
import type { RedriveHandler } from './redrive-handler.ts'
import { emptySummary, type RedriveSummary } from './summary.ts'

/** Receives what happens during a redrive. Only errors can contain values of an item. */
export interface RedriveListener extends Pick<RecordListener, 'older' | 'notHandled'> {
  malformed(place: string, reason: string): void
  trimmed(place: string, reason: string): void
  /** See `FindOptions.onOtherCount`. */
  otherCount(place: string, found: number, expected: number): void
  /** The letters are of more than one run or function. Called once, with the first two. */
  severalNames(names: readonly string[]): void
  /** The letters that were available have been read. */
  passStarted(summary: Readonly<RedriveSummary>): void
  /** A handler ignores that it was aborted because of its timeout. */
  abandoned(record: StreamRecord): void
  /** The letter was handled, but could not be taken out of the source. */
  notRemoved(letter: QueuedLetter): void
  /** A letter was handled, or is left in its place. */
  letterEnded(summary: Readonly<RedriveSummary>): void
}

export interface RedriveOptions {
  readonly source: LetterSource
  readonly handler: RedriveHandler
  /** Returns an API for the region of a stream. */
  readonly streams: (streamArn: string) => Promise<StreamsApi>
  readonly concurrency: number
  /** The maximum number of letters that are started. */
  readonly limit: number
  /** The only run, or function, whose letters are handled; undefined for all. */
  readonly name: string | undefined
  readonly clock: Clock
  readonly random: () => number
  /** No attempt starts after it has aborted. Running ones finish, and their letters are removed. */
  readonly stop: AbortSignal
  readonly listener: RedriveListener
}

/** How a redrive has ended. */
export interface RedriveResult {
  readonly summary: RedriveSummary
  /**
   * What has ended it early: the error of the source, or of DynamoDB Streams. Another letter would most
   * likely have failed in the same way.
   */
  readonly failure: { readonly error: unknown } | undefined
  /** Whether it has ended early, because too many letters could not be handled. */
  readonly hasTooManyFailures: boolean
}

/** If the handler fails for that many letters, the letters are not to blame. */
const MAX_FAILED = 1_000

/** Letters of a queue that were not handled are kept hidden until the end, so there must not be too many. */
const MAX_LEFT = 10_000

/**
 * Handles the letters of a source: those of an item in order, one at a time, those of different items
 * concurrently. A letter that is not handled stays in its place, and no later letter of its items is started.
 * The source is closed at the end. Never rejects.
 */
export async function redrive(options: RedriveOptions): Promise<RedriveResult> {
  const run = new Redrive(options)
  do await run.pass()
  while (options.source.hasMore && !run.hasEnded)
  await run.close()
  return run.result()
}

class Redrive {
  readonly #options: RedriveOptions
  readonly #attempts: RecordAttempts
  readonly #letters: LetterHandler
  readonly #summary: RedriveSummary = emptySummary()
  /** Aborts on the first failure that would affect all letters. */
  readonly #failed = new AbortController()
  /** Aborts when the handler has failed too often. */
  readonly #gaveUp = new AbortController()
  readonly #stop: AbortSignal
  readonly #names = new Set<string>()
  /** The keys of letters of earlier passes that were not handled. */
  readonly #blockedKeys = new Set<string>()
  #started = 0

  constructor(options: RedriveOptions) {
    const { handler, source, clock, random, concurrency, listener } = options
    this.#options = options
    this.#stop = AbortSignal.any([options.stop, this.#failed.signal, this.#gaveUp.signal])
    this.#attempts = new RecordAttempts(handler, {
      clock,
      random,
      concurrency,
      stop: this.#stop,
      abandoned: (record) => listener.abandoned(record),
    })
    this.#letters = new LetterHandler({
      source,
      attempts: this.#attempts,
      listener: {
        older: (...details) => listener.older(...details),
        notHandled: (...details) => listener.notHandled(...details),
        handled: (fate) => {
          this.#summary[fate === 'handled' ? 'records' : 'filtered']++
        },
        readFailed: (error) => this.#failed.abort(error),
      },
    })
  }

  get hasEnded(): boolean {
    return !this.#mayStart || this.#left >= MAX_LEFT
  }

  get #mayStart(): boolean {
    return !this.#stop.aborted && this.#started < this.#options.limit
  }

  /** The number of letters of finished passes that were not handled. */
  get #left(): number {
    return this.#summary.found - this.#summary.handled
  }

  result(): RedriveResult {
    const { source } = this.#options
    const { signal } = this.#failed
    return {
      summary: { ...this.#summary, handledBefore: source.handledBefore },
      failure: signal.aborted ? { error: signal.reason } : undefined,
      hasTooManyFailures: this.#gaveUp.signal.aborted || (source.hasMore && this.#left >= MAX_LEFT),
    }
  }

  async close(): Promise<void> {
    this.#attempts.close()
    await this.#options.source.close()
  }

  /** Reads the letters that are available now, and handles them. */
  async pass(): Promise<void> {
    const letters: QueuedLetter[] = []
    await this.#find(letters).catch((error) => this.#failed.abort(error))
    if (letters.length === 0) return
    this.#options.listener.passStarted(this.#summary)
    const queues = new LetterQueues(letters, this.#blockedKeys)
    await this.#handleAll(queues)
    this.#summary[this.#mayStart ? 'behindOthers' : 'notStarted'] += queues.unstarted.length
    for (const key of queues.unfinishedKeys) this.#blockedKeys.add(key)
  }

  async #find(letters: QueuedLetter[]): Promise<void> {
    const { listener, ...options } = this.#options
    const onOtherCount: RedriveListener['otherCount'] = (...details) => listener.otherCount(...details)
    for await (const item of findLetters({ ...options, stop: this.#stop, onOtherCount })) {
      this.#summary.found++
      switch (item.found) {
        case 'letter':
          letters.push(item.letter)
          this.#noticeName(item.letter.letter.name)
          break
        case 'malformed':
          this.#summary.malformed++
          listener.malformed(item.place, item.reason)
          break
        case 'trimmed':
          this.#summary.trimmed++
          listener.trimmed(item.place, item.reason)
          break
        case 'other':
          this.#summary.ofOthers++
      }
    }
  }

  #noticeName(name: string): void {
    if (this.#names.has(name)) return
    this.#names.add(name)
    if (this.#names.size === 2) this.#options.listener.severalNames([...this.#names])
  }

  /** Starts each letter as soon as it may start. Resolves when none is running. */
  #handleAll(queues: LetterQueues): Promise<void> {
    return new Promise((resolve) => {
      let running = 0
      const startReady = () => {
        for (let letter = this.#next(queues); letter !== undefined; letter = this.#next(queues)) {
          running++
          void handle(letter)
        }
        if (running === 0) resolve()
      }
      const handle = async (letter: QueuedLetter) => {
        if (await this.#handle(letter)) queues.finish(letter)
        running--
        this.#options.listener.letterEnded(this.#summary)
        startReady()
      }
      startReady()
    })
  }

  #next(queues: LetterQueues): QueuedLetter | undefined {
    const letter = this.#mayStart ? queues.start() : undefined
    if (letter !== undefined) this.#started++
    return letter
  }

  /** Handles a letter and removes it. Returns whether that was successful. Never rejects. */
  async #handle(letter: QueuedLetter): Promise<boolean> {
    const { source, listener } = this.#options
    const result = await this.#letters.handle(letter)
    if (result !== 'handled') {
      this.#summary[result]++
      if (this.#summary.failed >= MAX_FAILED) this.#gaveUp.abort()
      return false
    }
    try {
      await source.remove(letter.place)
      this.#summary.handled++
      return true
    } catch (error) {
      listener.notRemoved(letter)
      this.#failed.abort(error)
      this.#summary.failed++
      return false
    }
  }
}
