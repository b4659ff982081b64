import { findCycle } from './cycles.ts'
import type { ShardPosition, ShardToken, StreamToken } from './token.ts'
import { asSequenceNumber, asShardId, asStreamArn } from './token-fields.ts'
import { asObject, elementsOf, invalidField, ownField } from './validate.ts'

/**
 * Tokens of bloop, the Python library (`bloop.stream.coordinator.Coordinator.token`):
 * `{ stream_arn, active: [ids], shards: [{ shard_id, parent?, iterator_type?, sequence_number? }] }`.
 *
 * `shards` holds whole trees, `active` the shards that were being read. Above those all was read, below them nothing.
 * Version 1 says the same by leaving both out: what is above a listed shard counts as read, any other shard as unread.
 */

interface BloopShard {
  readonly shardId: string
  readonly parentId: string | undefined
  /** Undefined when bloop had not opened the shard. */
  readonly at: ShardPosition | undefined
}

/** Whether the object looks like a token of bloop. One that has both spellings is taken as ours. */
export function isBloopToken(token: object): boolean {
  return (
    ownField(token, 'stream_arn', 'stream_arn') !== undefined &&
    ownField(token, 'version', 'version') === undefined &&
    ownField(token, 'streamArn', 'streamArn') === undefined
  )
}

/** A token of bloop as one of version 1, which never starts later than bloop would have. */
export function convertBloopToken(token: object, maxShards: number): StreamToken {
  const streamArn = asStreamArn(ownField(token, 'stream_arn', 'stream_arn'), 'stream_arn')
  const shards = readShards(ownField(token, 'shards', 'shards'), maxShards)
  const active = readActive(ownField(token, 'active', 'active'), shards, maxShards)
  const settled = shardsSettledBy(active, shards)
  const frontier: ShardToken[] = []
  for (const shard of shards.values()) {
    if (active.has(shard.shardId)) frontier.push(toShardToken(shard, shard.at ?? 'start'))
    // Neither active nor of the family of one that is: bloop lost track of it, for it closed before its children were
    // listed. Going on where it stood gives nothing twice, and finds its children. Without a place it counts as unread.
    else if (!settled.has(shard.shardId) && shard.at !== undefined)
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
      throw invalidField(`${path}.shard_id`, 'a shard that is not listed before', shard.shardId)
    }
    shards.set(shard.shardId, shard)
    paths.set(shard.shardId, path)
  }
  const culprit = findCycle(new Map([...shards].map(([id, { parentId }]) => [id, parentId])))
  if (culprit !== undefined) {
    const parentId = shards.get(culprit)?.parentId
    throw invalidField(
      `${paths.get(culprit)}.parent`,
      'a shard that does not descend from this one',
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
    // bloop had seen no record yet and did not note when it came: a write since then would be lost by going on at
    // the present tip. The shard is read from its start instead, at the price of records from before.
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
 * The position whose next record is the one of this sequence number: after the number before it, whether there is such a
 * record or not. DynamoDB Local takes any number inside the shard's range, in the width of its own ones; a number before
 * the range (this one was the shard's first) it refuses, so whoever opens the shard starts at its first record then.
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
    if (!shards.has(shardId)) throw invalidField(path, 'the id of a shard that shards lists', shardId)
    active.add(shardId)
  }
  return active
}

/** The shards of which the active ones tell all: their ancestors, which were read, and their descendants, which were not. */
function shardsSettledBy(
  active: ReadonlySet<string>,
  shards: ReadonlyMap<string, BloopShard>,
): ReadonlySet<string> {
  const settled = new Set<string>()
  for (const shardId of active) {
    let ancestor = shards.get(shardId)?.parentId
    while (ancestor !== undefined && !settled.has(ancestor)) {
      settled.add(ancestor)
      ancestor = shards.get(ancestor)?.parentId
    }
  }
  const below = new Map<string, boolean>()
  for (const { shardId } of shards.values()) {
    const path: string[] = []
    let id: string | undefined = shardId
    while (id !== undefined && !below.has(id) && !active.has(id)) {
      path.push(id)
      id = shards.get(id)?.parentId
    }
    const isBelow = id !== undefined && (active.has(id) || below.get(id) === true)
    for (const passed of path) below.set(passed, isBelow)
  }
  for (const [shardId, isBelow] of below) if (isBelow) settled.add(shardId)
  return settled
}
