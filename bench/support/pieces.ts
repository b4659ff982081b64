import { Bench } from 'tinybench'
import type { Table } from './report.ts'

/** A piece of the whole, to be timed by itself in this process. */
export interface Piece {
  readonly name: string
  /** How many records one run of it is for. */
  readonly records: number
  readonly run: () => unknown
}

/** Times the pieces one after another, all warmed up; the first is what the others are compared with. */
export async function timePieces(title: string, pieces: readonly Piece[], quick: boolean): Promise<Table> {
  const bench = new Bench({ time: quick ? 100 : 1_000, warmupTime: quick ? 50 : 300 })
  for (const { name, run } of pieces) bench.add(name, () => run() as Promise<void>)
  await bench.run()
  const micros = pieces.map(({ name, records }) => {
    const result = bench.getTask(name)?.result
    if (result?.state !== 'completed') throw new Error(`Piece ${name} failed`, { cause: result })
    const of = (ms: number) => (ms * 1000) / records
    return { median: of(result.latency.p50), p99: of(result.latency.p99) }
  })
  const first = micros[0]?.median ?? Number.NaN
  return {
    title,
    columns: ['', 'µs a record (median)', 'p99', 'to the first'],
    rows: pieces.map(({ name }, index) => {
      const { median = Number.NaN, p99 = Number.NaN } = micros[index] ?? {}
      return [name, median.toPrecision(3), p99.toPrecision(3), `${(first / median).toPrecision(2)} ×`]
    }),
  }
}
