import type { AgingResult, MoveResult } from '../aging/aging.ts'
import { type FleetRates, speedUp } from '../fleet/fleet.ts'
import type { FailingResults } from '../processing/failing.ts'
import { costOf, type ProcessingResults, rateOf } from '../processing/processing.ts'
import type { SaturationResult } from '../saturation/saturation.ts'
import { show, type Table } from './report.ts'
import type { Summary } from './rounds.ts'

/** The measurements that targets refer to, of the benchmarks that have results. */
export interface Measured {
  readonly replay?: readonly { readonly recordSize: string; readonly summaries: readonly Summary[] }[]
  readonly scale?: { readonly results: readonly { readonly shards: number; readonly summary: Summary }[] }
  readonly latency?: readonly { readonly shards: number; readonly summary: Summary; readonly bare: Summary }[]
  readonly reshard?: readonly { readonly shards: number; readonly describes: number }[]
  readonly memory?: { readonly slow: Summary }
  readonly saturation?: readonly SaturationResult[]
  readonly processing?: ProcessingResults
  readonly failing?: FailingResults
  readonly fleet?: readonly FleetRates[]
  readonly aging?: { readonly weeks: readonly AgingResult[]; readonly moves: readonly MoveResult[] }
}

/** A figure that must not get worse. A figure without a bound is shown for comparison. */
interface Target {
  readonly what: string
  readonly bound?: { readonly atLeast: number } | { readonly atMost: number }
  readonly unit: string
  /** NaN if it was not measured. */
  readonly value: number
  readonly digits?: number
}

