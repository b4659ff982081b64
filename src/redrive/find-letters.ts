import type { Clock } from '../core/clock.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { StreamsApi } from '../streams-api/streams-api.ts'
import { fetchRecords, RecordsUnavailable } from './fetch-records.ts'
import { type LetterSource, SourceError } from './letter-source.ts'
import { LetterError, type ParsedLetter, parseLetter, type RecordRange } from './parse-letter.ts'
import { type QueuedLetter, queuedLetter } from './queued-letter.ts'

/** A letter of the source, or why it cannot be handled. */
export type FoundLetter =
  | { readonly found: 'letter'; readonly letter: QueuedLetter }
  /** It is not a dead letter. */
  | { readonly found: 'malformed'; readonly place: string; readonly reason: string }
  /** It does not contain its records, and the stream no longer does. */
  | {
      readonly found: 'trimmed'
      readonly place: string
      readonly letter: ParsedLetter
      readonly reason: string
    }
  /** It is of another run or function. */
  | { readonly found: 'other'; readonly place: string; readonly name: string }

export interface FindOptions {
  readonly source: LetterSource
  /** Returns an API for the region of a stream. */
  readonly streams: (streamArn: string) => Promise<StreamsApi>
  /** The only run, or function, whose letters are wanted; undefined for all. */
  readonly name: string | undefined
  readonly clock: Clock
  readonly random: () => number
  readonly stop: AbortSignal
  /** A letter without records stands for more or fewer records of the stream than the failed batch had. */
  readonly onOtherCount: (place: string, found: number, expected: number) => void
}

/** Bodies up to this size in all, in UTF-16 code units, are kept in memory. Others are read again. */
const MAX_KEPT_LENGTH = 64 * 1_048_576

/**
 * Reads the letters that are available, and their records. Ends early when `stop` aborts.
 *
 * @throws SourceError; an error of DynamoDB Streams, if records cannot be read for another reason than that
 * they were trimmed: which items they belong to is unknown then, and with it which letters come later.
 */
export async function* findLetters(options: FindOptions): AsyncGenerator<FoundLetter> {
  const { source, stop } = options
  let keptLength = 0
  for await (const { place, body } of source.letters(stop)) {
    if (stop.aborted) return
    let parsed: ParsedLetter
    try {
      if (typeof body !== 'string') throw body
      parsed = parseLetter(body)
    } catch (error) {
      if (!(error instanceof LetterError)) throw error
      yield { found: 'malformed', place, reason: error.message }
      continue
    }
    if (options.name !== undefined && parsed.name !== options.name) {
      yield { found: 'other', place, name: parsed.name }
      continue
    }
    keptLength += body.length
    const isKept =
      parsed.records === undefined || source.readAgain === undefined || keptLength <= MAX_KEPT_LENGTH
    try {
      const records = parsed.records ?? (await fetch(place, parsed.range, options))
      yield { found: 'letter', letter: queuedLetter(place, parsed, records, isKept) }
    } catch (error) {
      if (stop.aborted) return
      if (!(error instanceof RecordsUnavailable)) throw error
      yield { found: 'trimmed', place, letter: parsed, reason: error.message }
    }
  }
}

async function fetch(
  place: string,
  range: RecordRange,
  options: FindOptions,
): Promise<readonly StreamRecord[]> {
  const { clock, random, stop, onOtherCount } = options
  const api = await options.streams(range.streamArn)
  const records = await fetchRecords(api, range, { clock, random, signal: stop })
  const { count } = range
  if (count !== undefined && count !== records.length) onOtherCount(place, records.length, count)
  return records
}

/**
 * Returns a record of a letter that was not kept in memory; undefined if the letter was changed or removed
 * meanwhile.
 *
 * @throws SourceError
 */
export async function readRecordAgain(
  source: LetterSource,
  { place, records }: QueuedLetter,
  index: number,
): Promise<StreamRecord | undefined> {
  try {
    const { records: again } = parseLetter((await source.readAgain?.(place)) ?? '')
    const record = again?.[index]
    const expected = records.find((other) => other.index === index)
    return record?.sequenceNumber === expected?.sequenceNumber ? record : undefined
  } catch (error) {
    if (error instanceof LetterError || (error instanceof SourceError && error.kind === 'notFound'))
      return undefined
    throw error
  }
}
