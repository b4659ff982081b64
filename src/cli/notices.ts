import type { StreamEvents } from '../stream/events.ts'
import { shortShardId } from './format-shards.ts'
import type { ResponseTimer } from './response-timer.ts'

/** The shortest time between two notices about retries of one kind, in ms. */
const RETRY_NOTICE_MS = 5_000

export interface NoticeOptions {
  /** Writes one line. */
  readonly log: (line: string) => void
  /** Monotonic ms. */
  readonly now: () => number
  /**
   * Until the service has responded, retries are not reported: if it never responds, the command fails with
   * one error.
   */
  readonly firstResponse: Pick<ResponseTimer, 'hasResponded' | 'noteLastError'>
}

/** Listeners that report the events of a stream to the user. */
export type Notices = Pick<
  { readonly [Name in keyof StreamEvents]: (event: StreamEvents[Name]) => void },
  'retry' | 'gap' | 'shardStalled' | 'parentWaitTimedOut' | 'sdkFallback' | 'checkpointRetry'
>

export function createNotices({ log, now, firstResponse }: NoticeOptions): Notices {
  const isRetryDue = throttle(now)
  const isCheckpointRetryDue = throttle(now)
  return {
    retry: ({ operation, shardId, attempt, error }) => {
      firstResponse.noteLastError(error)
      if (!firstResponse.hasResponded || !isRetryDue()) return
      const target = shardId === undefined ? '' : ` on shard ${shortShardId(shardId)}`
      log(`${operation}${target} failed on attempt ${attempt} (${reasonOf(error)}); retrying`)
    },
    gap: ({ shardId, after }) => {
      const where = after === undefined ? 'from the start of the shard' : `after ${after}`
      log(`gap: records of ${shardId} ${where} were trimmed before they were read`)
    },
    shardStalled: ({ shardId, failingForMs, error }) => {
      const seconds = Math.round(failingForMs / 1_000)
      log(
        `shard ${shardId} has failed for ${seconds} s (${reasonOf(error)}); other shards no longer wait for it`,
      )
    },
    parentWaitTimedOut: ({ shardId, parentId }) =>
      log(`reading shard ${shardId} although its parent ${parentId} was never listed`),
    sdkFallback: ({ reason }) => log(`falling back to the slower deserializer of the SDK: ${reason}`),
    checkpointRetry: ({ name, attempt, error }) => {
      if (!isCheckpointRetryDue()) return
      log(`saving the checkpoint ${name} failed on attempt ${attempt} (${reasonOf(error)}); retrying`)
    },
  }
}

/** Returns a function that returns `true` at most once per {@link RETRY_NOTICE_MS}. */
function throttle(now: () => number): () => boolean {
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
