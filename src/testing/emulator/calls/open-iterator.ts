import type { IteratorStart } from '../../../streams-api/streams-api.ts'
import type { Shard } from '../state/shard.ts'
import {
  checkSequenceNumber,
  checkShardId,
  checkStart,
  checkStreamArn,
  type RequestedStart,
} from './check-request.ts'
import { type CallContext, readableStream } from './context.ts'
import { trimmedDataAccess, unknownShard } from './errors.ts'
import { encodeIterator } from './iterator.ts'

export interface OpenIteratorRequest {
  readonly streamArn: string
  readonly shardId: string
  readonly start: RequestedStart
}

/** Implements GetShardIterator. */
export function openIterator(context: CallContext, request: OpenIteratorRequest): string {
  const { behavior } = context
  const { streamArn, shardId } = request
  checkStreamArn(streamArn, behavior)
  checkShardId(shardId, 'iterator', behavior)
  const start = checkStart(request.start, behavior)
  const stream = readableStream(context, streamArn)
  const shard = stream.topology.find(shardId)
  if (!shard || (shard.removed && behavior.expiredShardErrorAt === 'at-iterator')) throw unknownShard()
  return encodeIterator({
    streamArn: stream.arn,
    shard: shard.number,
    index: startIndex(context, shard, start),
    issuedAt: context.now,
    serial: context.iterators.nextSerial(),
    reader: context.iterators.nextReader(),
    emptyPages: behavior.emptyPagesAtStart,
  })
}

/** Returns the index of the first record to read. */
function startIndex({ behavior }: CallContext, shard: Shard, start: IteratorStart): number {
  if (!('sequenceNumber' in start)) {
    const fullyTrimmedShard = shard.open && shard.trimmed > 0 && shard.trimmed === shard.records.length
    if (fullyTrimmedShard && behavior.fullyTrimmedShard === 'refused') throw trimmedDataAccess(shard.shardId)
    if (start.type === 'TRIM_HORIZON') return shard.trimmed
    return Math.max(shard.trimmed, shard.records.length - behavior.latestOffset)
  }
  const sequence = checkSequenceNumber(start.sequenceNumber, shard, behavior)
  const index = indexOfSequence(shard, start.type === 'AT_SEQUENCE_NUMBER' ? sequence : sequence + 1n)
  if (index < shard.trimmed && behavior.trimmedErrorAt === 'at-iterator')
    throw trimmedDataAccess(shard.shardId)
  return index
}

/** Returns the index of the first record with this sequence number or a higher one. */
function indexOfSequence(shard: Shard, sequence: bigint): number {
  let low = 0
  let high = shard.records.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((shard.records[middle]?.sequence ?? sequence) < sequence) low = middle + 1
    else high = middle
  }
  return low
}
