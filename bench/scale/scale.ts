import type { ReplayInput } from '../replay/sides.ts'
import { type Bench, show } from '../support/report.ts'
import { runRounds, type Summary } from '../support/rounds.ts'
import { serve } from '../support/served-stream.ts'

/** The same number of records, in more and more shards: what a shard costs by itself, and what the merge does. */
export const scale: Bench = async ({ quick }) => {
  const total = quick ? 32_768 : 131_072
  const side = 'ours: for await'
  const results: { shards: number; summary: Summary }[] = []
  for (const shards of quick ? [8, 512] : [8, 64, 512, 4096]) {
    const served = await serve({ shards, recordsPerShard: Math.ceil(total / shards) })
    try {
      const input: ReplayInput = { endpoint: served.endpoint, streamArn: served.stream.streamArn }
      const module = new URL('../replay/sides.ts', import.meta.url)
      const [summary] = await runRounds(module, [{ name: side, input }], quick ? 1 : 3)
      if (summary) results.push({ shards, summary })
    } finally {
      served.stop()
    }
  }
  const first = results[0]?.summary.cpuMicrosPerRecord.median ?? Number.NaN
  return {
    tables: [
      {
        title: `scale: ${total.toLocaleString('en')} records of 1 kB, replayed with ${side}`,
        columns: [
          'shards',
          'records a shard',
          'CPU µs a record',
          'records/s (wall)',
          'peak MiB',
          'throughput to 8 shards',
        ],
        rows: results.map(({ shards, summary }) => [
          shards.toLocaleString('en'),
          Math.ceil(total / shards).toLocaleString('en'),
          show(summary.cpuMicrosPerRecord),
          show(summary.recordsPerSecond),
          show(summary.peakMiB),
          `${show(first / summary.cpuMicrosPerRecord.median, 2)} ×`,
        ]),
      },
    ],
    data: results,
  }
}
