import type { Behaviour } from '../behaviour.ts'
import type { Visibility } from '../faults/visibility.ts'
import type { Random } from '../world/random.ts'
import { isGone, type Stream } from '../world/stream.ts'
import type { Table } from '../world/table.ts'
import { notFound } from './errors.ts'

/** What a call may look at. The calls are plain functions of this and their request. */
export interface CallContext {
  readonly table: Table
  /** How the service behaves in this call. */
  readonly behaviour: Behaviour
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
  if (!stream || isGone(stream, context.now, context.behaviour)) throw notFound(`Stream: ${arn}`)
  stream.retention.trimBefore(context.now - context.behaviour.retentionMs)
  return stream
}
