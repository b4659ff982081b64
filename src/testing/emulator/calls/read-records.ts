import type { StoredRecord } from '../state/record.ts'
import type { Shard } from '../state/shard.ts'
import { checkLimit } from './check-request.ts'
import { type CallContext, readableStream } from './context.ts'
import { expired, invalid, notFound, shardGone, trimmed } from './errors.ts'
import { encodeIterator, type IteratorState } from './iterator.ts'

export interface ReadRecordsRequest {
  /** Undefined stands for a text that is no iterator. */
  readonly iterator: IteratorState | undefined
  readonly limit?: number | undefined
}

export interface ReadPage {
  readonly shard: Shard
  readonly records: readonly StoredRecord[]
  /** As it goes over the wire: a text, an empty text, null, or nothing. */
  readonly nextIterator: string | null | undefined
  /** Whether the shard was read to its end. */
  readonly end: boolean
  /** How many records of the shard lie before the page. */
  readonly index: number
}

/** GetRecords. */
export function readRecords(context: CallContext, request: ReadRecordsRequest): ReadPage {
  const { behavior, now, iterators } = context
  const { limit = 1000, iterator: state } = request
  checkLimit(limit, 1000)
  if (!state) throw invalid('Invalid ShardIterator')
  const stream = readableStream(context, state.streamArn)
  const shard = stream.topology.shards[state.shard]
  if (!shard) throw notFound('Shard of the iterator')
  const age = now - state.issuedAt
  if (age >= behavior.iteratorLifeMs || state.serial < iterators.expiredBelow(shard.shardId)) throw expired()
  if (shard.removed && behavior.expiredShardErrorAt === 'at-records') throw shardGone()
  const fullyTrimmedShard = shard.trimmed > 0 && shard.trimmed === shard.records.length
  const isUnreadable = fullyTrimmedShard && behavior.fullyTrimmedShard === 'unreadable'
  if (isUnreadable || state.index < shard.trimmed) throw trimmed(shard.shardId)

  const crossing = state.emptyPages > 0
  const records = crossing || behavior.emptyPage ? [] : pageFrom(context, shard, state.index, limit)
  const index = behavior.repeatPage ? state.index : state.index + records.length
  const atEnd = !shard.open && !crossing && !behavior.emptyPage && index === shard.records.length
  const end = atEnd && (behavior.shardEnd !== 'after-empty-page' || records.length === 0)
  const next = () =>
    encodeIterator({
      ...state,
      index,
      issuedAt: now,
      serial: iterators.nextSerial(),
      emptyPages: Math.max(0, state.emptyPages - 1),
    })
  const form = end ? behavior.shardEnd : shard.open ? behavior.openShardNextIterator : 'given'
  return { shard, records, nextIterator: form === 'given' ? next() : nothing(form), end, index: state.index }
}

/** What stands in place of the next iterator where there is none. */
function nothing(form: string): string | null | undefined {
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
  const until = Math.min(records.length, index + Math.min(limit, behavior.recordsPerPage))
  const writtenUntil = now - behavior.readLagMs
  let bytes = 0
  let end = index
  while (end < until) {
    const record = records[end] as StoredRecord
    bytes += record.bytes
    if (bytes > behavior.bytesPerPage && end > index) break
    // With no lag also what a clock that was set back takes for the future can be read.
    if (behavior.readLagMs > 0 && record.writtenAt > writtenUntil) break
    end++
  }
  return records.slice(index, end)
}
