/** Does one side's work on the input, and tells how many records that were, and what else it found out. */
export type Contender<Input> = (input: Input) => Promise<SideResult>

export interface SideResult {
  readonly records: number
  readonly details?: Readonly<Record<string, number>>
}

export interface Measurement extends SideResult {
  readonly wallSeconds: number
  /** User and system time of all threads of the process. */
  readonly cpuSeconds: number
  /** Resident memory at its highest, and how much of that came after the start of the work. */
  readonly peakBytes: number
  readonly grownBytes: number
}

/** Runs a side in this process, which does nothing else. Loading and compiling the code before does not count. */
export async function measure<Input>(side: Contender<Input>, input: Input): Promise<Measurement> {
  globalThis.gc?.()
  const restingBytes = process.memoryUsage.rss()
  const cpu = process.cpuUsage()
  const start = performance.now()
  const result = await side(input)
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
