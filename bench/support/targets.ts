import type { AgingResult, MoveResult } from '../aging/aging.ts'
import type { SaturationResult } from '../saturation/saturation.ts'
import { show, type Table } from './report.ts'
import type { Summary } from './rounds.ts'

/** What the benches whose results are there have measured, as far as targets are about it. */
export interface Measured {
  readonly replay?: readonly { readonly recordSize: string; readonly summaries: readonly Summary[] }[]
  readonly scale?: { readonly results: readonly { readonly shards: number; readonly summary: Summary }[] }
  readonly latency?: readonly { readonly shards: number; readonly summary: Summary; readonly bare: Summary }[]
  readonly reshard?: readonly { readonly shards: number; readonly describes: number }[]
  readonly memory?: { readonly slow: Summary }
  readonly saturation?: readonly SaturationResult[]
  readonly aging?: { readonly weeks: readonly AgingResult[]; readonly moves: readonly MoveResult[] }
}

/** A figure that must not get worse. One without a bound is shown for comparison. */
interface Target {
  readonly what: string
  readonly bound?: { readonly atLeast: number } | { readonly atMost: number }
  readonly unit: string
  /** NaN if it was not measured. */
  readonly value: number
  readonly digits?: number
}

/** Ratios are of CPU time in one run, unless they say otherwise. */
function targetsOf({ replay, scale, latency, reshard, memory, saturation, aging }: Measured): Target[] {
  const cpuOf = (side: string, recordSize = '1kB') =>
    replay?.find((load) => load.recordSize === recordSize)?.summaries.find((summary) => summary.side === side)
      ?.cpuSeconds.median ?? Number.NaN
  const costAt = (count: number) =>
    scale?.results.find(({ shards }) => shards === count)?.summary.cpuMicrosPerRecord.median ?? Number.NaN
  const idle = latency?.find(({ shards }) => shards === 1_000)
  const describes = reshard?.filter(({ shards }) => shards === 1_000).map((result) => result.describes)
  // Over HTTP, what can be delivered depends on the machine.
  const simulated = saturation?.filter(({ rotationMs }) => rotationMs !== undefined)
  return [
    {
      what: '`for await`, images untouched, to the SDK loop',
      bound: { atLeast: 6 },
      unit: '×',
      value: cpuOf('SDK loop') / cpuOf('ours: for await'),
    },
    {
      what: '`for await`, images untouched, to fetch + JSON.parse of the same bytes',
      bound: { atLeast: 1.2 },
      unit: '×',
      value: cpuOf('fetch + JSON.parse') / cpuOf('ours: for await'),
    },
    {
      what: '`for await`, records of 100 B, to the SDK loop',
      bound: { atLeast: 3 },
      unit: '×',
      value: cpuOf('SDK loop', '100B') / cpuOf('ours: for await', '100B'),
    },
    {
      what: '`for await`, every `newImage` touched, to the SDK loop with `unmarshall`',
      bound: { atLeast: 4 },
      unit: '×',
      value: cpuOf('SDK loop, unmarshall') / cpuOf('ours: for await, newImage touched'),
    },
    {
      what: '`for await`, every `newImage` touched, to fetch + JSON.parse',
      bound: { atLeast: 0.9 },
      unit: '×',
      value: cpuOf('fetch + JSON.parse') / cpuOf('ours: for await, newImage touched'),
      digits: 2,
    },
    {
      what: 'throughput at 512 shards to 8 shards',
      bound: { atLeast: 0.8 },
      unit: '×',
      value: costAt(8) / costAt(512),
      digits: 2,
    },
    {
      what: '1,000 idle shards at 20 ms a call: `openStream` and first record',
      unit: 's',
      value: (idle?.summary.details.firstRecordMs?.median ?? Number.NaN) / 1_000,
    },
    {
      what: '… the same calls by the SDK alone, with nothing around them',
      unit: 's',
      value: (idle?.bare.details.bareMs?.median ?? Number.NaN) / 1_000,
    },
    {
      what: '1,000 shards that split together: DescribeStream calls',
      bound: { atMost: 35 },
      unit: '',
      value: most(describes),
    },
    {
      // What is alive stays within 36 MiB. The rest are responses that wait for the garbage collector, which seldom runs: the
      // fewer objects a record takes, the more responses come between two of its runs.
      what: '400 shards, 320 MB of backlog, a bound of 32 MiB: growth of resident memory',
      bound: { atMost: 160 },
      unit: 'MiB',
      value: memory?.slow.grownMiB.median ?? Number.NaN,
    },
    {
      what: '300 saturated shards: delivery with polls every 5–20 ms to 200–1,000 ms',
      bound: { atLeast: 0.5 },
      unit: '×',
      value: slowestDelivery(saturation, 300),
      digits: 2,
    },
    {
      what: '1,000 saturated shards: delivery with polls every 5–20 ms to 200–1,000 ms',
      bound: { atLeast: 0.5 },
      unit: '×',
      value: slowestDelivery(saturation, 1_000),
      digits: 2,
    },
    {
      what: 'saturated shards: delivered to written, where that is lowest',
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
      what: 'saturated shards: median delay to the time that it takes to call each shard once',
      bound: { atMost: 2 },
      unit: '×',
      value: most(simulated?.map(({ fast, rotationMs = Number.NaN }) => fast.p50Ms / rotationMs)),
      digits: 2,
    },
    {
      what: 'four weeks of 1,000 shards that roll: heap after them to after two days',
      bound: { atMost: 1.1 },
      unit: '×',
      value: most(aging?.weeks.map(({ heapGrowth }) => heapGrowth)),
      digits: 2,
    },
    {
      what: 'four weeks of 1,000 shards that roll: shards in memory after them to after two days',
      bound: { atMost: 1.05 },
      unit: '×',
      value: most(aging?.weeks.map(({ shardGrowth }) => shardGrowth)),
      digits: 2,
    },
    {
      what: 'four weeks of 1,000 shards that roll: CPU time of a shard after them to after two days',
      bound: { atMost: 1.25 },
      unit: '×',
      value: most(aging?.weeks.map(({ costGrowth }) => costGrowth)),
      digits: 2,
    },
    {
      what: '`moveTo` with 8,000 shards that name trimmed parents: CPU time',
      bound: { atMost: 0.3 },
      unit: 's',
      value: most(aging?.moves.filter(({ shards }) => shards === 8_000).map(({ cpuMs }) => cpuMs / 1_000)),
    },
    {
      // Linear would be 4 ×, quadratic 16 ×. Twice as many shards are too few to tell: a run of the garbage collector decides.
      what: '`moveTo` with 8,000 shards that name trimmed parents: CPU time to 2,000 shards',
      bound: { atMost: 8 },
      unit: '×',
      value: growthOfMoves(aging?.moves, 2_000, 8_000),
      digits: 2,
    },
    {
      what: '`moveTo` with up to 8,000 shards that name trimmed parents: longest event-loop block',
      bound: { atMost: 50 },
      unit: 'ms',
      value: most(aging?.moves.map(({ blockMs }) => blockMs)),
    },
  ]
}

/** The figures that must not get worse, and what they are. */
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

/** How many times the CPU time of `moveTo` with `few` shards it takes with `many`, where that is most. */
function growthOfMoves(moves: readonly MoveResult[] | undefined, few: number, many: number): number {
  const cpuOf = (position: string, count: number) =>
    moves?.find((move) => move.position === position && move.shards === count)?.cpuMs ?? Number.NaN
  const positions = new Set(moves?.map(({ position }) => position))
  return most([...positions].map((position) => cpuOf(position, many) / cpuOf(position, few)))
}

/** Delivery with short pauses as a share of that with long ones, where it is lowest. */
function slowestDelivery(results: readonly SaturationResult[] | undefined, count: number): number {
  return least(
    results
      ?.filter(({ shards }) => shards === count)
      .map(({ fast, slow }) => fast.perSecond / slow.perSecond),
  )
}
