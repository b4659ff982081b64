const TIMED_SHARD_ID = /^shardId-(\d{20})-[0-9a-f]+$/i

/** DynamoDB was launched in 2012; no shard is older. */
const EARLIEST = Date.UTC(2012, 0, 1)
const LATEST = Date.UTC(2100, 0, 1)

/**
 * When a shard was made, in ms since 1970, as its id tells: `shardId-<20 digits: ms>-<hex>`.
 *
 * AWS does not document that form, so this may only save work (skip a shard, tell hidden from trimmed), never decide
 * whether a record is given out. `undefined` for an id of any other form, or with a time before 2012 or after 2099.
 */
export function shardCreatedAt(shardId: string): number | undefined {
  const digits = TIMED_SHARD_ID.exec(shardId)?.[1]
  if (digits === undefined) return undefined
  const createdAt = Number(digits)
  return createdAt >= EARLIEST && createdAt < LATEST ? createdAt : undefined
}
