import { Bench } from 'tinybench'
import type { Table } from './report.ts'

/** An operation to be timed in isolation, in this process. */
export interface Operation {
  readonly name: string
  /** The number of records that one run processes. */
  readonly records: number
  readonly run: () => unknown
}

/** Times operations one after another, after a warm-up, and compares them with the first one. */
export async function timeOperations(
  title: string,
  operations: readonly Operation[],
  quick: boolean,
): Promise<Table> {
  const bench = new Bench({ time: quick ? 100 : 1_000, warmupTime: quick ? 50 : 300 })
  for (const { name, run } of operations) bench.add(name, () => run() as Promise<void>)
  await bench.run()
  const micros = operations.map(({ name, records }) => {
    const result = bench.getTask(name)?.result
    if (result?.state !== 'completed') throw new Error(`The operation "${name}" failed`, { cause: result })
    const of = (ms: number) => (ms * 1000) / records
    return { median: of(result.latency.p50), p99: of(result.latency.p99) }
  })
  const first = micros[0]?.median ?? Number.NaN
  return {
    title,
    columns: ['', 'µs per record (median)', 'p99', 'speed-up over the first'],
    rows: operations.map(({ name }, index) => {
      const { median = Number.NaN, p99 = Number.NaN } = micros[index] ?? {}
      return [name, median.toPrecision(3), p99.toPrecision(3), `${(first / median).toPrecision(2)} ×`]
    }),
  }
}
