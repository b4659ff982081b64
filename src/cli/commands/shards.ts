import type { ShardDescription } from '../../streams-api/streams-api.ts'
import type { ShardsOptions } from '../arguments.ts'
import { drawShardTree, formatShardTime, shortShardIds } from '../format-shards.ts'
import { listShards, type ShardListing } from '../list-shards.ts'
import { writeText } from '../standard-output.ts'
import type { StyleText } from '../terminal.ts'
import { pluralize } from '../text.ts'
import type { CommandContext } from './context.ts'

/** Draws the shards of a stream, or prints them as JSON. */
export async function shards({ json }: ShardsOptions, context: CommandContext): Promise<void> {
  const { connection, terminal, notices, interrupt } = context
  const { firstResponse, streamsClient } = connection
  const signal = AbortSignal.any([interrupt, firstResponse.signal])
  const streamArn = await connection.streamArn(signal, notices.retry)
  const listing = await listShards(streamsClient, streamArn, signal, notices.retry)
  const lines = json ? listing.shards.map(toJson) : describe(streamArn, listing, terminal.style)
  await writeText(terminal.stdout, lines.map((line) => `${line}\n`).join(''))
}

/** A shard as DescribeStream returns it, and whether it is closed. Members without a value are omitted. */
function toJson(shard: ShardDescription): string {
  return JSON.stringify({ ...shard, closed: shard.endingSequenceNumber !== undefined })
}

function describe(streamArn: string, { status, shards }: ShardListing, style: StyleText): string[] {
  const names = shortShardIds(shards.map(({ shardId }) => shardId))
  const open = shards.filter(({ endingSequenceNumber }) => endingSequenceNumber === undefined)
  const tree = drawShardTree(
    shards.map(({ shardId, parentShardId, endingSequenceNumber }) => {
      const name = names.get(shardId) ?? shardId
      const isOpen = endingSequenceNumber === undefined
      const since = formatShardTime(shardId)
      const label = isOpen ? style('green', `${name} open${since ? ` since ${since}` : ''}`) : name
      return { shardId, parentId: parentShardId, label }
    }),
  )
  return [
    style('bold', streamArn),
    `${status ?? 'status unknown'}, ${pluralize(shards.length, 'shard')}, ${open.length} open`,
    ...tree,
  ]
}
