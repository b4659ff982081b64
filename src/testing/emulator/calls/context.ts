import type { Behavior } from '../behavior/behavior.ts'
import type { Random } from '../state/random.ts'
import { isGone, type Stream } from '../state/stream.ts'
import type { Table } from '../state/table.ts'
import type { Visibility } from '../state/visibility.ts'
import { notFound } from './errors.ts'

/** What a call may look at. The calls are plain functions of this and their request. */
export interface CallContext {
  readonly table: Table
  /** How the service behaves in this call. */
  readonly behavior: Behavior
  /** The service's clock, in ms. */
  readonly now: number
  readonly visibility: Visibility
  readonly random: Random
  readonly iterators: IteratorLives
}

/** Numbers for new iterators, and what was made to expire before its time. */
export interface IteratorLives {
  nextSerial(): number
  nextReader(): number
  /** Iterators of this shard with a lower serial number have expired. */
  expiredBelow(shardId: string): number
}

/** The stream with this ARN, with everything trimmed that is too old by now. */
export function readableStream(context: CallContext, arn: string): Stream {
  const stream = context.table.findStream(arn)
  if (!stream || isGone(stream, context.now, context.behavior)) throw notFound(`Stream: ${arn}`)
  stream.retention.trimBefore(context.now - context.behavior.retentionMs)
  return stream
}
