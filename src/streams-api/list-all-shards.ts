import { type Clock, sleep } from '../core/clock.ts'
import { StreamError } from '../core/errors.ts'
import type { ServiceClock } from '../core/service-clock.ts'
import { classifyError } from './classify-error.ts'
import type { RateLimit } from './rate-limit.ts'
import { type CallRetry, callWithRetries, callWithTimeout } from './retry.ts'
import type { ShardPage, StreamsApi } from './streams-api.ts'

/** After how long a stream that DescribeStream does not know is looked for once more before it counts as gone, in ms. */
const NOT_FOUND_CONFIRMED_AFTER_MS = 1_000

/** What every call of DescribeStream needs. */
export interface ListingContext {
  readonly api: StreamsApi
  readonly streamArn: string
  readonly limit: RateLimit
  readonly clock: Clock
  readonly serviceClock: ServiceClock
  readonly random: () => number
  readonly signal: AbortSignal
  /** A call failed and will be made again; `shardId`: the shard whose children were requested, if it was that. */
  readonly onRetry: (retry: CallRetry & { readonly shardId: string | undefined }) => void
}

/** Which page: the one after a shard, or the immediate children of one; by default the first page. */
interface PageRequest {
  readonly exclusiveStartShardId?: string | undefined
  readonly childrenOf?: string | undefined
}

/** A page, and when the call that returned it was made (monotonic ms): what it shows is not older than that. */
export type ListedPage = ShardPage & { readonly calledAt: number }

/** Makes one DescribeStream call, within the rate limit, until it succeeds. */
export function listShardPage(context: ListingContext, request: PageRequest): Promise<ListedPage> {
  return callWithRetries(
    () => tryToListShards(context, request),
    context,
    (retry) => context.onRetry({ ...retry, shardId: request.childrenOf }),
  )
}

/** Resolves if DescribeStream knows the stream, and rejects with ResourceNotFoundException if it says twice that it does not. */
export async function checkStreamExists(context: ListingContext): Promise<void> {
  await confirmNotFound(context, () => tryToListShards(context))
}

/** Does something once more if ResourceNotFoundException is thrown: a single one may be wrong. */
export async function confirmNotFound<T>(
  { clock, signal }: ListingContext,
  list: () => Promise<T>,
): Promise<T> {
  try {
    return await list()
  } catch (error) {
    if (classifyError(error) !== 'notFound') throw error
    await sleep(clock, NOT_FOUND_CONFIRMED_AFTER_MS, signal)
    signal.throwIfAborted()
    return list()
  }
}

/** Makes one DescribeStream call, within the rate limit, and does not repeat it. */
async function tryToListShards(context: ListingContext, request: PageRequest = {}): Promise<ListedPage> {
  const { api, clock, limit, serviceClock, streamArn } = context
  await limit.wait(context.signal)
  const calledAt = clock.monotonic()
  const page = await callWithTimeout((signal) => api.listShards({ streamArn, ...request }, signal), context)
  serviceClock.observe(page.serviceTime, calledAt)
  return { ...page, calledAt }
}

/** Lists all shards of the stream, page by page, so that a page can be used before the next one comes. */
export async function* listAllShards(context: ListingContext): AsyncGenerator<ListedPage, void, void> {
  const keys = new Set<string>()
  let exclusiveStartShardId: string | undefined
  do {
    const page = await listShardPage(context, { exclusiveStartShardId })
    yield page
    exclusiveStartShardId = page.lastEvaluatedShardId
    if (exclusiveStartShardId !== undefined && keys.has(exclusiveStartShardId)) {
      throw new StreamError(
        'service.invalidResponse',
        `DescribeStream returned the page key ${exclusiveStartShardId} twice, so the list of shards has no end. ` +
          'AWS never does this; check the endpoint (an emulator or a proxy?).',
        { operation: 'DescribeStream' },
      )
    }
    if (exclusiveStartShardId !== undefined) keys.add(exclusiveStartShardId)
  } while (exclusiveStartShardId !== undefined)
}
