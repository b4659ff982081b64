import { show, type Table } from './report.ts'
import type { Summary } from './rounds.ts'

/** What the benches whose results are there have measured, as far as targets are about it. */
export interface Measured {
  readonly replay?: readonly { readonly recordSize: string; readonly summaries: readonly Summary[] }[]
  readonly scale?: { readonly results: readonly { readonly shards: number; readonly summary: Summary }[] }
  readonly latency?: readonly { readonly shards: number; readonly summary: Summary; readonly bare: Summary }[]
  readonly reshard?: readonly { readonly shards: number; readonly describes: number }[]
  readonly memory?: { readonly slow: Summary }
}

/** The figures that must not get worse, and what they are. Ratios are of CPU time in one run. */
export function targetTable({ replay, scale, latency, reshard, memory }: Measured): Table {
  const ratio = (recordSize: string, of: string, to: string) => {
    const summaries = replay?.find((load) => load.recordSize === recordSize)?.summaries
    const cpuOf = (side: string) =>
      summaries?.find((summary) => summary.side === side)?.cpuSeconds.median ?? Number.NaN
    return `${show(cpuOf(of) / cpuOf(to))} ×`
  }
  const costAt = (count: number) =>
    scale?.results.find(({ shards }) => shards === count)?.summary.cpuMicrosPerRecord.median ?? Number.NaN
  const idle = latency?.find(({ shards }) => shards === 1_000)
  const describes = reshard?.filter(({ shards }) => shards === 1_000).map((result) => result.describes) ?? []
  const rows: [what: string, target: string, measured: string][] = [
    [
      '`for await`, images untouched, to the SDK loop',
      'at least 6 ×',
      ratio('1kB', 'SDK loop', 'ours: for await'),
    ],
    [
      '… to fetch + JSON.parse of the same bytes',
      'at least 1.2 ×',
      ratio('1kB', 'fetch + JSON.parse', 'ours: for await'),
    ],
    ['… records of 100 B, to the SDK loop', 'at least 3 ×', ratio('100B', 'SDK loop', 'ours: for await')],
    [
      'every `newImage` touched, to the SDK loop with `unmarshall`',
      'at least 4 ×',
      ratio('1kB', 'SDK loop, unmarshall', 'ours: for await, newImage touched'),
    ],
    [
      '… to fetch + JSON.parse',
      'at least 0.9 ×',
      ratio('1kB', 'fetch + JSON.parse', 'ours: for await, newImage touched'),
    ],
    ['throughput at 512 shards to 8 shards', 'at least 0.8 ×', `${show(costAt(8) / costAt(512), 2)} ×`],
    [
      '1,000 idle shards at 20 ms a call: `openStream` and first record',
      'under 3 s',
      `${show((idle?.summary.details.firstRecordMs?.median ?? Number.NaN) / 1_000)} s`,
    ],
    [
      '… the same calls by the SDK alone, with nothing around them',
      '',
      `${show((idle?.bare.details.bareMs?.median ?? Number.NaN) / 1_000)} s`,
    ],
    [
      '1,000 shards that split together: DescribeStream calls',
      'at most 35',
      describes.length > 0 ? String(Math.max(...describes)) : '–',
    ],
    [
      '400 shards, 320 MB of backlog, a bound of 32 MiB: growth of resident memory',
      'at most 128 MiB',
      `${show(memory?.slow.grownMiB.median ?? Number.NaN)} MiB`,
    ],
  ]
  return { title: 'Targets', columns: ['', 'target', 'measured'], rows }
}
