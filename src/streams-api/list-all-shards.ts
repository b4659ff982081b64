import { type Clock, sleep } from '../core/clock.ts'
import { StreamError } from '../core/errors.ts'
import type { ServiceClock } from '../core/service-clock.ts'
import { classifyError } from './classify-error.ts'
import type { RateLimit } from './rate-limit.ts'
import { type CallRetry, callWithRetries, callWithTimeout } from './retry.ts'
import type { ShardPage, StreamsApi } from './streams-api.ts'

/** Half of the ten DescribeStream calls per second that an account is allowed (API reference). */
export const DESCRIBE_CALLS_PER_SECOND = 5

/** How long to wait, in ms, before a ResourceNotFoundException is confirmed by a second call. */
const NOT_FOUND_CONFIRMED_AFTER_MS = 1_000

/** The dependencies of every DescribeStream call. */
export interface ListingContext {
  readonly api: StreamsApi
  readonly streamArn: string
  readonly limit: RateLimit
  readonly clock: Clock
  readonly serviceClock: ServiceClock
  readonly random: () => number
  readonly signal: AbortSignal
  /** Called before a failed call is retried. `shardId` is the shard whose children were requested, if any. */
  readonly onRetry: (retry: CallRetry & { readonly shardId: string | undefined }) => void
}

/** Selects a page: the one after a shard, or the children of a shard. The default is the first page. */
interface PageRequest {
  readonly exclusiveStartShardId?: string | undefined
  readonly childrenOf?: string | undefined
}

/** A page, and when the call that returned it started (monotonic ms). */
export type ListedPage = ShardPage & { readonly calledAt: number }

/** Makes a DescribeStream call, within the rate limit, and retries it until it succeeds. */
export function listShardPage(context: ListingContext, request: PageRequest): Promise<ListedPage> {
  return callWithRetries(
    () => tryToListShards(context, request),
    context,
    (retry) => context.onRetry({ ...retry, shardId: request.childrenOf }),
  )
}

/**
 * Resolves if the stream exists. Otherwise, or if DescribeStream fails for another reason, it rejects with
 * the error. A ResourceNotFoundException must be confirmed by a second call.
 */
export async function checkStreamExists(context: ListingContext): Promise<void> {
  await confirmNotFound(context, () => tryToListShards(context))
}

/** Calls `list` a second time if it throws ResourceNotFoundException, because a single one may be wrong. */
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

/** Makes a DescribeStream call, within the rate limit, without retries. */
async function tryToListShards(context: ListingContext, request: PageRequest = {}): Promise<ListedPage> {
  const { api, clock, limit, serviceClock, streamArn } = context
  await limit.wait(context.signal)
  const calledAt = clock.monotonic()
  const page = await callWithTimeout((signal) => api.listShards({ streamArn, ...request }, signal), context)
  serviceClock.observe(page.serviceTime, calledAt)
  return { ...page, calledAt }
}

/** Lists all shards of the stream, page by page: a page can be used before the next one is requested. */
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
        `DescribeStream returned the page key ${exclusiveStartShardId} twice, so the list of shards never ends. ` +
          'AWS does not do this; check the endpoint (is it an emulator or a proxy?).',
        { operation: 'DescribeStream' },
      )
    }
    if (exclusiveStartShardId !== undefined) keys.add(exclusiveStartShardId)
  } while (exclusiveStartShardId !== undefined)
}
