import { type Bench, show } from '../support/report.ts'
import { runRounds, type Summary } from '../support/rounds.ts'
import type { RecordSize } from '../support/sample-records.ts'
import { serve } from '../support/served-stream.ts'
import type { ReplayInput } from './sides.ts'

const sideNames = [
  'ours: for await',
  'ours: for await, newImage touched',
  'ours: batches',
  'ours: Coordinator.next',
  'SDK loop',
  'SDK loop, unmarshall',
  'fetch + JSON.parse',
] as const

/** Reads a backlog from its start to its end: the whole of the work for a record, at full speed. */
export const replay: Bench = async ({ quick }) => {
  const sizes: [RecordSize, number][] = quick
    ? [['1kB', 2_000]]
    : [
        ['1kB', 10_000],
        ['100B', 20_000],
        ['20kB', 600],
      ]
  const reports = []
  for (const [recordSize, recordsPerShard] of sizes) {
    const served = await serve({ recordSize, recordsPerShard, shards: 8 })
    try {
      const input: ReplayInput = { endpoint: served.endpoint, streamArn: served.stream.streamArn }
      const sides = sideNames.map((name) => ({ name, input }))
      const rounds = quick ? 1 : recordSize === '1kB' ? 5 : 3
      const summaries = await runRounds(new URL('./sides.ts', import.meta.url), sides, rounds)
      reports.push({ recordSize, records: 8 * recordsPerShard, rounds, summaries })
    } finally {
      served.stop()
    }
  }
  return {
    tables: reports.map(({ recordSize, records, rounds, summaries }) => ({
      title: `replay: ${records.toLocaleString('en')} records of ${recordSize}, 8 shards, ${rounds} rounds`,
      columns: ['', 'CPU µs a record', 'records/s (wall)', 'peak MiB', 'CPU to the SDK loop'],
      rows: summaries.map((summary) => [
        summary.side,
        show(summary.cpuMicrosPerRecord),
        show(summary.recordsPerSecond),
        show(summary.peakMiB),
        `${show(cpuOf('SDK loop', summaries) / summary.cpuSeconds.median, 2)} ×`,
      ]),
    })),
    data: reports,
  }
}

function cpuOf(side: string, summaries: readonly Summary[]): number {
  return summaries.find((summary) => summary.side === side)?.cpuSeconds.median ?? Number.NaN
}
