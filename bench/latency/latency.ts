import { once } from 'node:events'
import { type Bench, show } from '../support/report.ts'
import { runRounds, type Summary } from '../support/rounds.ts'
import { streamArn } from '../support/sample-records.ts'
import { startProcess } from '../support/served-stream.ts'
import type { LatencyInput } from './contenders.ts'

const callMs = 20

/** How soon a record is delivered, at the start and at the tip, and how many calls waiting for one costs. */
export const latency: Bench = async ({ quick }) => {
  const results: { shards: number; summary: Summary; bare: Summary }[] = []
  for (const shards of quick ? [1, 100] : [1, 10, 100, 1000]) {
    const [summary, bare] = await run(shards, quick)
    if (summary && bare) results.push({ shards, summary, bare })
  }
  return {
    tables: [
      {
        title: `latency: ${callMs} ms per call, one process`,
        columns: [
          'shards',
          'openStream, ms',
          '… and first record, ms',
          'the same calls by the SDK alone, ms',
          'write to delivery: p50, ms',
          'p99, ms',
          'GetRecords/s when idle',
          'CPU when idle, % of a core',
        ],
        rows: results.map(({ shards, summary, bare }) => [
          shards.toLocaleString('en'),
          ...[
            'openMs',
            'firstRecordMs',
            'bareMs',
            'p50Ms',
            'p99Ms',
            'idleReadsPerSecond',
            'idleCpuPercent',
          ].map((name) => show(summary.details[name] ?? bare.details[name] ?? Number.NaN)),
        ]),
      },
    ],
    data: results,
  }
}

/** Measures both contenders with a new server. */
async function run(shards: number, quick: boolean): Promise<Summary[]> {
  const server = startProcess('./tip-server.ts', [String(shards), String(callMs)])
  try {
    const [{ port }] = (await once(server, 'message')) as [{ port: number }]
    const input: LatencyInput = {
      endpoint: `http://127.0.0.1:${port}`,
      streamArn,
      puts: quick ? 40 : 300,
      warmUpMs: quick ? 1_000 : 20_000,
      idleMs: quick ? 1_000 : 10_000,
    }
    const module = new URL('./contenders.ts', import.meta.url)
    // The bare calls run first, while there are no records.
    const contenders = ['bare calls', 'tip'].map((name) => ({ name, input }))
    return (await runRounds(module, contenders, 1)).reverse()
  } finally {
    server.kill('SIGKILL')
  }
}
