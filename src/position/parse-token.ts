import { isStreamError, StreamError } from '../core/errors.ts'
import { convertBloopToken, isBloopToken } from './bloop-token.ts'
import { findCycle } from './cycles.ts'
import { parseSerializedToken } from './serialized-token.ts'
import type { ShardPosition, ShardToken, ShardTokenState, StreamToken } from './token.ts'
import { asSequenceNumber, asShardId, asStreamArn, asTime } from './token-fields.ts'
import { type EntryBudget, MAX_UNSETTLED_ENTRIES, readSettlement } from './unsettled.ts'
import { asObject, elementsOf, invalidField, ownField } from './validate.ts'

/** The maximum number of shards in a token (about 40 MB of JSON): more than any known stream has. */
export const MAX_TOKEN_SHARDS = 250_000

/**
 * Checks an untrusted token field by field, and returns a new object with only the known fields.
 *
 * Accepts tokens of version 1 and tokens of bloop's Coordinator, as an object or a JSON string, with up to
 * 250,000 shards, 1,000,000 entries for unsettled records, and 64 Mi characters. Unknown fields are ignored.
 * An unknown version is refused, because the known fields may have another meaning in it.
 *
 * @param input - the token: an object, or its JSON string.
 * @param source - where the token is from, such as a file name. The error message starts with it.
 * @throws StreamError `token.invalid`, with the path of the invalid field in `details.field`, such as
 * `shards[3].at.after`.
 */
export function parseToken(input: unknown, source?: string): StreamToken {
  try {
    const value = typeof input === 'string' ? parseSerializedToken(input) : input
    const token = asObject(value, '', 'a token (an object or a JSON string)')
    return isBloopToken(token) ? convertBloopToken(token, MAX_TOKEN_SHARDS) : readToken(token)
  } catch (error) {
    // Any other error was thrown by the input itself, such as a proxy on which every operation throws.
    const invalid = isStreamError(error, 'token.invalid')
      ? error
      : invalidField('', 'a value that can be read', undefined, error)
    if (source === undefined) throw invalid
    throw new StreamError('token.invalid', `${source}: ${invalid.message}`, invalid.details, invalid.cause)
  }
}

function readToken(token: object): StreamToken {
  readVersion(ownField(token, 'version', 'version'))
  const streamArn = asStreamArn(ownField(token, 'streamArn', 'streamArn'), 'streamArn')
  const shards: ShardToken[] = []
  const parentOf = new Map<string, string | undefined>()
  const budget = { left: MAX_UNSETTLED_ENTRIES }
  for (const [element, path] of elementsOf(ownField(token, 'shards', 'shards'), 'shards', MAX_TOKEN_SHARDS)) {
    const shard = readShard(element, path, budget)
    if (parentOf.has(shard.shardId)) {
      throw invalidField(`${path}.shardId`, 'a shard that is listed only once', shard.shardId)
    }
    parentOf.set(shard.shardId, shard.parentId)
    shards.push(shard)
  }
  checkForCycle(shards, parentOf)
  return { version: 1, streamArn, shards }
}

function readVersion(version: unknown): void {
  if (version !== 1) throw invalidField('version', '1, the only version that this release supports', version)
}

function readShard(value: unknown, path: string, budget: EntryBudget): ShardToken {
  const shard = asObject(value, path, 'an object { shardId, parentId?, at }')
  const shardId = asShardId(ownField(shard, 'shardId', `${path}.shardId`), `${path}.shardId`)
  const parentId = ownField(shard, 'parentId', `${path}.parentId`)
  const at = readPosition(ownField(shard, 'at', `${path}.at`), `${path}.at`)
  const state = readState(ownField(shard, 'state', `${path}.state`), at, `${path}.state`)
  return {
    shardId,
    ...(parentId !== undefined && { parentId: asShardId(parentId, `${path}.parentId`) }),
    at,
    ...(state !== undefined && { state }),
    ...readSettlement(shard, at, state, path, budget),
  }
}

function readState(value: unknown, at: ShardPosition, path: string): ShardTokenState | undefined {
  if (value === undefined) return undefined
  const hasSince = typeof at === 'object' && 'since' in at
  if (hasSince && (value === 'skipped' || value === 'pending')) return value
  throw invalidField(path, '"skipped" or "pending", together with at.since', value)
}

function readPosition(value: unknown, path: string): ShardPosition {
  if (value === 'start') return 'start'
  const expected = '"start", or an object with exactly one of after, since, end'
  const position = asObject(value, path, expected)
  const after = ownField(position, 'after', `${path}.after`)
  const since = ownField(position, 'since', `${path}.since`)
  const end = ownField(position, 'end', `${path}.end`)
  // With two of them, the position would be ambiguous.
  if ([after, since, end].filter((field) => field !== undefined).length !== 1) {
    throw invalidField(path, expected, value)
  }
  if (after !== undefined) return { after: asSequenceNumber(after, `${path}.after`) }
  if (since !== undefined) return { since: asTime(since, `${path}.since`) }
  return { end: end === null ? null : asSequenceNumber(end, `${path}.end`) }
}

function checkForCycle(
  shards: readonly ShardToken[],
  parentOf: ReadonlyMap<string, string | undefined>,
): void {
  const shardInCycle = findCycle(parentOf)
  if (shardInCycle === undefined) return
  const index = shards.findIndex(({ shardId }) => shardId === shardInCycle)
  throw invalidField(
    `shards[${index}].parentId`,
    'a shard that is not a descendant of this one',
    parentOf.get(shardInCycle),
  )
}
