import type { ShardDescription, StreamStatus } from '../../../streams-api/streams-api.ts'
import { shuffled } from '../state/random.ts'
import type { Shard } from '../state/shard.ts'
import { type Stream, streamStatus } from '../state/stream.ts'
import { isListed } from '../state/topology.ts'
import { checkLimit, checkShardId, checkStreamArn } from './check-request.ts'
import { type CallContext, readableStream } from './context.ts'
import { invalid } from './errors.ts'

export interface ListShardsRequest {
  readonly streamArn: string
  readonly exclusiveStartShardId?: string | undefined
  /** The shard of a `CHILD_SHARDS` filter; an empty string if the filter has no shard id. */
  readonly childrenOf?: string | undefined
  readonly limit?: number | undefined
}

export interface ListedShards {
  readonly stream: Stream
  readonly status: StreamStatus
  readonly shards: readonly ShardDescription[]
  readonly lastEvaluatedShardId: string | undefined
  /** The time of the listing on the service's clock, in ms. */
  readonly listedAt: number
}

/** Implements DescribeStream. */
export function listShards(context: CallContext, request: ListShardsRequest): ListedShards {
  const { behavior, now } = context
  const { limit = 100, exclusiveStartShardId } = request
  checkLimit(limit, 100)
  checkStreamArn(request.streamArn, behavior)
  if (exclusiveStartShardId !== undefined) checkShardId(exclusiveStartShardId, 'listing', behavior)
  if (request.childrenOf !== undefined) {
    const isMissing = request.childrenOf === '' && behavior.requestChecks === 'local'
    if (!isMissing) checkShardId(request.childrenOf, 'listing', behavior)
    if (behavior.childShards === 'refused') throw invalid('ShardFilter is not supported')
    if (exclusiveStartShardId !== undefined) {
      throw invalid('ExclusiveStartShardId is not allowed with ShardFilter')
    }
  }
  const stream = readableStream(context, request.streamArn)
  const status = streamStatus(stream, now)
  const wanted = status === 'ENABLING' ? [] : visibleShards(context, stream, request)
  const size = Math.min(limit, behavior.shardsPerPage)
  const page = wanted.slice(0, size)
  const more =
    wanted.length > size || (wanted.length === size && behavior.exactFullLastPage === 'has-next-key')
  const last = behavior.repeatPageKey ? exclusiveStartShardId : undefined
  return {
    stream,
    status,
    shards: (behavior.listingOrder === 'shuffled' ? shuffled(context.random, page) : page).map((shard) =>
      describe(context, shard),
    ),
    lastEvaluatedShardId: last ?? (more ? page[page.length - 1]?.shardId : undefined),
    listedAt: now,
  }
}

/** Returns the listed shards from the start of the page on, in listing order. */
function visibleShards(context: CallContext, stream: Stream, request: ListShardsRequest): Shard[] {
  const { behavior, visibility, now } = context
  const { exclusiveStartShardId: start } = request
  const childrenOf = behavior.childShards === 'ignored' ? undefined : request.childrenOf
  if (childrenOf !== undefined && behavior.childShards === 'empty') return []
  const reversed = behavior.listingOrder === 'reversed'
  const wanted = stream.topology.sorted.filter(
    (shard) =>
      (childrenOf === undefined || shard.parentId === childrenOf) &&
      (start === undefined || (reversed ? shard.shardId < start : shard.shardId > start)) &&
      (isListed(shard, behavior) || visibility.isShownAgain(shard.shardId)) &&
      !visibility.hides(shard.shardId, now),
  )
  return reversed ? wanted.reverse() : wanted
}

function describe({ behavior, visibility, now }: CallContext, shard: Shard): ShardDescription {
  const omitted = behavior.omitFromShards
  const open = shard.open || visibility.showsOpen(shard.shardId, now)
  return {
    shardId: shard.shardId,
    parentShardId: shard.parentId,
    startingSequenceNumber:
      omitted.includes('startingSequenceNumber') || omitted.includes('sequenceNumberRange')
        ? undefined
        : shard.startingSequenceNumber,
    endingSequenceNumber:
      open || omitted.includes('sequenceNumberRange') ? undefined : shard.endingSequenceNumber,
  }
}