/** The targets. Ratios compare the CPU time in one run unless the name says otherwise. */
function targetsOf(measured: Measured): Target[] {
  const { replay, scale, latency, reshard, memory, saturation, aging, processing, failing } = measured
  const cpuOf = (contender: string, recordSize = '1kB') =>
    replay
      ?.find((load) => load.recordSize === recordSize)
      ?.summaries.find((summary) => summary.contender === contender)?.cpuSeconds.median ?? Number.NaN
  const costAt = (count: number) =>
    scale?.results.find(({ shards }) => shards === count)?.summary.cpuMicrosPerRecord.median ?? Number.NaN
  const idle = latency?.find(({ shards }) => shards === 1_000)
  const describes = reshard?.filter(({ shards }) => shards === 1_000).map((result) => result.describes)
  // Over HTTP, the rate of delivery depends on the machine.
  const fixedTimes = processing?.busy.find(({ handlerMs: [from, to] }) => from === to)?.summaries
  const tokenOf = (name: string) =>
    failing?.tokens.find((token) => token.name === name)?.summary.details.packedBytes?.median ?? Number.NaN
  const simulated = saturation?.filter(({ rotationMs }) => rotationMs !== undefined)
  return [
    {
      what: '`openStream`, images not read: speed-up over the SDK loop',
      bound: { atLeast: 6 },
      unit: '×',
      value: cpuOf('SDK loop') / cpuOf('openStream'),
    },
    {
      what: '`openStream`, images not read: speed-up over fetch + JSON.parse',
      bound: { atLeast: 1.2 },
      unit: '×',
      value: cpuOf('fetch + JSON.parse') / cpuOf('openStream'),
    },
    {
      what: '`openStream`, records of 100 B: speed-up over the SDK loop',
      bound: { atLeast: 3 },
      unit: '×',
      value: cpuOf('SDK loop', '100B') / cpuOf('openStream', '100B'),
    },
    {
      what: '`openStream`, every `newImage` read: speed-up over the SDK loop with `unmarshall`',
      bound: { atLeast: 4 },
      unit: '×',
      value: cpuOf('SDK loop, unmarshall') / cpuOf('openStream, newImage read'),
    },
    {
      what: '`openStream`, every `newImage` read: speed-up over fetch + JSON.parse',
      bound: { atLeast: 0.9 },
      unit: '×',
      value: cpuOf('fetch + JSON.parse') / cpuOf('openStream, newImage read'),
      digits: 2,
    },
    {
      what: 'throughput with 512 shards, relative to 8 shards',
      bound: { atLeast: 0.8 },
      unit: '×',
      value: costAt(8) / costAt(512),
      digits: 2,
    },
    {
      what: '1,000 idle shards, 20 ms per call: `openStream` and first record',
      unit: 's',
      value: (idle?.summary.details.firstRecordMs?.median ?? Number.NaN) / 1_000,
    },
    {
      what: '… the same calls by the SDK alone',
      unit: 's',
      value: (idle?.bare.details.bareMs?.median ?? Number.NaN) / 1_000,
    },
    {
      what: '1,000 shards that split at once: DescribeStream calls',
      bound: { atMost: 35 },
      unit: '',
      value: most(describes),
    },
    {
      // Live memory stays within 36 MiB. The rest are responses that the garbage collector has not freed yet.
      // The fewer objects are created per record, the less often it runs.
      what: '400 shards, 320 MB of backlog, a buffer of 32 MiB: growth of resident memory',
      bound: { atMost: 160 },
      unit: 'MiB',
      value: memory?.slow.grownMiB.median ?? Number.NaN,
    },
    {
      what: '300 saturated shards: delivery rate with polls every 5–20 ms, relative to 200–1,000 ms',
      bound: { atLeast: 0.5 },
      unit: '×',
      value: slowestDelivery(saturation, 300),
      digits: 2,
    },
    {
      what: '1,000 saturated shards: delivery rate with polls every 5–20 ms, relative to 200–1,000 ms',
      bound: { atLeast: 0.5 },
      unit: '×',
      value: slowestDelivery(saturation, 1_000),
      digits: 2,
    },
    {
      what: 'saturated shards: lowest delivery rate, relative to the write rate',
      bound: { atLeast: 0.5 },
      unit: '×',
      value: least(
        simulated?.flatMap(({ fast, slow, writtenPerSecond }) =>
          [fast, slow].map(({ perSecond }) => perSecond / writtenPerSecond),
        ),
      ),
      digits: 2,
    },
    {
      what: 'saturated shards: median delay, relative to one rotation over all shards',
      bound: { atMost: 2 },
      unit: '×',
      value: most(simulated?.map(({ fast, rotationMs = Number.NaN }) => fast.p50Ms / rotationMs)),
      digits: 2,
    },
    {
      what: '1,000 rolling shards: heap after four weeks, relative to two days',
      bound: { atMost: 1.1 },
      unit: '×',
      value: most(aging?.weeks.map(({ heapGrowth }) => heapGrowth)),
      digits: 2,
    },
    {
      what: '1,000 rolling shards: shards in memory after four weeks, relative to two days',
      bound: { atMost: 1.05 },
      unit: '×',
      value: most(aging?.weeks.map(({ shardGrowth }) => shardGrowth)),
      digits: 2,
    },
    {
      what: '1,000 rolling shards: CPU time per shard after four weeks, relative to two days',
      bound: { atMost: 1.25 },
      unit: '×',
      value: most(aging?.weeks.map(({ costGrowth }) => costGrowth)),
      digits: 2,
    },
    {
      what: '`moveTo` with 8,000 shards whose parents are trimmed: CPU time',
      bound: { atMost: 0.3 },
      unit: 's',
      value: most(aging?.moves.filter(({ shards }) => shards === 8_000).map(({ cpuMs }) => cpuMs / 1_000)),
    },
    {
      // Linear growth would be 4 ×, quadratic 16 ×. A factor of two in the number of shards would be too
      // small: a single garbage collection would dominate.
      what: '`moveTo` with 8,000 shards whose parents are trimmed: CPU time, relative to 2,000 shards',
      bound: { atMost: 8 },
      unit: '×',
      value: growthOfMoves(aging?.moves, 2_000, 8_000),
      digits: 2,
    },
    {
      what: '`moveTo` with up to 8,000 shards whose parents are trimmed: longest event-loop block',
      bound: { atMost: 50 },
      unit: 'ms',
      value: most(aging?.moves.map(({ blockMs }) => blockMs)),
    },
    {
      what: "`processStream`, `order: 'key'`, an empty handler: CPU time per record, more than `openStream`",
      bound: { atMost: 3 },
      unit: 'µs',
      value:
        costOf("processStream, order: 'key'", processing?.empty) - costOf('openStream', processing?.empty),
    },
    {
      what: "`processStream`, `order: 'key'`, 16 handlers of 5 ms: rate, relative to loops without a stream",
      bound: { atLeast: 0.9 },
      unit: '×',
      value: rateOf("processStream, order: 'key'", fixedTimes) / rateOf('loops without a stream', fixedTimes),
      digits: 2,
    },
    ...['SQS (fauxqs)', 'NATS JetStream'].map((engine) => ({
      what: `a relay to ${engine}: rate of four workers with a handler of 5 ms, relative to one`,
      bound: { atLeast: 3.2 },
      unit: '×',
      value: speedUp(measured.fleet, engine, 4),
      digits: 2,
    })),
    {
      what: '10,000 records queued and 16 running: token in DynamoDB',
      bound: { atMost: 2 },
      unit: 'kB',
      value: tokenOf('10,000 queued, 16 running') / 1_000,
    },
    {
      what: '1,000 failing keys: token in DynamoDB',
      bound: { atMost: 60 },
      unit: 'kB',
      value: tokenOf('1,000 failing keys') / 1_000,
    },
  ]
}

