import type { Clock } from '../core/clock.ts'
import { compareSequenceNumbers } from '../position/sequence-number.ts'
import { StreamRecord } from '../records/stream-record.ts'
import { classifyError, isInvalidRequest } from '../streams-api/classify-error.ts'
import { callWithRetries, callWithTimeout } from '../streams-api/retry.ts'
import type { RecordPage, StreamsApi } from '../streams-api/streams-api.ts'
import { createdAtMsOf, sequenceNumberOf } from '../wire/record-fields.ts'
import type { RecordRange } from './parse-letter.ts'

/** The stream no longer has the records of a letter: they were trimmed, or the stream was deleted. */
export class RecordsUnavailable extends Error {
  override readonly name: string = 'RecordsUnavailable'
}

export interface FetchContext {
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
}

/** After this many failures, about 20 seconds in all, the service is considered unavailable. */
const MAX_ATTEMPTS = 8

/**
 * A page can be empty although later ones have records. An iterator that starts at a record returns it
 * within a few pages, unless it was trimmed meanwhile.
 */
const MAX_EMPTY_PAGES = 20

const MAX_RECORDS = 1_000

/**
 * Reads the records of a letter from the stream, where they remain for 24 hours: all records of the shard
 * from the first to the last one of the failed batch.
 *
 * @throws RecordsUnavailable if one of the two is no longer there.
 */
export async function fetchRecords(
  api: StreamsApi,
  range: RecordRange,
  context: FetchContext,
): Promise<readonly StreamRecord[]> {
  try {
    return await readRange(api, range, context)
  } catch (error) {
    const kind = classifyError(error)
    if (kind !== 'trimmed' && kind !== 'notFound' && !isInvalidRequest(error)) throw error
    throw new RecordsUnavailable((error as Error).name, { cause: error })
  }
}

async function readRange(
  api: StreamsApi,
  { streamArn, shardId, first, last }: RecordRange,
  context: FetchContext,
): Promise<readonly StreamRecord[]> {
  const start = { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: first } as const
  let iterator: string | undefined = await call(context, (signal) =>
    api.openIterator({ streamArn, shardId, start }, signal),
  )
  const limit = first === last ? 1 : MAX_RECORDS
  const records: StreamRecord[] = []
  for (let emptyPages = 0; iterator !== undefined && emptyPages < MAX_EMPTY_PAGES; ) {
    const request: { iterator: string; limit: number } = { iterator, limit }
    const page: RecordPage = await call(context, (signal) => api.readRecords(request, signal))
    for (const wire of page.records) {
      const sequenceNumber = sequenceNumberOf(wire)
      if (records.length === 0 && compareSequenceNumbers(sequenceNumber, first) !== 0) throw missing()
      const order = compareSequenceNumbers(sequenceNumber, last)
      if (order > 0) throw missing()
      records.push(new StreamRecord(wire, { shardId, decode: page.decode }, createdAtMsOf(wire) ?? 0))
      if (order === 0) return records
    }
    emptyPages = page.records.length === 0 ? emptyPages + 1 : 0
    iterator = page.nextIterator
  }
  throw missing()
}

function call<T>(context: FetchContext, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return callWithRetries(
    () => callWithTimeout(request, context),
    context,
    ({ attempt, error }) => {
      if (attempt >= MAX_ATTEMPTS) throw error
    },
  )
}

function missing(): RecordsUnavailable {
  return new RecordsUnavailable('the stream has other records at its place')
}
