import type { ShardDescription } from '../../streams-api/streams-api.ts'
import type { ShardsOptions } from '../arguments.ts'
import type { Connection } from '../connect.ts'
import { countText } from '../count-text.ts'
import { drawLineage } from '../lineage-text.ts'
import { type Listing, listShards } from '../list-shards.ts'
import type { Paint } from '../paint.ts'
import { shardTime, shortShardIds } from '../short-ids.ts'
import { writeText } from '../standard-output.ts'
import type { Terminal } from '../terminal.ts'

/** Draws the shards of a stream. */
export async function shards(
  { json }: ShardsOptions,
  connection: Connection,
  terminal: Terminal,
  interrupt: AbortSignal,
): Promise<void> {
  const signal = AbortSignal.any([interrupt, connection.noAnswer])
  const streamArn = await connection.streamArn(signal)
  const listing = await listShards(connection.streams, streamArn, signal, connection.blame)
  const lines = json ? listing.shards.map(shardJson) : describe(streamArn, listing, terminal.paint)
  await writeText(terminal.stdout, lines.map((line) => `${line}\n`).join(''))
}

/** All that DescribeStream tells of a shard; members that it leaves out are left out. */
function shardJson(shard: ShardDescription): string {
  return JSON.stringify({ ...shard, closed: shard.endingSequenceNumber !== undefined })
}

function describe(streamArn: string, { status, shards }: Listing, paint: Paint): string[] {
  const names = shortShardIds(shards.map(({ shardId }) => shardId))
  const open = shards.filter(({ endingSequenceNumber }) => endingSequenceNumber === undefined)
  const drawn = drawLineage(
    shards.map(({ shardId, parentShardId, endingSequenceNumber }) => {
      const name = names.get(shardId) ?? shardId
      const isOpen = endingSequenceNumber === undefined
      const since = shardTime(shardId)
      const label = isOpen ? paint('green', `${name} open${since ? ` since ${since}` : ''}`) : name
      return { shardId, parentId: parentShardId, label }
    }),
  )
  return [
    `${paint('bold', streamArn)}`,
    `${status ?? 'status unknown'}, ${countText(shards.length, 'shard')}, ${open.length} open`,
    ...drawn,
  ]
}
