const TIMED_SHARD_ID = /^shardId-(\d{20})-[0-9a-f]+$/i

/** DynamoDB was launched in 2012, so no shard is older. */
const EARLIEST = Date.UTC(2012, 0, 1)
const LATEST = Date.UTC(2100, 0, 1)

/**
 * Returns when a shard was created, in ms since 1970, according to its id: `shardId-<20 digits: ms>-<hex>`.
 * Returns undefined for an id in any other format, and for a time before 2012 or after 2099.
 *
 * AWS does not document this format. It may therefore only be used to save work (to skip a shard, or to
 * distinguish a hidden shard from a trimmed one), never to decide whether a record is delivered.
 */
export function shardCreatedAt(shardId: string): number | undefined {
  const digits = TIMED_SHARD_ID.exec(shardId)?.[1]
  if (digits === undefined) return undefined
  const createdAt = Number(digits)
  return createdAt >= EARLIEST && createdAt < LATEST ? createdAt : undefined
}
