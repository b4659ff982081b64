import { type Bench, show } from '../support/report.ts'
import { runRounds, type Summary, spread } from '../support/rounds.ts'
import type { WeeksInput } from './contenders.ts'
import type { MoveInput } from './moves.ts'

const weeksModule = new URL('./contenders.ts', import.meta.url)
const movesModule = new URL('./moves.ts', import.meta.url)
const EARLY_DAY = 2

/** A reader after weeks of reading, compared with itself after two days. */
export interface AgingResult {
  readonly reader: WeeksInput['reader']
  readonly days: readonly {
    readonly day: number
    readonly heapMiB: number
    readonly shards: number
    readonly frontier: number
    readonly missingParents: number
    readonly cpuMicros: number
  }[]
  readonly heapGrowth: number
  readonly shardGrowth: number
  readonly costGrowth: number
}

export interface MoveResult extends MoveInput {
  readonly cpuMs: number
  readonly blockMs: number
  /** CPU time relative to that with half as many shards; NaN for the first result. */
  readonly toHalf: number
}

/**
 * Whether memory and cost of a reader stay constant for weeks, and what starting on a stream of that age
 * costs.
 */
export const aging: Bench = async ({ quick }) => {
  const shards = quick ? 60 : 1_000
  const days = quick ? 7 : 28
  const weeks: AgingResult[] = []
  for (const reader of ['Coordinator, no token', 'openStream, checkpoints'] as const) {
    const input: WeeksInput = { shards, days, reader }
    const [summary] = await runRounds(weeksModule, [{ name: 'weeks', input }], 1)
    if (summary) weeks.push(byDay(reader, days, summary))
  }
  const moves: MoveResult[] = []
  for (const position of ['trim_horizon', 'token'] as const) {
    let previousMs = Number.NaN
    for (const count of quick ? [500, 1_000] : [500, 1_000, 2_000, 4_000, 8_000]) {
      const input: MoveInput = { shards: count, position }
      const [summary] = await runRounds(movesModule, [{ name: 'move', input }], 1)
      const cpuMs = summary?.details.cpuMs?.median ?? Number.NaN
      const blockMs = summary?.details.blockMs?.median ?? Number.NaN
      moves.push({ ...input, cpuMs, blockMs, toHalf: cpuMs / previousMs })
      previousMs = cpuMs
    }
  }
  const shown = [1, EARLY_DAY, 7, 14, 21, 28].filter((day) => day <= days)
  return {
    tables: [
      {
        title: `aging: ${shards.toLocaleString('en')} shards that roll every 4 hours, in accelerated time`,
        columns: [
          '',
          'day',
          'heap, MiB',
          'shards in memory',
          'shards in the frontier',
          'missing parents',
          'CPU µs per finished shard',
        ],
        rows: weeks.flatMap(({ reader, days: all }) =>
          all
            .filter(({ day }) => shown.includes(day))
            .map(({ day, heapMiB, shards: inMemory, frontier, missingParents, cpuMicros }) => [
              reader,
              day,
              show(heapMiB),
              inMemory.toLocaleString('en'),
              show(frontier),
              show(missingParents),
              show(cpuMicros),
            ]),
        ),
      },
      {
        title: 'aging: moveTo on shards whose parents are trimmed',
        columns: [
          'position',
          'shards',
          'CPU, ms',
          'relative to half as many',
          'longest event-loop block, ms',
        ],
        rows: moves.map(({ position, shards: count, cpuMs, toHalf, blockMs }) => [
          position,
          count.toLocaleString('en'),
          show(cpuMs),
          Number.isNaN(toHalf) ? '' : `${show(toHalf, 2)} ×`,
          show(blockMs),
        ]),
      },
    ],
    data: { weeks, moves },
  }
}

function byDay(reader: WeeksInput['reader'], count: number, { details }: Summary): AgingResult {
  const of = (name: string, day: number) => details[`${name}${day}`]?.median ?? Number.NaN
  const days = Array.from({ length: count }, (_, index) => ({
    day: index + 1,
    heapMiB: of('heapMiB', index + 1),
    shards: of('shards', index + 1),
    frontier: of('frontier', index + 1),
    missingParents: of('missingParents', index + 1),
    cpuMicros: of('cpuMicros', index + 1),
  }))
  const growth = (name: 'heapMiB' | 'shards') => of(name, count) / of(name, EARLY_DAY)
  // A single day takes only a few seconds of CPU time, so use the median of three.
  const cost = (from: number) =>
    spread(days.slice(from - 1, from + 2).map(({ cpuMicros }) => cpuMicros)).median
  return {
    reader,
    days,
    heapGrowth: growth('heapMiB'),
    shardGrowth: growth('shards'),
    costGrowth: cost(count - 2) / cost(EARLY_DAY),
  }
}
