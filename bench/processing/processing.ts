import { type Bench, show, type Table } from '../support/report.ts'
import { runRounds, type Summary } from '../support/rounds.ts'
import { serve } from '../support/served-stream.ts'
import { LANES, type ProcessingInput } from './contenders.ts'

const module = new URL('./contenders.ts', import.meta.url)

const emptyHandlers = [
  'openStream',
  'openStream, newImage read',
  "processStream, order: 'key'",
  "processStream, order: 'shard'",
  "processStream, order: 'none'",
  'processStream, batches of 500',
  'processStream, filters on eventName',
  'processStream, filters on newImage',
  'p-limit over openStream',
  'Powertools, batches',
]
const busyHandlers = [
  'loops without a stream',
  "processStream, order: 'key'",
  "processStream, order: 'none'",
  'p-limit over openStream',
  'Powertools, batches',
]

/** How long the handlers take, in ms. */
const handlerTimes = [
  [5, 5],
  [1, 9],
] as const

export interface ProcessingResults {
  /** Handlers that return at once. */
  readonly empty: readonly Summary[]
  /** Handlers that wait, by their times. */
  readonly busy: readonly {
    readonly handlerMs: readonly [number, number]
    readonly summaries: readonly Summary[]
  }[]
}

/** What `processStream` adds to the cost of a record, and whether it keeps its lanes busy. */
export const processing: Bench = async ({ quick }) => {
  // The cost of a record is a small difference between two figures that vary by a tenth.
  const emptyRounds = quick ? 1 : 9
  const busyRounds = quick ? 1 : 5
  const run = async (
    rounds: number,
    names: readonly string[],
    recordsPerShard: number,
    handlerMs?: ProcessingInput['handlerMs'],
  ) => {
    const served = await serve({ recordsPerShard, shards: 8 })
    const { endpoint, stream } = served
    const total = 8 * recordsPerShard
    const input: ProcessingInput = { endpoint, streamArn: stream.streamArn, total, handlerMs }
    const contenders = names.map((name) => ({ name, input }))
    try {
      return await runRounds(module, contenders, rounds)
    } finally {
      served.stop()
    }
  }
  const empty = await run(emptyRounds, emptyHandlers, quick ? 2_000 : 20_000)
  const busy = []
  for (const handlerMs of handlerTimes) {
    busy.push({ handlerMs, summaries: await run(busyRounds, busyHandlers, quick ? 500 : 2_000, handlerMs) })
  }
  const data: ProcessingResults = { empty, busy }
  return { tables: [costTable(empty, emptyRounds), ...busy.map(rateTable)], data }
}

function costTable(summaries: readonly Summary[], rounds: number): Table {
  const plain = costOf('openStream', summaries)
  return {
    title: `processing: ${(summaries[0]?.records ?? 0).toLocaleString('en')} records of 1 kB, handlers that return at once, ${rounds} rounds`,
    columns: ['', 'CPU µs per record', 'more than openStream', 'records/s (wall)', 'peak MiB'],
    rows: summaries.map(({ contender, cpuMicrosPerRecord, recordsPerSecond, peakMiB }) => [
      contender,
      show(cpuMicrosPerRecord),
      show(cpuMicrosPerRecord.median - plain),
      show(recordsPerSecond),
      show(peakMiB),
    ]),
  }
}

function rateTable({ handlerMs: [from, to], summaries }: ProcessingResults['busy'][number]): Table {
  const ideal = rateOf('loops without a stream', summaries)
  const time = from === to ? `${from} ms` : `${from} to ${to} ms`
  return {
    title: `processing: ${LANES} concurrent handlers of ${time}`,
    columns: ['', 'records/s', 'relative to loops without a stream', 'CPU µs per record'],
    rows: summaries.map(({ contender, details, cpuMicrosPerRecord }) => [
      contender,
      show(details.perSecond ?? Number.NaN),
      `${show(rateOf(contender, summaries) / ideal, 2)} ×`,
      show(cpuMicrosPerRecord),
    ]),
  }
}

export function costOf(contender: string, summaries: readonly Summary[] | undefined): number {
  return find(contender, summaries)?.cpuMicrosPerRecord.median ?? Number.NaN
}

export function rateOf(contender: string, summaries: readonly Summary[] | undefined): number {
  return find(contender, summaries)?.details.perSecond?.median ?? Number.NaN
}

function find(contender: string, summaries: readonly Summary[] | undefined): Summary | undefined {
  return summaries?.find((summary) => summary.contender === contender)
}
