import { StreamEmulator } from '../../testing/emulator/stream-emulator.ts'
import { shortShardId } from '../format-shards.ts'
import { type DemoTable, type Disturbance, ordersTable } from './demo-table.ts'

/** AWS sometimes lists the children of a shard with a delay. */
const CHILD_LISTED_AFTER_MS = 600

/** A table on the embedded emulator, served over HTTP because the worker is another process. */
export async function emulatedTable(): Promise<DemoTable> {
  const emulator = new StreamEmulator({
    seed: process.pid,
    tableName: ordersTable,
    keySchema: { hash: 'orderId' },
    shards: 2,
    // The limit of AWS.
    behavior: { describesPerSecond: 10 },
  })
  const server = await emulator.listen()
  return {
    place: 'the embedded emulator',
    endpoint: server.url,
    tableName: ordersTable,
    async write(changes) {
      for (const { orderId, item } of changes) {
        if (item) emulator.put(item)
        else emulator.remove({ orderId })
      }
    },
    disturb: (disturbance) => disturb(emulator, disturbance),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

function disturb(emulator: StreamEmulator, disturbance: Disturbance): string {
  const hidden = { hidden: { ms: CHILD_LISTED_AFTER_MS } }
  const delay = `listed ${CHILD_LISTED_AFTER_MS} ms late`
  switch (disturbance) {
    case 'split': {
      const children = emulator.split(undefined, 2, hidden)
      const names = children.map(({ shardId }) => shortShardId(shardId)).join(' and ')
      return `shard ${shortShardId(children[0]?.parentId ?? '')} was split into ${names}; they are ${delay}`
    }
    case 'roll': {
      const { parentId = '', shardId } = emulator.roll(undefined, hidden)
      return `shard ${shortShardId(parentId)} rolled over to ${shortShardId(shardId)}; it is ${delay}`
    }
    case 'roll-all': {
      const { openShards } = emulator
      for (const shard of [...openShards]) emulator.roll(shard)
      return `all ${openShards.length} open shards rolled over at once`
    }
    case 'expire-iterators':
      emulator.expireIterators()
      return 'all shard iterators expired'
  }
}
