import type { StoredRecord } from '../state/record.ts'
import type { Shard } from '../state/shard.ts'
import { checkLimit } from './check-request.ts'
import { type CallContext, readableStream } from './context.ts'
import { expiredIterator, invalid, notFound, shardExpired, trimmedDataAccess } from './errors.ts'
import { encodeIterator, type IteratorState } from './iterator.ts'

export interface ReadRecordsRequest {
  /** The decoded iterator; `undefined` if the string is not a valid one. */
  readonly iterator: IteratorState | undefined
  readonly limit?: number | undefined
}

export interface ReadPage {
  readonly shard: Shard
  readonly records: readonly StoredRecord[]
  /** `NextShardIterator` as it is sent over the wire: an iterator, an empty string, null, or absent. */
  readonly nextIterator: string | null | undefined
  /** Whether the page indicates the end of the shard. */
  readonly end: boolean
  /** The index in the shard at which the page starts. */
  readonly index: number
}

/** Implements GetRecords. */
export function readRecords(context: CallContext, request: ReadRecordsRequest): ReadPage {
  const { behavior, now, iterators } = context
  const { limit = 1000, iterator: state } = request
  checkLimit(limit, 1000)
  if (!state) throw invalid('Invalid ShardIterator')
  const stream = readableStream(context, state.streamArn)
  const shard = stream.topology.shards[state.shard]
  if (!shard) throw notFound('Shard of the iterator')
  const age = now - state.issuedAt
  if (age >= behavior.iteratorLifeMs || state.serial < iterators.expiredBelow(shard.shardId))
    throw expiredIterator()
  if (shard.removed && behavior.expiredShardErrorAt === 'at-records') throw shardExpired()
  const fullyTrimmedShard = shard.trimmed > 0 && shard.trimmed === shard.records.length
  const isUnreadable = fullyTrimmedShard && behavior.fullyTrimmedShard === 'unreadable'
  if (isUnreadable || state.index < shard.trimmed) throw trimmedDataAccess(shard.shardId)

  const isLeadingEmptyPage = state.emptyPages > 0
  const records = isLeadingEmptyPage || behavior.emptyPage ? [] : pageFrom(context, shard, state.index, limit)
  const index = behavior.repeatPage ? state.index : state.index + records.length
  const atEnd = !shard.open && !isLeadingEmptyPage && !behavior.emptyPage && index === shard.records.length
  const end = atEnd && (behavior.shardEnd !== 'after-empty-page' || records.length === 0)
  const next = () =>
    encodeIterator({
      ...state,
      index,
      issuedAt: now,
      serial: iterators.nextSerial(),
      emptyPages: Math.max(0, state.emptyPages - 1),
    })
  const form = end ? behavior.shardEnd : shard.open ? behavior.openShardNextIterator : 'present'
  const nextIterator = form === 'present' ? next() : withoutIterator(form)
  return { shard, records, nextIterator, end, index: state.index }
}

/** Returns the value of `NextShardIterator` on a page without a next iterator. */
function withoutIterator(form: string): string | null | undefined {
  if (form === 'null') return null
  return form === 'empty-string' ? '' : undefined
}

function pageFrom(
  { behavior, now }: CallContext,
  shard: Shard,
  index: number,
  limit: number,
): readonly StoredRecord[] {
  const { records } = shard
  const maxEnd = Math.min(records.length, index + Math.min(limit, behavior.recordsPerPage))
  const readableUntil = now - behavior.readLagMs
  let bytes = 0
  let end = index
  while (end < maxEnd) {
    const record = records[end] as StoredRecord
    bytes += record.bytes
    if (bytes > behavior.bytesPerPage && end > index) break
    // Without a lag, every record is readable, even one dated in the future because the clock was set back.
    if (behavior.readLagMs > 0 && record.writtenAt > readableUntil) break
    end++
  }
  return records.slice(index, end)
}
