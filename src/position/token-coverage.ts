import type { ParsedPosition } from './position.ts'
import { compareSequenceNumbers, withoutLeadingZeros } from './sequence-number.ts'
import type { ShardPosition, ShardToken, StreamToken } from './token.ts'

/** The fields of a record that determine whether a position covers it. */
export interface PlacedRecord {
  readonly shardId: string
  readonly sequenceNumber: string
  /** In ms since 1970. A record without it counts as new enough for every requested time. */
  readonly createdAt?: number | undefined
  /**
   * The hash of the item's key, which a token contains for unsettled keys. A record without it counts as not
   * covered if such an entry of its shard may apply to it.
   */
  readonly keyHash?: string | undefined
}

/** Returns the parent of a shard, if it has one. */
export type ParentOf = (shardId: string) => string | undefined

/** Returns a predicate that is true for records that a reader starting at `position` skips. */
export function positionCoverage(
  position: Exclude<ParsedPosition, { kind: 'latest' }>,
  parentOf: ParentOf,
): (record: PlacedRecord) => boolean {
  if (position.kind === 'trim_horizon') return () => false
  if (position.kind === 'time') return (record) => isOlder(record, position.since)
  return tokenCoverage(position.token, parentOf)
}

/** Returns a predicate that is true for records that a reader starting at the token skips. */
export function tokenCoverage(
  { shards }: StreamToken,
  parentOf: ParentOf,
): (record: PlacedRecord) => boolean {
  const positions = new Map(shards.map(({ shardId, at }) => [shardId, at]))
  // The ancestors of a shard in the token are finished, unless the token has a position for them too.
  const finished = new Set<string>()
  for (const { shardId, parentId } of shards) {
    const parentInToken: ParentOf = (id) => parentOf(id) ?? (id === shardId ? parentId : undefined)
    for (const ancestor of ancestorsOf(shardId, parentInToken)) finished.add(ancestor)
  }
  const settled = new Map(shards.map((shard) => [shard.shardId, settlementCoverage(shard)]))
  return (record) => {
    const at = positions.get(record.shardId)
    if (at !== undefined) return isCovered(record, at) || settled.get(record.shardId)?.(record) === true
    return finished.has(record.shardId) || isCovered(record, inherited(record.shardId, positions, parentOf))
  }
}

/** Yields the parent of a shard, then that shard's parent, and so on. */
export function* ancestorsOf(shardId: string, parentOf: ParentOf): Generator<string, void, void> {
  const seen = new Set<string>()
  for (let id = parentOf(shardId); id !== undefined && !seen.has(id); id = parentOf(id)) {
    seen.add(id)
    yield id
  }
}

/** Descendants of a shard inherit its `since`. Any other shard that is not in the token is unread. */
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

/** Returns a predicate for records after the position of their shard; undefined if none is covered. */
function settlementCoverage({
  through,
  unsettled = [],
}: ShardToken): ((record: PlacedRecord) => boolean) | undefined {
  if (through === undefined) return undefined
  const records = new Set<string>()
  const keys = new Map<string, string>()
  for (const { from, key } of unsettled) {
    if (key === undefined) records.add(withoutLeadingZeros(from))
    else keys.set(key, from)
  }
  return (record) => {
    const { sequenceNumber } = record
    if (compareSequenceNumbers(sequenceNumber, through) > 0) return false
    if (records.has(withoutLeadingZeros(sequenceNumber))) return false
    if (keys.size === 0) return true
    const { keyHash } = record
    const isFrom = (from: string | undefined) =>
      from !== undefined && compareSequenceNumbers(from, sequenceNumber) <= 0
    return keyHash === undefined ? ![...keys.values()].some(isFrom) : !isFrom(keys.get(keyHash))
  }
}

function isCovered(record: PlacedRecord, at: ShardPosition): boolean {
  if (at === 'start') return false
  if ('end' in at) return true
  if ('since' in at) return isOlder(record, at.since)
  return compareSequenceNumbers(record.sequenceNumber, at.after) <= 0
}

/** Compares whole seconds, because the service truncates creation times to the second. */
function isOlder({ createdAt }: PlacedRecord, since: number): boolean {
  return createdAt !== undefined && createdAt < Math.floor(since / 1000) * 1000
}
