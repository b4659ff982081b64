import { isStreamError, StreamError } from '../core/errors.ts'
import { convertBloopToken, isBloopToken } from './bloop-token.ts'
import { findCycle } from './cycles.ts'
import { parseSerializedToken } from './serialized-token.ts'
import type { ShardPosition, ShardToken, ShardTokenState, StreamToken } from './token.ts'
import { asSequenceNumber, asShardId, asStreamArn } from './token-fields.ts'
import { asObject, elementsOf, invalidField, ownField } from './validate.ts'

/** More shards than one stream is known to have: about 40 MB as text. */
export const MAX_TOKEN_SHARDS = 250_000

/** The last time that a `Date` can hold. */
export const MAX_TIME_MS = 8.64e15

/**
 * Checks a token that comes from outside, field by field, and gives a fresh one that holds the known fields only.
 *
 * Understands tokens of version 1 and those of bloop's Coordinator, as object or as JSON text, of up to
 * `MAX_TOKEN_SHARDS` shards and `MAX_SERIALIZED_LENGTH` characters. Unknown fields are passed over, an
 * unknown version is refused: a newer release may mean something else by the fields that are known here.
 *
 * @param source what the input is called in the error, such as a file; told in front of the message.
 * @throws StreamError `token.invalid`; `details.field` is the path of the field, as in `shards[3].at.after`.
 */
export function parseToken(input: unknown, source?: string): StreamToken {
  try {
    const value = typeof input === 'string' ? parseSerializedToken(input) : input
    const token = asObject(value, '', 'a token: an object, or its JSON text')
    return isBloopToken(token) ? convertBloopToken(token, MAX_TOKEN_SHARDS) : readToken(token)
  } catch (error) {
    // Whatever else is thrown comes out of the input, by a proxy that cannot even be asked what it is.
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
  for (const [element, path] of elementsOf(ownField(token, 'shards', 'shards'), 'shards', MAX_TOKEN_SHARDS)) {
    const shard = readShard(element, path)
    if (parentOf.has(shard.shardId)) {
      throw invalidField(`${path}.shardId`, 'a shard that is not listed before', shard.shardId)
    }
    parentOf.set(shard.shardId, shard.parentId)
    shards.push(shard)
  }
  refuseCycle(shards, parentOf)
  return { version: 1, streamArn, shards }
}

function readVersion(version: unknown): void {
  if (version !== 1)
    throw invalidField('version', '1, the only version that this release understands', version)
}

function readShard(value: unknown, path: string): ShardToken {
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
  }
}

function readState(value: unknown, at: ShardPosition, path: string): ShardTokenState | undefined {
  if (value === undefined) return undefined
  const isBesideSince = typeof at === 'object' && 'since' in at
  if (isBesideSince && (value === 'skipped' || value === 'pending')) return value
  throw invalidField(path, '"skipped" or "pending", beside a since', value)
}

function readPosition(value: unknown, path: string): ShardPosition {
  if (value === 'start') return 'start'
  const expected = '"start", or an object with exactly one of after, since, end'
  const position = asObject(value, path, expected)
  const after = ownField(position, 'after', `${path}.after`)
  const since = ownField(position, 'since', `${path}.since`)
  const end = ownField(position, 'end', `${path}.end`)
  // Two at once would leave it open where to read from.
  if ([after, since, end].filter((part) => part !== undefined).length !== 1) {
    throw invalidField(path, expected, value)
  }
  if (after !== undefined) return { after: asSequenceNumber(after, `${path}.after`) }
  if (since !== undefined) return { since: readTime(since, `${path}.since`) }
  return { end: end === null ? null : asSequenceNumber(end, `${path}.end`) }
}

function readTime(value: unknown, path: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TIME_MS) {
    return value + 0 // -0 becomes 0, as it would by way of JSON
  }
  throw invalidField(path, `a time in ms since 1970 (an integer from 0 to ${MAX_TIME_MS})`, value)
}

function refuseCycle(shards: readonly ShardToken[], parentOf: ReadonlyMap<string, string | undefined>): void {
  const culprit = findCycle(parentOf)
  if (culprit === undefined) return
  const index = shards.findIndex(({ shardId }) => shardId === culprit)
  throw invalidField(
    `shards[${index}].parentId`,
    'a shard that does not descend from this one',
    parentOf.get(culprit),
  )
}
