import { barChart } from '../support/chart.ts'
import { type Bench, show } from '../support/report.ts'
import { runRounds, type Summary } from '../support/rounds.ts'
import type { RecordSize } from '../support/sample-records.ts'
import { serve } from '../support/served-stream.ts'
import type { ReplayInput } from './contenders.ts'
import { isInstalled, packageOf } from './other-packages.ts'

const thisPackage: readonly string[] = [
  'openStream',
  'openStream, newImage read',
  'openStream, batches()',
  'Coordinator.next()',
]
const others = ['SDK loop', 'SDK loop, unmarshall', 'fetch + JSON.parse']
const installed = Object.keys(packageOf).filter((name) => isInstalled(packageOf[name] ?? ''))

interface Load {
  readonly recordSize: RecordSize
  readonly recordsPerShard: number
  readonly rounds: number
  readonly contenderNames: readonly string[]
}

/** Reads a backlog from start to end at full speed: the total cost of a record. */
export const replay: Bench = async ({ quick }) => {
  const all = [...thisPackage, ...others, ...installed]
  const some = ['openStream', 'openStream, newImage read', ...others]
  const loads: Load[] = quick
    ? [{ recordSize: '1kB', recordsPerShard: 2_000, rounds: 1, contenderNames: all }]
    : [
        { recordSize: '1kB', recordsPerShard: 20_000, rounds: 5, contenderNames: all },
        { recordSize: '100B', recordsPerShard: 60_000, rounds: 3, contenderNames: some },
        { recordSize: '20kB', recordsPerShard: 400, rounds: 3, contenderNames: some },
      ]
  const reports = []
  for (const { recordSize, recordsPerShard, rounds, contenderNames } of loads) {
    const served = await serve({ recordSize, recordsPerShard, shards: 8 })
    try {
      const input: ReplayInput = {
        endpoint: served.endpoint,
        streamArn: served.stream.streamArn,
        total: 8 * recordsPerShard,
      }
      const contenders = contenderNames.map((name) => ({ name, input }))
      const summaries = await runRounds(new URL('./contenders.ts', import.meta.url), contenders, rounds)
      reports.push({ recordSize, records: 8 * recordsPerShard, rounds, summaries })
    } finally {
      served.stop()
    }
  }
  return {
    tables: reports.map(({ recordSize, records, rounds, summaries }) => ({
      title: `replay: ${records.toLocaleString('en')} records of ${recordSize}, 8 shards, ${rounds} rounds`,
      columns: ['', 'CPU µs per record', 'records/s (wall)', 'peak MiB', 'speed-up over the SDK loop (CPU)'],
      rows: summaries.map((summary) => [
        summary.contender,
        show(summary.cpuMicrosPerRecord),
        show(summary.recordsPerSecond),
        show(summary.peakMiB),
        `${show(cpuOf('SDK loop', summaries) / summary.cpuSeconds.median, 2)} ×`,
      ]),
    })),
    data: reports,
    chart: chartOf(reports[0]?.summaries ?? []),
  }
}

function chartOf(summaries: readonly Summary[]): string {
  const bars = summaries.map(({ contender, cpuMicrosPerRecord }) => ({
    label: contender,
    value: 1e6 / cpuMicrosPerRecord.median,
    isThisPackage: thisPackage.includes(contender),
  }))
  return barChart(
    'Replaying a backlog',
    'records of 1 kB per second of CPU time, 8 shards; more is better',
    bars,
  )
}

function cpuOf(contender: string, summaries: readonly Summary[]): number {
  return summaries.find((summary) => summary.contender === contender)?.cpuSeconds.median ?? Number.NaN
}
