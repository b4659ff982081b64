import { letterBody } from '../../../src/destinations/serialize-letter.ts'
import type { LetterInput } from '../../../src/processing/dead-letter.ts'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import type { LetterSource } from '../../../src/redrive/letter-source.ts'
import type { QueuedLetter } from '../../../src/redrive/queued-letter.ts'
import type { RecordFate } from '../../../src/redrive/record-attempts.ts'
import { type RedriveOptions, type RedriveResult, redrive } from '../../../src/redrive/redrive.ts'
import { checkRedriveHandler } from '../../../src/redrive/redrive-handler.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { letterOf, rawRecord, shardId } from '../../support/dead-letters.ts'

/** A record with the sequence number `number`, which changes the item `key`. */
export function recordNumber(number: number, key: string): StreamRecord {
  const Keys = { id: { S: key } }
  const raw = rawRecord({
    Keys,
    SequenceNumber: String(number),
    NewImage: { ...Keys, n: { N: String(number) } },
  })
  return new StreamRecord(raw, { shardId }, raw.dynamodb?.ApproximateCreationDateTime?.getTime() ?? 0)
}

/** The JSON of a letter with one record. */
export function letterJson(number: number, key: string, changes: Partial<LetterInput> = {}): string {
  return letterBody(letterOf({ record: recordNumber(number, key), ...changes }), 'queue')
}

/** The JSON of a letter of Lambda, with several records. */
export function batchJson(...records: readonly (readonly [number: number, key: string])[]): string {
  const letters = records.map(([number, key]) => JSON.parse(letterJson(number, key)))
  const { failure: _, ...first } = letters[0]
  const Records = letters.flatMap(({ payload }) => JSON.parse(payload).Records)
  return JSON.stringify({
    ...first,
    payload: JSON.stringify({ Records }),
    DDBStreamBatchInfo: {
      ...first.DDBStreamBatchInfo,
      endSequenceNumber: letters.at(-1)?.DDBStreamBatchInfo.endSequenceNumber,
      batchSize: records.length,
    },
  })
}

/** A source in memory, which returns its letters in passes. */
export class FakeSource implements LetterSource {
  readonly handledBefore = 0
  readonly removed: string[] = []
  readonly claimed: string[] = []
  readonly lost: Set<string> = new Set()
  isClosed = false
  /** Called before a letter is removed. */
  beforeRemoval: (place: string) => void = () => {}
  readonly #passes: (readonly (readonly [place: string, body: string])[])[]

  constructor(...passes: readonly Readonly<Record<string, string>>[]) {
    this.#passes = passes.map((pass) => Object.entries(pass))
  }

  get hasMore(): boolean {
    return this.#passes.length > 0
  }

  async *letters(stop: AbortSignal): AsyncGenerator<{ place: string; body: string }> {
    for (const [place, body] of this.#passes.shift() ?? []) {
      if (stop.aborted) return
      yield { place, body }
    }
  }

  async claim(place: string): Promise<boolean> {
    this.claimed.push(place)
    return !this.lost.has(place)
  }

  async remove(place: string): Promise<void> {
    this.beforeRemoval(place)
    this.removed.push(place)
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}

export interface Outcome extends RedriveResult {
  /** What was reported, such as `failed message-1`. */
  readonly reported: readonly string[]
}

export interface Subject {
  readonly clock: ManualClock
  readonly reported: string[]
  readonly options: RedriveOptions
  run(): Promise<Outcome>
}

/** @param exported - the default export of a handler module. */
export function redriveWith(
  source: LetterSource,
  exported: unknown,
  changes: Partial<RedriveOptions> & { readonly maxAttempts?: number } = {},
): Subject {
  const clock = new ManualClock()
  const reported: string[] = []
  const { maxAttempts, ...others } = changes
  const options: RedriveOptions = {
    source,
    handler: checkRedriveHandler(exported, maxAttempts),
    streams: () => Promise.reject(new Error('The stream must not be read.')),
    concurrency: 16,
    limit: Number.POSITIVE_INFINITY,
    name: undefined,
    clock,
    random: () => 0.5,
    stop: new AbortController().signal,
    listener: {
      malformed: (place) => void reported.push(`malformed ${place}`),
      trimmed: (place) => void reported.push(`trimmed ${place}`),
      otherCount: (place, found, expected) => void reported.push(`${found} instead of ${expected} ${place}`),
      severalNames: (names) => void reported.push(`names ${names.join()}`),
      passStarted: ({ found }) => void reported.push(`found ${found}`),
      older: ({ place }) => void reported.push(`older ${place}`),
      notHandled: ({ place }: QueuedLetter, _, { fate }: RecordFate) =>
        void reported.push(`${fate} ${place}`),
      abandoned: ({ sequenceNumber }) => void reported.push(`abandoned ${sequenceNumber}`),
      notRemoved: ({ place }) => void reported.push(`notRemoved ${place}`),
      letterEnded() {},
    },
    ...others,
  }
  return {
    clock,
    reported,
    options,
    run: async () => ({ ...(await clock.run(redrive(options))), reported }),
  }
}
