import { StreamEmulator } from '../../testing/emulator/stream-emulator.ts'
import { shortShardId } from '../short-ids.ts'
import { type DemoTable, type Disturbance, ordersTable } from './demo-table.ts'

/** Children of a shard are listed late, as AWS does now and then. */
const CHILD_LISTED_AFTER_MS = 600

/** The embedded emulator, served over HTTP: the worker is another process. */
export async function emulatedTable(): Promise<DemoTable> {
  const emulator = new StreamEmulator({
    seed: process.pid,
    tableName: ordersTable,
    keySchema: { hash: 'orderId' },
    shards: 2,
    // AWS's own limits.
    behavior: { describesPerSecond: 10 },
  })
  const server = await emulator.listen()
  return {
    place: 'the embedded emulator',
    endpoint: server.url,
    tableName: ordersTable,
    tellsSeconds: true,
    async write(changes) {
      for (const { orderId, item } of changes) {
        if (item) emulator.put(item)
        else emulator.remove({ orderId })
      }
    },
    disturb: (what) => disturb(emulator, what),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

function disturb(emulator: StreamEmulator, what: Disturbance): string {
  const hidden = { hidden: { ms: CHILD_LISTED_AFTER_MS } }
  switch (what) {
    case 'split': {
      const children = emulator.split(undefined, 2, hidden)
      const names = children.map(({ shardId }) => shortShardId(shardId)).join(' and ')
      return `shard ${shortShardId(children[0]?.parentId ?? '')} was split into ${names}, listed ${CHILD_LISTED_AFTER_MS} ms late`
    }
    case 'roll': {
      const child = emulator.roll(undefined, hidden)
      return `shard ${shortShardId(child.parentId ?? '')} rolled over to ${shortShardId(child.shardId)}, listed ${CHILD_LISTED_AFTER_MS} ms late`
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
