import type { CoordinatorEvents } from '../coordinator/events.ts'
import type { Clock } from '../core/clock.ts'
import type { Emitter } from '../core/emitter.ts'
import { StreamError } from '../core/errors.ts'
import type { RateLimit } from './rate-limit.ts'
import { callUntilAnswered } from './retry.ts'
import type { ShardPage, StreamsApi } from './streams-api.ts'

/** What every call of DescribeStream needs. */
export interface ListingContext {
  readonly api: StreamsApi
  readonly streamArn: string
  readonly limit: RateLimit
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  readonly events: Emitter<CoordinatorEvents>
}

/** Makes one DescribeStream call, within the rate limit, until it is answered. */
export function listShardPage(
  context: ListingContext,
  request: { readonly exclusiveStartShardId?: string | undefined; readonly childrenOf?: string | undefined },
): Promise<ShardPage> {
  return callUntilAnswered(
    async (signal) => {
      await context.limit.wait(signal)
      return context.api.listShards({ streamArn: context.streamArn, ...request }, signal)
    },
    context,
    (retry) =>
      context.events.emit('retry', { operation: 'DescribeStream', shardId: request.childrenOf, ...retry }),
  )
}

/** Lists all shards of the stream, page by page, so that what a page shows can be used before the next one comes. */
export async function* listAllShards(context: ListingContext): AsyncGenerator<ShardPage, void, void> {
  const keys = new Set<string>()
  let exclusiveStartShardId: string | undefined
  do {
    const page = await listShardPage(context, { exclusiveStartShardId })
    yield page
    exclusiveStartShardId = page.lastEvaluatedShardId
    if (exclusiveStartShardId !== undefined && keys.has(exclusiveStartShardId)) {
      throw new StreamError(
        'service.invalid',
        `DescribeStream gave the page key ${exclusiveStartShardId} twice, so the list of shards has no end. ` +
          'AWS never does; check the endpoint (an emulator or a proxy?).',
        { operation: 'DescribeStream' },
      )
    }
    if (exclusiveStartShardId !== undefined) keys.add(exclusiveStartShardId)
  } while (exclusiveStartShardId !== undefined)
}