/** A table of the targets and the measured figures. */
export function targetTable(measured: Measured): Table {
  const rows = targetsOf(measured).map((target) => [target.what, boundText(target), measuredText(target)])
  return { title: 'Targets', columns: ['', 'target', 'measured'], rows }
}

/** The targets that were measured and missed, one line each. */
export function missedTargets(measured: Measured): string[] {
  return targetsOf(measured)
    .filter(isMissed)
    .map((target) => `${target.what}: ${boundText(target)}, measured ${measuredText(target)}`)
}

function isMissed({ bound, value }: Target): boolean {
  if (bound === undefined || Number.isNaN(value)) return false
  return 'atLeast' in bound ? value < bound.atLeast : value > bound.atMost
}

function boundText({ bound, unit }: Target): string {
  if (bound === undefined) return ''
  const text = 'atLeast' in bound ? `at least ${bound.atLeast}` : `at most ${bound.atMost}`
  return `${text} ${unit}`.trim()
}

function measuredText(target: Target): string {
  const text = `${show(target.value, target.digits)} ${target.unit}`.trim()
  return isMissed(target) ? `${text} (missed)` : text
}

function most(values: readonly number[] | undefined): number {
  return values === undefined || values.length === 0 ? Number.NaN : Math.max(...values)
}

function least(values: readonly number[] | undefined): number {
  return values === undefined || values.length === 0 ? Number.NaN : Math.min(...values)
}

/**
 * The CPU time of `moveTo` with `many` shards, relative to that with `few`: the maximum over the positions.
 */
function growthOfMoves(moves: readonly MoveResult[] | undefined, few: number, many: number): number {
  const cpuOf = (position: string, count: number) =>
    moves?.find((move) => move.position === position && move.shards === count)?.cpuMs ?? Number.NaN
  const positions = new Set(moves?.map(({ position }) => position))
  return most([...positions].map((position) => cpuOf(position, many) / cpuOf(position, few)))
}

/** The lowest delivery rate with short pauses, relative to that with long ones. */
function slowestDelivery(results: readonly SaturationResult[] | undefined, count: number): number {
  return least(
    results
      ?.filter(({ shards }) => shards === count)
      .map(({ fast, slow }) => fast.perSecond / slow.perSecond),
  )
}
