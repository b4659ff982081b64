import { streamNotFound } from '../core/stream-not-found.ts'
import type { ParsedPosition } from '../position/position.ts'
import { shardCreatedAt } from '../position/shard-id.ts'
import type { StreamToken } from '../position/token.ts'
import { type NewShardStart, seekLatest, seekTime, seekToken, seekTrimHorizon } from '../shards/seek.ts'
import type { ShardForest } from '../shards/shard-forest.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { ReadSession, type SessionContext } from './read-session.ts'

/** A time is in the future when it is further ahead than this (ms): the service's clock is truncated to the second. */
const FUTURE_MS = 5_000

/**
 * Records are dated by other machines of the service than the one that tells its time, and are not promised to be dated
 * exactly: `latest` includes records dated up to this much (ms) before the call, rather than to lose one that was written
 * after it.
 */
const LATEST_OVERLAP_MS = 500

/**
 * Starts to read at a position: lists the shards, takes the position in the forest, and for `latest` opens the iterators,
 * so that everything that is written after this resolves will be delivered.
 *
 * @param signal - aborts it; the promise rejects with the signal's reason.
 */
export async function startSession(
  position: ParsedPosition,
  context: SessionContext,
  signal: AbortSignal,
): Promise<ReadSession> {
  for (;;) {
    const session = new ReadSession(context)
    const stop = () => session.stop(signal.reason)
    signal.addEventListener('abort', stop)
    try {
      signal.throwIfAborted()
      if (await startAt(position, session, context)) return session
      session.stop(undefined)
    } catch (error) {
      session.stop(error)
      signal.throwIfAborted()
      throw classifyError(error) === 'notFound' ? streamNotFound(context.streamArn, error) : error
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
}

/** Returns false if it has to be started again: a time in the future has come meanwhile. */
async function startAt(
  position: ParsedPosition,
  session: ReadSession,
  { clock, serviceClock }: SessionContext,
): Promise<boolean> {
  const calledAt = clock.monotonic()
  const listedAt = await session.list()
  // The service's time of the call: the listing may have taken long, and has told what the service's clock is.
  const now = serviceClock.now() - (clock.monotonic() - calledAt)
  const isLatest =
    position.kind === 'latest' || (position.kind === 'time' && position.since > now + FUTURE_MS)
  const newShardStart = isLatest
    ? seekLatest(session.forest, truncatedToSecond(now - LATEST_OVERLAP_MS))
    : seek(position, session.forest, now)
  await session.start(newShardStart, listedAt, newestKnown(position, now))
  if (isLatest) await session.openAtLatest()
  if (!isLatest || position.kind === 'latest') return true
  // Some records of that time may lie before the iterators that were opened meanwhile.
  const tookMs = clock.monotonic() - calledAt
  return position.since > now + tookMs + FUTURE_MS
}

/** Shards that were created later than this (ms) did not exist when the position was taken. */
function newestKnown(position: ParsedPosition, now: number): number | undefined {
  // A token without shards does not say when it was taken, but it was before now.
  const isTimed = position.kind === 'token' && position.token.shards.length > 0
  return isTimed ? newestShardOf(position.token) : now
}

function newestShardOf({ shards }: StreamToken): number | undefined {
  let newest: number | undefined
  for (const { shardId } of shards) {
    const createdAt = shardCreatedAt(shardId)
    if (createdAt === undefined) return undefined
    newest = Math.max(newest ?? createdAt, createdAt)
  }
  return newest
}

function seek(position: ParsedPosition, forest: ShardForest, now: number): NewShardStart {
  switch (position.kind) {
    case 'token':
      return seekToken(forest, position.token)
    case 'time':
      return seekTime(forest, position.since, now)
    default:
      return seekTrimHorizon(forest, now)
  }
}

/** The service's clock and the records' times are truncated to the second. */
function truncatedToSecond(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000
}
