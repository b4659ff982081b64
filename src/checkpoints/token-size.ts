/** Tokens whose JSON is longer than this, in characters, are saved only by time. */
const LARGE_TOKEN_LENGTH = 8_192

/**
 * The minimum length of the JSON of a shard or of an unsettled record, in characters. Both contain an ID or a
 * sequence number, field names and brackets.
 */
const MIN_ENTRY_LENGTH = 28

/** The parts of a token that its size depends on. */
interface SizedToken {
  readonly shards: readonly { readonly shardId: string; readonly unsettled?: readonly unknown[] }[]
}

/**
 * Returns whether the JSON of a token is longer than 8,192 characters. Only a token that has so few entries
 * that it may be shorter is serialized, because the store serializes it too.
 */
export function isLargeToken(token: SizedToken): boolean {
  const entries = token.shards.reduce((count, { unsettled }) => count + 1 + (unsettled?.length ?? 0), 0)
  if (entries * MIN_ENTRY_LENGTH > LARGE_TOKEN_LENGTH) return true
  return JSON.stringify(token).length > LARGE_TOKEN_LENGTH
}
