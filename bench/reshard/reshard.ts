import { sleep } from '../../src/clock.ts'
import { Coordinator, type StreamsApi } from '../../src/index.ts'
import { ManualClock, StreamEmulator } from '../../src/testing/index.ts'
import type { Bench } from '../support/report.ts'

const callMs = 20

/** All shards of a stream close at the same moment, as when a table is scaled. On a manual clock, each call takes 20 ms. */
export const reshard: Bench = async ({ quick }) => {
  const results = []
  for (const shards of quick ? [100] : [100, 1_000, 10_000]) {
    for (const childShards of ['right', 'empty'] as const) results.push(await run(shards, childShards))
  }
  return {
    tables: [
      {
        title: `reshard: all shards split in two at once, ${callMs} ms a call`,
        columns: [
          'shards',
          'CHILD_SHARDS',
          'children read',
          'DescribeStream calls',
          'all children read after, s',
          'of which the listing alone, s',
        ],
        rows: results.map(({ shards, childShards, children, describes, seconds, listingSeconds }) => [
          shards.toLocaleString('en'),
          childShards === 'right' ? 'answered' : 'always empty',
          children.toLocaleString('en'),
          describes.toLocaleString('en'),
          seconds.toPrecision(3),
          listingSeconds.toPrecision(3),
        ]),
      },
    ],
    data: results,
  }
}

async function run(shards: number, childShards: 'right' | 'empty') {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock, shards, behaviour: { childShards } })
  const parents = emulator.openShards.map(({ shardId }) => shardId)
  for (const shard of parents) emulator.put({ id: emulator.keyIn(shard) })

  const { api, calls } = slow(emulator.api, clock)
  await using coordinator = new Coordinator({
    client: api,
    streamArn: emulator.streamArn,
    clock,
    random: () => 0.5,
  })
  await clock.run(coordinator.moveTo('trim_horizon'))
  for (let read = 0; read < shards; ) if (await clock.run(coordinator.next())) read++

  const before = calls.listShards
  const start = clock.now()
  const expected = new Set<string>()
  for (const parent of parents) {
    for (const { shardId } of emulator.split(parent)) {
      emulator.put({ id: emulator.keyIn(shardId), of: shardId }) // a write that changes nothing gives no record
      expected.add(shardId)
    }
  }
  const children = expected.size
  while (expected.size > 0) {
    const record = await clock.run(coordinator.next())
    if (record) expected.delete(record.shardId)
  }
  return {
    shards,
    childShards,
    children,
    describes: calls.listShards - before,
    seconds: (clock.now() - start) / 1000,
    // Pages of 100 shards, parents and children, at the five calls a second that we allow ourselves.
    listingSeconds: Math.ceil((shards + children) / 100) / 5,
  }
}

function slow(api: StreamsApi, clock: ManualClock): { api: StreamsApi; calls: { listShards: number } } {
  const calls = { listShards: 0 }
  return {
    calls,
    api: {
      listShards: async (request, signal) => {
        calls.listShards++
        await sleep(clock, callMs, signal)
        return api.listShards(request, signal)
      },
      openIterator: async (request, signal) => {
        await sleep(clock, callMs, signal)
        return api.openIterator(request, signal)
      },
      readRecords: async (request, signal) => {
        await sleep(clock, callMs, signal)
        return api.readRecords(request, signal)
      },
    },
  }
}
