import type { StreamEvents } from '../stream/events.ts'
import { shortShardId } from './short-ids.ts'

/** Retries of one kind are told this often at most, in ms. */
const RETRY_NOTICE_MS = 5_000

export interface NoticeOptions {
  /** Writes one line. */
  readonly say: (line: string) => void
  readonly now: () => number
  /** Whether the service has answered before. Until then its silence is told by an error, once. */
  readonly hasAnswered: () => boolean
}

/** What a person at the terminal should know of the events of a stream. */
export function noticesOf({ say, now, hasAnswered }: NoticeOptions): {
  [Name in keyof StreamEvents]?: (event: StreamEvents[Name]) => void
} {
  const isRetryDue = pacer(now)
  const isCheckpointRetryDue = pacer(now)
  return {
    retry: ({ operation, shardId, attempt, error }) => {
      if (!hasAnswered() || !isRetryDue()) return
      const of = shardId === undefined ? '' : ` of shard ${shortShardId(shardId)}`
      say(`${operation}${of} failed (${reasonOf(error)}), trying again; ${attempt} in a row`)
    },
    gap: ({ shardId, after, reason }) => {
      const where = after === undefined ? 'from its start' : `after ${after}`
      say(`gap: records of ${shardId} ${where} were trimmed before they were read (${reason})`)
    },
    shardStalled: ({ shardId, failingForMs, error }) =>
      say(
        `shard ${shardId} has failed for ${Math.round(failingForMs / 1_000)} s (${reasonOf(error)}): the others go on without it`,
      ),
    parentWaitTimedOut: ({ shardId, parentId }) =>
      say(`shard ${shardId} is read though its parent ${parentId} was never listed`),
    sdkFallback: ({ reason }) => say(`reading is slower than it could be: ${reason}`),
    checkpointRetry: ({ name, attempt, error }) => {
      if (!isCheckpointRetryDue()) return
      say(`saving the checkpoint ${name} failed (${reasonOf(error)}), trying again; ${attempt} in a row`)
    },
  }
}

/** Returns `true` once in each {@link RETRY_NOTICE_MS}. */
function pacer(now: () => number): () => boolean {
  let nextAt = Number.NEGATIVE_INFINITY
  return () => {
    if (now() < nextAt) return false
    nextAt = now() + RETRY_NOTICE_MS
    return true
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return (error.message || error.name).replaceAll(/\s+/g, ' ')
}
