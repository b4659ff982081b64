/**
 * Does the work of a benchmark in one way. Returns the number of records, and figures that it measured
 * itself.
 */
export type Contender<Input> = (input: Input) => Promise<ContenderResult>

export interface ContenderResult {
  readonly records: number
  readonly details?: Readonly<Record<string, number>>
}

export interface Measurement extends ContenderResult {
  readonly wallSeconds: number
  /** User and system time of all threads of the process. */
  readonly cpuSeconds: number
  /** Peak resident memory, and its growth since the start of the work. */
  readonly peakBytes: number
  readonly grownBytes: number
}

/** The size of the used heap after a garbage collection, in MiB. */
export function heapMiB(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 2 ** 20
}

/** Measures a contender in this process, which does nothing else. Loading the code is not included. */
export async function measure<Input>(contender: Contender<Input>, input: Input): Promise<Measurement> {
  globalThis.gc?.()
  const restingBytes = process.memoryUsage.rss()
  const cpu = process.cpuUsage()
  const start = performance.now()
  const result = await contender(input)
  const wallSeconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const peakBytes = process.resourceUsage().maxRSS * 1024
  return {
    ...result,
    wallSeconds,
    cpuSeconds: (user + system) / 1e6,
    peakBytes,
    grownBytes: Math.max(0, peakBytes - restingBytes),
  }
}
