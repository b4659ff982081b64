import { setTimeout as sleep } from 'node:timers/promises'
import { Coordinator, openStream } from '../../src/index.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { makeClient } from '../support/client.ts'
import type { Contender, ContenderResult } from '../support/measure.ts'
import { spread } from '../support/rounds.ts'
import { streamArn } from '../support/sample-records.ts'
import { busyStream } from './busy-stream.ts'

interface TipInput {
  readonly idlePollMs: { readonly min: number; readonly max: number }
  /** The time at the start in which shards are opened, which is not measured. */
  readonly skipSeconds: number
  /** The length of the windows in which delivered records are counted. */
  readonly windowSeconds: number
  readonly windows: number
}

export interface SimulatedInput extends TipInput {
  readonly shards: number
  readonly recordsPerSecond: number
  readonly callMs: number
}

export interface ServedInput extends TipInput {
  readonly endpoint: string
  readonly streamArn: string
  /** The interval at which records are written to random shards, in ms. */
  readonly writeEveryMs: number
  /** The share of a CPU that the process may use, up to 1. */
  readonly cpuShare: number
}

/** Calls cost CPU time on a manual clock, so that the figures do not depend on the machine. */
const simulated: Contender<SimulatedInput> = async (input) => {
  const { idlePollMs, skipSeconds, windowSeconds, windows } = input
  const clock = new ManualClock()
  const client = busyStream({ ...input, clock })
  const coordinator = new Coordinator({ client, streamArn, clock, random: () => 0.5, idlePollMs })
  await clock.run(coordinator.moveTo('trim_horizon'))
  const stats = new DeliveryStats()
  const reading = continueReading(coordinator, (record) =>
    stats.add(clock.now() - Number(record.newImage?.writtenAt)),
  )
  await clock.advance(skipSeconds * 1_000)
  stats.reset()
  for (let window = 0; window < windows; window++) {
    await clock.advance(windowSeconds * 1_000)
    stats.endWindow()
  }
  const result = stats.result(windowSeconds)
  await coordinator.close()
  await reading
  return result
}

async function continueReading(
  coordinator: Coordinator,
  take: (record: NonNullable<Awaited<ReturnType<Coordinator['next']>>>) => void,
): Promise<void> {
  for (;;) {
    const record = await coordinator.next().catch((error: { code?: string }) => {
      if (error.code === 'closed') return 'closed' as const
      throw error
    })
    if (record === 'closed') return
    if (record !== undefined) take(record)
  }
}

/** The same with the SDK's client over HTTP, where calls have their actual cost on this machine. */
const served: Contender<ServedInput> = async (input) => {
  const { endpoint, idlePollMs, skipSeconds, windowSeconds, windows, writeEveryMs, cpuShare } = input
  const records = Math.ceil((20 + skipSeconds + windowSeconds * windows) * (1_000 / writeEveryMs))
  await fetch(`${endpoint}/write?records=${records}&everyMs=${writeEveryMs}`)
  const stopBurning = burnAllBut(cpuShare)
  const stream = await openStream({
    client: makeClient(endpoint),
    streamArn: input.streamArn,
    startAt: 'trim_horizon',
    idlePollMs,
  })
  const stats = new DeliveryStats()
  const reading = (async () => {
    for await (const record of stream) stats.add(Date.now() - Number(record.newImage?.writtenAt))
  })()
  await sleep(skipSeconds * 1_000)
  stats.reset()
  for (let window = 0; window < windows; window++) {
    await sleep(windowSeconds * 1_000)
    stats.endWindow()
  }
  const result = stats.result(windowSeconds)
  stopBurning()
  await stream.close()
  await reading
  return result
}

/**
 * Keeps the thread busy in proportion to the time that the actual work takes, so that the work gets only
 * `share` of the CPU.
 */
function burnAllBut(share: number): () => void {
  if (share >= 1) return () => {}
  let worked = performance.eventLoopUtilization().active
  const timer = setInterval(() => {
    const { active } = performance.eventLoopUtilization()
    const until = performance.now() + (active - worked) * (1 / share - 1)
    while (performance.now() < until);
    worked = performance.eventLoopUtilization().active
  }, 2)
  return () => clearInterval(timer)
}

/** Counts delivered records by window, and their delays. */
class DeliveryStats {
  #count = 0
  #delaysMs: number[] = []
  readonly #windows: number[] = []

  add(delayMs: number): void {
    this.#count++
    this.#delaysMs.push(delayMs)
  }

  reset(): void {
    this.#count = 0
    this.#delaysMs = []
  }

  endWindow(): void {
    this.#windows.push(this.#count)
    this.#count = 0
  }

  result(windowSeconds: number): ContenderResult {
    const delays = this.#delaysMs.sort((a, b) => a - b)
    const at = (share: number) => delays[Math.floor(delays.length * share)] ?? Number.NaN
    const details = {
      // The median window, so that a burst after a stall does not compensate for it.
      perSecond: spread(this.#windows).median / windowSeconds,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    }
    return { records: delays.length, details }
  }
}

export const contenders: Record<string, Contender<never>> = {
  simulated: simulated as Contender<never>,
  served: served as Contender<never>,
}
