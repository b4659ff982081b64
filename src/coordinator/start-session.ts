import { streamNotFound } from '../core/stream-not-found.ts'
import type { ParsedPosition } from '../position/position.ts'
import { shardCreatedAt } from '../position/shard-id.ts'
import type { StreamToken } from '../position/token.ts'
import { type NewShardStart, seekLatest, seekTime, seekToken, seekTrimHorizon } from '../shards/seek.ts'
import type { ShardForest } from '../shards/shard-forest.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { ReadSession, type SessionContext } from './read-session.ts'

/** A time further ahead than this (ms) is in the future. The margin covers errors of the estimated "now". */
const FUTURE_MS = 5_000

/**
 * The position `latest` includes records dated up to this much (ms) before the call. Records are dated by
 * other machines than the one whose time is in the response, and their times are approximate. Without the
 * overlap, a record that is written after the call could be lost.
 */
const LATEST_OVERLAP_MS = 500

/**
 * Starts reading at a position: lists the shards, applies the position to the forest, and opens the iterators
 * for `latest`, so that every record written after this resolves will be delivered.
 *
 * @param signal - aborts the call; the promise then rejects with the signal's reason.
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

/** Returns false if reading must be started again, because the requested future time has passed meanwhile. */
async function startAt(
  position: ParsedPosition,
  session: ReadSession,
  { clock, serviceClock }: SessionContext,
): Promise<boolean> {
  const calledAt = clock.monotonic()
  const listedAt = await session.list()
  // The service's time when `moveTo` was called. It is known only after the listing, which may take long.
  const now = serviceClock.now() - (clock.monotonic() - calledAt)
  const isLatest =
    position.kind === 'latest' || (position.kind === 'time' && position.since > now + FUTURE_MS)
  const newShardStart = isLatest
    ? seekLatest(session.forest, truncatedToSecond(now - LATEST_OVERLAP_MS))
    : seek(position, session.forest, now)
  await session.start(newShardStart, listedAt, newestKnown(position, now))
  if (isLatest) await session.openAtLatest()
  if (!isLatest || position.kind === 'latest') return true
  // If the requested time has passed, the iterators may have been opened after records of that time.
  const tookMs = clock.monotonic() - calledAt
  return position.since > now + tookMs + FUTURE_MS
}

/** The time (ms) such that shards created later did not exist when the position was taken. */
function newestKnown(position: ParsedPosition, now: number): number | undefined {
  // A token without shards does not show when it was taken, only that it was before now.
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

/** The service truncates its own time and the times of records to the second. */
function truncatedToSecond(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000
}
