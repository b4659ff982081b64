import { once } from 'node:events'
import { type Bench, show } from '../support/report.ts'
import { runRounds } from '../support/rounds.ts'
import { streamArn } from '../support/sample-records.ts'
import { startProcess } from '../support/served-stream.ts'
import type { ServedInput, SimulatedInput } from './contenders.ts'

const module = new URL('./contenders.ts', import.meta.url)
const fast = { min: 5, max: 20 }
const slow = { min: 200, max: 1_000 }

/** The delivery rate and delays with one setting of `idlePollMs`. */
interface Delivery {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface SaturationResult {
  readonly setting: string
  readonly shards: number
  readonly writtenPerSecond: number
  /** How long it takes to call each shard once, in ms; undefined if that depends on the machine. */
  readonly rotationMs: number | undefined
  readonly fast: Delivery
  readonly slow: Delivery
}

/**
 * More shards than can be polled in time. With short pauses between polls, the delivery rate must not drop:
 * reads that the merge waits for must have priority over routine polls.
 */
export const saturation: Bench = async ({ quick }) => {
  const results: SaturationResult[] = []
  const loads: [shards: number, recordsPerSecond: number, callMs: number][] = [
    [300, 0.2, 1],
    [300, 1, 1],
    [300, 3, 1],
    [1_000, 0.1, 2],
    [1_000, 0.5, 2],
  ]
  // Opening a shard takes seven calls: one for its iterator, and six that return an empty page.
  const windowOf = (shards: number, callMs: number) => {
    const skipSeconds = Math.ceil((1.5 * 7 * shards * callMs) / 1_000) + 2
    // Long enough to call each shard three times.
    const windowSeconds = Math.ceil((3 * shards * callMs) / 1_000)
    return { skipSeconds, windowSeconds, windows: Math.min(15, Math.ceil(60 / windowSeconds)) }
  }
  for (const [shards, recordsPerSecond, callMs] of quick ? loads.slice(0, 1) : loads) {
    const measure = (idlePollMs: typeof fast) =>
      deliver('simulated', { ...windowOf(shards, callMs), shards, recordsPerSecond, callMs, idlePollMs })
    const writtenPerSecond = shards * recordsPerSecond
    const setting = `${callMs} ms of CPU per call, simulated`
    results.push({
      setting,
      shards,
      writtenPerSecond,
      rotationMs: shards * callMs,
      fast: await measure(fast),
      slow: await measure(slow),
    })
  }
  const served: [shards: number, cpuShare: number, writeEveryMs: number][] = [
    [300, 1, 16],
    [1_000, 0.25, 10],
  ]
  for (const [shards, cpuShare, writeEveryMs] of quick ? [] : served) {
    const measure = (idlePollMs: typeof fast) =>
      overHttp(shards, { ...windowOf(shards, 1 / cpuShare), streamArn, cpuShare, writeEveryMs, idlePollMs })
    const writtenPerSecond = Math.round(1_000 / writeEveryMs)
    const setting = cpuShare < 1 ? `SDK over HTTP, ${cpuShare} CPU` : 'SDK over HTTP'
    results.push({
      setting,
      shards,
      writtenPerSecond,
      rotationMs: undefined,
      fast: await measure(fast),
      slow: await measure(slow),
    })
  }
  return {
    tables: [
      {
        title: 'saturation: delivery rate in the median window, and delay, by idlePollMs',
        columns: [
          '',
          'shards',
          'written/s',
          '5–20 ms: delivered/s',
          'p50, ms',
          'p99, ms',
          '200–1,000 ms: delivered/s',
          'p50, ms',
          'p99, ms',
        ],
        rows: results.map((result) => [
          result.setting,
          result.shards.toLocaleString('en'),
          show(result.writtenPerSecond),
          ...cellsOf(result.fast),
          ...cellsOf(result.slow),
        ]),
      },
    ],
    data: results,
  }
}

function cellsOf({ perSecond, p50Ms, p99Ms }: Delivery): string[] {
  return [show(perSecond), show(p50Ms), show(p99Ms)]
}

async function deliver(contender: string, input: SimulatedInput | ServedInput): Promise<Delivery> {
  const [summary] = await runRounds(module, [{ name: contender, input }], 1)
  const of = (name: string) => summary?.details[name]?.median ?? Number.NaN
  return { perSecond: of('perSecond'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms') }
}

/** Runs with a new server, because the server keeps the records that were written. */
async function overHttp(shards: number, input: Omit<ServedInput, 'endpoint'>): Promise<Delivery> {
  const server = startProcess('./tip-server.ts', [String(shards), '1'])
  try {
    const [{ port }] = (await once(server, 'message')) as [{ port: number }]
    return await deliver('served', { ...input, endpoint: `http://127.0.0.1:${port}` })
  } finally {
    server.kill('SIGKILL')
  }
}
