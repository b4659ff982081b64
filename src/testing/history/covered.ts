import type { ParsedPosition } from '../../position/position.ts'
import { compareSequenceNumbers } from '../../position/sequence-number.ts'
import type { ShardPosition, StreamToken } from '../../position/token.ts'
import type { EmulatedRecord } from '../world/record.ts'

type ParentOf = (shardId: string) => string | undefined

/** Whether a reader that begins at the position is not to give out the record. */
export function coveredBy(
  position: Exclude<ParsedPosition, { kind: 'latest' }>,
  parentOf: ParentOf,
): (record: EmulatedRecord) => boolean {
  if (position.kind === 'trim_horizon') return () => false
  if (position.kind === 'time') return (record) => isOlder(record, position.since)
  return coveredByToken(position.token, parentOf)
}

function coveredByToken({ shards }: StreamToken, parentOf: ParentOf): (record: EmulatedRecord) => boolean {
  const positions = new Map(shards.map(({ shardId, at }) => [shardId, at]))
  // Ancestors of a shard in the token are done, unless they have a position of their own.
  const done = new Set<string>()
  for (const { shardId, parentId } of shards) {
    for (let at = parentOf(shardId) ?? parentId; at !== undefined; at = parentOf(at)) done.add(at)
  }
  return (record) => {
    const at = positions.get(record.shardId)
    if (at !== undefined) return isBefore(record, at)
    return done.has(record.shardId) || isBefore(record, inherited(record.shardId, positions, parentOf))
  }
}

/** A time passes on to the heirs of its shard; otherwise a shard that the token doesn't know is unread. */
function inherited(
  shardId: string,
  positions: ReadonlyMap<string, ShardPosition>,
  parentOf: ParentOf,
): ShardPosition {
  for (let at = parentOf(shardId); at !== undefined; at = parentOf(at)) {
    const position = positions.get(at)
    if (position === undefined) continue
    return typeof position === 'object' && 'since' in position ? position : 'start'
  }
  return 'start'
}

function isBefore(record: EmulatedRecord, at: ShardPosition): boolean {
  if (at === 'start') return false
  if ('end' in at) return true
  if ('since' in at) return isOlder(record, at.since)
  return compareSequenceNumbers(record.sequenceNumber, at.after) <= 0
}

/** By the whole second, as the service tells no more of a record's time. */
function isOlder({ createdAt, writtenAt }: EmulatedRecord, since: number): boolean {
  return (createdAt ?? writtenAt) < Math.floor(since / 1000) * 1000
}
