import { sleep } from '../../src/core/clock.ts'
import { Coordinator, type StreamsApi } from '../../src/index.ts'
import { ManualClock, StreamEmulator } from '../../src/testing/index.ts'
import type { Bench } from '../support/report.ts'

const callMs = 20

/**
 * All shards of a stream split at once, as when a table is scaled. Runs on a manual clock, on which each call
 * takes 20 ms.
 */
export const reshard: Bench = async ({ quick }) => {
  const results = []
  for (const shards of quick ? [100] : [100, 1_000, 10_000]) {
    results.push(await run(shards, 'supported'))
    // The manual clock steps through every call, so this case would take minutes with 10,000 shards.
    if (shards <= 1_000) results.push(await run(shards, 'empty'))
  }
  return {
    tables: [
      {
        title: `reshard: all shards split in two at once, ${callMs} ms per call`,
        columns: [
          'shards',
          'CHILD_SHARDS',
          'children',
          'DescribeStream calls',
          'all children are read after, s',
          'listing alone, s',
        ],
        rows: results.map(({ shards, childShards, children, describes, seconds, listingSeconds }) => [
          shards.toLocaleString('en'),
          childShards === 'supported' ? 'supported' : 'always empty',
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

async function run(shards: number, childShards: 'supported' | 'empty') {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock, shards, behavior: { childShards } })
  const { api, calls, opened } = watched(emulator.api, clock)
  await using coordinator = new Coordinator({
    client: api,
    streamArn: emulator.streamArn,
    clock,
    random: () => 0.5,
  })
  await clock.run(coordinator.moveTo('trim_horizon'))
  await clock.run(coordinator.next()) // undefined: every shard has been polled and is at its tip

  const before = calls.listShards
  const start = clock.now()
  const children = [...emulator.openShards].flatMap(({ shardId }) => emulator.split(shardId)).length
  while (opened.size < shards + children) await clock.run(coordinator.next())
  return {
    shards,
    childShards,
    children,
    describes: calls.listShards - before,
    seconds: (clock.now() - start) / 1000,
    // Pages of 100 shards, parents and children, at the library's limit of five calls per second.
    listingSeconds: Math.ceil((shards + children) / 100) / 5,
  }
}

/**
 * Wraps the emulator's API: each call takes `callMs`, listings are counted, and opened shards are recorded.
 */
function watched(api: StreamsApi, clock: ManualClock) {
  const calls = { listShards: 0 }
  const opened = new Set<string>()
  const watchedApi: StreamsApi = {
    listShards: async (request, signal) => {
      calls.listShards++
      await sleep(clock, callMs, signal)
      return api.listShards(request, signal)
    },
    openIterator: async (request, signal) => {
      await sleep(clock, callMs, signal)
      opened.add(request.shardId)
      return api.openIterator(request, signal)
    },
    readRecords: async (request, signal) => {
      await sleep(clock, callMs, signal)
      return api.readRecords(request, signal)
    },
  }
  return { api: watchedApi, calls, opened }
}
