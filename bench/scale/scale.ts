import type { ReplayInput } from '../replay/contenders.ts'
import { type Bench, show } from '../support/report.ts'
import { runRounds, type Summary } from '../support/rounds.ts'
import { serve } from '../support/served-stream.ts'

const contender = 'openStream'

/**
 * A backlog spread over an increasing number of shards: the cost of a shard, and of the merge. A shard has at
 * least a page of records, except in the last row, where calls cost more than records.
 */
export const scale: Bench = async ({ quick }) => {
  const loads: [shards: number, recordsPerShard: number, rounds: number][] = quick
    ? [
        [8, 4_000, 1],
        [512, 200, 1],
      ]
    : [
        [8, 64_000, 3],
        [64, 8_000, 3],
        [512, 4_000, 3],
        [4096, 200, 1],
      ]
  const results: { shards: number; recordsPerShard: number; summary: Summary }[] = []
  for (const [shards, recordsPerShard, rounds] of loads) {
    const served = await serve({ shards, recordsPerShard })
    try {
      const input: ReplayInput = {
        endpoint: served.endpoint,
        streamArn: served.stream.streamArn,
        total: shards * recordsPerShard,
      }
      const module = new URL('../replay/contenders.ts', import.meta.url)
      const [summary] = await runRounds(module, [{ name: contender, input }], rounds)
      if (summary) results.push({ shards, recordsPerShard, summary })
    } finally {
      served.stop()
    }
  }
  const idle = await runRounds(
    new URL('./contenders.ts', import.meta.url),
    (quick ? [1_000] : [1_000, 10_000, 100_000]).map((shards) => ({ name: `${shards}`, input: { shards } })),
    1,
  )
  const first = results[0]?.summary.cpuMicrosPerRecord.median ?? Number.NaN
  return {
    tables: [
      {
        title: `scale: records of 1 kB, read with ${contender}`,
        columns: [
          'shards',
          'records per shard',
          'CPU µs per record',
          'records/s (wall)',
          'peak MiB',
          'throughput relative to 8 shards',
        ],
        rows: results.map(({ shards, recordsPerShard, summary }) => [
          shards.toLocaleString('en'),
          recordsPerShard.toLocaleString('en'),
          show(summary.cpuMicrosPerRecord),
          show(summary.recordsPerSecond),
          show(summary.peakMiB),
          `${show(first / summary.cpuMicrosPerRecord.median, 2)} ×`,
        ]),
      },
      {
        title: 'scale: moveTo with idle shards, in accelerated time',
        columns: [
          'shards',
          'listing at 5 calls/s, s',
          'CPU, s',
          'heap, MiB',
          'heap per shard, kB',
          'token, kB',
        ],
        rows: idle.map(({ records: shards, cpuSeconds, details }) => [
          shards.toLocaleString('en'),
          show(details.listingSeconds?.median ?? Number.NaN),
          show(cpuSeconds),
          show(details.heapMiB?.median ?? Number.NaN),
          show(((details.heapMiB?.median ?? Number.NaN) * 1024) / shards, 2),
          show((details.tokenBytes?.median ?? Number.NaN) / 1000),
        ]),
      },
    ],
    data: { results, idle },
  }
}
