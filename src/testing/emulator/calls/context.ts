import type { Behavior } from '../behavior/behavior.ts'
import type { Random } from '../state/random.ts'
import { isUnavailable, type Stream } from '../state/stream.ts'
import type { Table } from '../state/table.ts'
import type { Visibility } from '../state/visibility.ts'
import { notFound } from './errors.ts'

/** The state that a call reads. Calls are plain functions of this context and their request. */
export interface CallContext {
  readonly table: Table
  /** The behavior of the service for this call. */
  readonly behavior: Behavior
  /** The time on the service's clock, in ms. */
  readonly now: number
  readonly visibility: Visibility
  readonly random: Random
  readonly iterators: IteratorRegistry
}

/** Numbers new iterators, and keeps track of those that were expired early. */
export interface IteratorRegistry {
  nextSerial(): number
  nextReader(): number
  /** Returns a serial number: all iterators of this shard with a lower one have expired. */
  expiredBelow(shardId: string): number
}

/**
 * Returns the stream with this ARN after trimming records that are past their retention. Throws if it does
 * not exist.
 */
export function readableStream(context: CallContext, arn: string): Stream {
  const stream = context.table.findStream(arn)
  if (!stream || isUnavailable(stream, context.now, context.behavior)) throw notFound(`Stream: ${arn}`)
  stream.retention.trimBefore(context.now - context.behavior.retentionMs)
  return stream
}
