import type { ParsedPosition } from './position.ts'
import { compareSequenceNumbers } from './sequence-number.ts'
import type { ShardPosition, StreamToken } from './token.ts'

/** What decides whether a position covers a record. */
export interface PlacedRecord {
  readonly shardId: string
  readonly sequenceNumber: string
  /** In ms; without it, a record counts as new enough for every requested time. */
  readonly createdAt?: number | undefined
}

/** Returns the parent of a shard, if it has one. */
export type ParentOf = (shardId: string) => string | undefined

/** Returns a predicate: whether a reader that starts at the position skips the record. */
export function positionCoverage(
  position: Exclude<ParsedPosition, { kind: 'latest' }>,
  parentOf: ParentOf,
): (record: PlacedRecord) => boolean {
  if (position.kind === 'trim_horizon') return () => false
  if (position.kind === 'time') return (record) => isOlder(record, position.since)
  return tokenCoverage(position.token, parentOf)
}

/** Returns a predicate: whether the token covers the record. */
export function tokenCoverage(
  { shards }: StreamToken,
  parentOf: ParentOf,
): (record: PlacedRecord) => boolean {
  const positions = new Map(shards.map(({ shardId, at }) => [shardId, at]))
  // The ancestors of a shard in the token are finished, unless they have a position of their own.
  const finished = new Set<string>()
  for (const { shardId, parentId } of shards) {
    const parentInToken: ParentOf = (id) => parentOf(id) ?? (id === shardId ? parentId : undefined)
    for (const ancestor of ancestorsOf(shardId, parentInToken)) finished.add(ancestor)
  }
  return (record) => {
    const at = positions.get(record.shardId)
    if (at !== undefined) return isCovered(record, at)
    return finished.has(record.shardId) || isCovered(record, inherited(record.shardId, positions, parentOf))
  }
}

/** The parent of a shard, its parent, and so on. */
export function* ancestorsOf(shardId: string, parentOf: ParentOf): Generator<string, void, void> {
  const seen = new Set<string>()
  for (let id = parentOf(shardId); id !== undefined && !seen.has(id); id = parentOf(id)) {
    seen.add(id)
    yield id
  }
}

/** Descendants inherit a requested time. Any other shard that the token does not name is unread. */
function inherited(
  shardId: string,
  positions: ReadonlyMap<string, ShardPosition>,
  parentOf: ParentOf,
): ShardPosition {
  for (const ancestor of ancestorsOf(shardId, parentOf)) {
    const position = positions.get(ancestor)
    if (position === undefined) continue
    return typeof position === 'object' && 'since' in position ? position : 'start'
  }
  return 'start'
}

function isCovered(record: PlacedRecord, at: ShardPosition): boolean {
  if (at === 'start') return false
  if ('end' in at) return true
  if ('since' in at) return isOlder(record, at.since)
  return compareSequenceNumbers(record.sequenceNumber, at.after) <= 0
}

/** By the whole second: the service reports no finer time. */
function isOlder({ createdAt }: PlacedRecord, since: number): boolean {
  return createdAt !== undefined && createdAt < Math.floor(since / 1000) * 1000
}
