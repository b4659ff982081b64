import { findCycle } from './cycles.ts'
import type { ShardPosition, ShardToken, StreamToken } from './token.ts'
import { asSequenceNumber, asShardId, asStreamArn } from './token-fields.ts'
import { asObject, elementsOf, invalidField, ownField } from './validate.ts'

/**
 * Converts tokens of bloop, a Python library (`bloop.stream.coordinator.Coordinator.token`):
 * `{ stream_arn, active: [ids], shards: [{ shard_id, parent?, iterator_type?, sequence_number? }] }`.
 *
 * In a bloop token, `shards` lists whole trees, and `active` the shards that were being read: their ancestors
 * have been read, their descendants have not. A token of version 1 omits both, because it implies the same:
 * an ancestor of a listed shard counts as read, and any other shard as unread.
 */

interface BloopShard {
  readonly shardId: string
  readonly parentId: string | undefined
  /** Undefined when bloop had not opened the shard. */
  readonly at: ShardPosition | undefined
}

/** Returns whether the object is a bloop token. An object in both formats is treated as version 1. */
export function isBloopToken(token: object): boolean {
  return (
    ownField(token, 'stream_arn', 'stream_arn') !== undefined &&
    ownField(token, 'version', 'version') === undefined &&
    ownField(token, 'streamArn', 'streamArn') === undefined
  )
}

/** Converts a bloop token to version 1. The result never starts later than bloop would have. */
export function convertBloopToken(token: object, maxShards: number): StreamToken {
  const streamArn = asStreamArn(ownField(token, 'stream_arn', 'stream_arn'), 'stream_arn')
  const shards = readShards(ownField(token, 'shards', 'shards'), maxShards)
  const active = readActive(ownField(token, 'active', 'active'), shards, maxShards)
  const related = relatives(active, shards)
  const frontier: ShardToken[] = []
  for (const shard of shards.values()) {
    if (active.has(shard.shardId)) frontier.push(toShardToken(shard, shard.at ?? 'start'))
    // Not related to an active shard: bloop lost track of it, because it closed before its children were
    // listed. Resuming from its position repeats no records and discovers its children. Without a position it
    // counts as unread.
    else if (!related.has(shard.shardId) && shard.at !== undefined)
      frontier.push(toShardToken(shard, shard.at))
  }
  return { version: 1, streamArn, shards: frontier }
}

function toShardToken({ shardId, parentId }: BloopShard, at: ShardPosition): ShardToken {
  return parentId === undefined ? { shardId, at } : { shardId, parentId, at }
}

function readShards(value: unknown, maxShards: number): ReadonlyMap<string, BloopShard> {
  const shards = new Map<string, BloopShard>()
  const paths = new Map<string, string>()
  for (const [element, path] of elementsOf(value, 'shards', maxShards)) {
    const shard = readShard(element, path)
    if (shards.has(shard.shardId)) {
      throw invalidField(`${path}.shard_id`, 'a shard that is listed only once', shard.shardId)
    }
    shards.set(shard.shardId, shard)
    paths.set(shard.shardId, path)
  }
  const shardInCycle = findCycle(new Map([...shards].map(([id, { parentId }]) => [id, parentId])))
  if (shardInCycle !== undefined) {
    const parentId = shards.get(shardInCycle)?.parentId
    throw invalidField(
      `${paths.get(shardInCycle)}.parent`,
      'a shard that is not a descendant of this one',
      parentId,
    )
  }
  return shards
}

function readShard(value: unknown, path: string): BloopShard {
  const shard = asObject(value, path, 'an object { shard_id, parent?, iterator_type?, sequence_number? }')
  const shardId = asShardId(ownField(shard, 'shard_id', `${path}.shard_id`), `${path}.shard_id`)
  const parent = ownField(shard, 'parent', `${path}.parent`) ?? undefined
  const parentId = parent === undefined ? undefined : asShardId(parent, `${path}.parent`)
  return { shardId, parentId, at: readPosition(shard, path) }
}

function readPosition(shard: object, path: string): ShardPosition | undefined {
  const type = ownField(shard, 'iterator_type', `${path}.iterator_type`) ?? undefined
  const sequenceNumber = () => {
    const field = `${path}.sequence_number`
    return asSequenceNumber(ownField(shard, 'sequence_number', field), field)
  }
  switch (type) {
    case undefined:
      return undefined
    case 'trim_horizon':
      return 'start'
    // bloop had read no record yet, and does not save when it started. Resuming at the current tip would lose
    // the writes since then, so the shard is read from its start, which also returns records from before.
    case 'latest':
      return 'start'
    case 'at_sequence':
    case 'at_record':
      return before(sequenceNumber())
    case 'after_sequence':
    case 'after_record':
      return { after: sequenceNumber() }
    default:
      throw invalidField(
        `${path}.iterator_type`,
        'one of at_sequence, after_sequence, trim_horizon, latest',
        type,
      )
  }
}

/**
 * Returns the position whose next record is the one with this sequence number: after the preceding number,
 * whether or not a record with that number exists. DynamoDB Local accepts any number within the shard's
 * range, padded to the width of its own numbers. It refuses a number before the range (if this one was the
 * shard's first); the shard is then opened at its first record.
 */
function before(sequenceNumber: string): ShardPosition {
  const number = BigInt(sequenceNumber)
  if (number <= 1n) return 'start'
  return { after: (number - 1n).toString().padStart(sequenceNumber.length, '0') }
}

function readActive(
  value: unknown,
  shards: ReadonlyMap<string, BloopShard>,
  maxShards: number,
): ReadonlySet<string> {
  const active = new Set<string>()
  for (const [element, path] of elementsOf(value, 'active', maxShards)) {
    const shardId = asShardId(element, path)
    if (!shards.has(shardId)) throw invalidField(path, 'the id of a shard in shards', shardId)
    active.add(shardId)
  }
  return active
}

/** Returns the ancestors of the active shards, which were read, and their descendants, which were not. */
function relatives(
  active: ReadonlySet<string>,
  shards: ReadonlyMap<string, BloopShard>,
): ReadonlySet<string> {
  const related = new Set<string>()
  for (const shardId of active) {
    let ancestor = shards.get(shardId)?.parentId
    while (ancestor !== undefined && !related.has(ancestor)) {
      related.add(ancestor)
      ancestor = shards.get(ancestor)?.parentId
    }
  }
  const isDescendant = new Map<string, boolean>()
  for (const { shardId } of shards.values()) {
    const path: string[] = []
    let id: string | undefined = shardId
    while (id !== undefined && !isDescendant.has(id) && !active.has(id)) {
      path.push(id)
      id = shards.get(id)?.parentId
    }
    const isBelow = id !== undefined && (active.has(id) || isDescendant.get(id) === true)
    for (const visited of path) isDescendant.set(visited, isBelow)
  }
  for (const [shardId, isBelow] of isDescendant) if (isBelow) related.add(shardId)
  return related
}
