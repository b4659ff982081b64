import { shardCreatedAt } from '../position/shard-id.ts'
import { RETENTION_MS } from '../shards/retention.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { CallTimeout } from '../streams-api/retry.ts'
import type { ReadOutcome } from './read-shard.ts'
import type { ShardReader } from './shard-reader.ts'

export type FailedRead = Extract<ReadOutcome, { kind: 'failed' }>

/** What to do after a read that failed. */
export type FailureVerdict =
  /** Make the iterator anew, and go on where reading was. */
  | 'renew'
  /** The first sequence number that the listing tells of is not taken: open the shard at its oldest record. */
  | 'openOtherwise'
  /** The same again, after a pause that grows. */
  | 'retry'
  /** Nothing is left to read at the moment: ask again as of an idle shard. */
  | 'idle'
  /** Records were trimmed before they were read. */
  | 'gap'
  /** So it seems; or all of an open shard is trimmed, and refused at every position. Its oldest one tells which. */
  | 'askForOldest'
  /** The shard is not known, or the whole stream is gone: DescribeStream must tell which. */
  | 'askForStream'
  /** It is for the user. */
  | 'fail'

/** Says what a failed read of a shard means. Changes nothing. */
export function judgeFailure(reader: ShardReader, failed: FailedRead, now: number): FailureVerdict {
  const { error, operation, start } = failed
  if (error instanceof CallTimeout) return 'retry'
  switch (classifyError(error)) {
    case 'expired':
      return 'renew'
    case 'trimmed':
      // DynamoDB Local answers so to every GetRecords while all of an open shard is trimmed, until the next write.
      if (!reader.promisesTrimmed(now)) return 'idle'
      if (operation !== 'GetRecords' || reader.node.hasEnded || reader.oldestWasRead) return 'gap'
      return 'askForOldest'
    case 'notFound':
      return 'askForStream'
    case 'retry':
    case 'aborted':
      return 'retry'
    case 'fatal':
      // Not every emulator knows AT_SEQUENCE_NUMBER of a number that was never a record's.
      return start?.type === 'AT_SEQUENCE_NUMBER' ? 'openOtherwise' : 'fail'
  }
}

/**
 * Whether a shard that the service no longer knows is missed. It is not where "the oldest that is left" was asked for
 * and all of the shard is older than that.
 */
export function isMissed({ node }: ShardReader, now: number): boolean {
  if (node.promised || node.fetched !== undefined) return true
  const createdAt = shardCreatedAt(node.shardId)
  return createdAt !== undefined && createdAt > now - RETENTION_MS
}
