import { once } from 'node:events'
import type { Measurement } from './measure.ts'
import { startProcess } from './served-stream.ts'

/** Median, minimum and maximum of several rounds. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export interface Summary {
  readonly contender: string
  readonly records: number
  readonly cpuSeconds: Spread
  readonly wallSeconds: Spread
  /** CPU time per record, in microseconds. */
  readonly cpuMicrosPerRecord: Spread
  readonly recordsPerSecond: Spread
  readonly peakMiB: Spread
  readonly grownMiB: Spread
  readonly details: Readonly<Record<string, Spread>>
}

/**
 * Runs the contenders in turn, each time in a new process, so that other load on the machine affects them
 * equally.
 */
export async function runRounds(
  module: URL,
  contenders: readonly { readonly name: string; readonly input: unknown }[],
  rounds: number,
): Promise<Summary[]> {
  const measured = new Map<string, Measurement[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const { name, input } of contenders) {
      measured.get(name)?.push(await runContender(module, name, input))
      process.stderr.write(`\r\x1b[K${name}, round ${round + 1} of ${rounds}`)
    }
  }
  process.stderr.write('\r\x1b[K')
  return [...measured].map(([contender, measurements]) => summarize(contender, measurements))
}

async function runContender(module: URL, name: string, input: unknown): Promise<Measurement> {
  const child = startProcess(
    './contender-process.ts',
    [module.href, name, JSON.stringify(input)],
    ['--expose-gc'],
  )
  const exited = once(child, 'exit')
  let measurement: Measurement | undefined
  child.once('message', (message) => {
    measurement = message as Measurement
  })
  await exited
  if (!measurement) throw new Error(`Contender ${name} failed`)
  return measurement
}

function summarize(contender: string, all: readonly Measurement[]): Summary {
  const of = (value: (measurement: Measurement) => number) => spread(all.map(value))
  return {
    contender,
    records: all[0]?.records ?? 0,
    cpuSeconds: of((m) => m.cpuSeconds),
    wallSeconds: of((m) => m.wallSeconds),
    cpuMicrosPerRecord: of((m) => (m.cpuSeconds * 1e6) / m.records),
    recordsPerSecond: of((m) => m.records / m.wallSeconds),
    peakMiB: of((m) => m.peakBytes / 2 ** 20),
    grownMiB: of((m) => m.grownBytes / 2 ** 20),
    details: Object.fromEntries(
      Object.keys(all[0]?.details ?? {}).map((name) => [name, of((m) => m.details?.[name] ?? Number.NaN)]),
    ),
  }
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const median = ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}
