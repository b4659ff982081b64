import { Coordinator } from '../../src/index.ts'
import { makeClient } from '../support/client.ts'
import type { Side } from '../support/measure.ts'

export interface LatencyInput {
  readonly endpoint: string
  readonly streamArn: string
  readonly puts: number
  readonly idleMs: number
}

/** Starts on idle shards, waits for a first record, then for many at the tip, then for nothing. */
const tip: Side<LatencyInput> = async ({ endpoint, streamArn, puts, idleMs }) => {
  await using coordinator = new Coordinator({ client: makeClient(endpoint), streamArn })
  const get = async (path: string) => (await fetch(`${endpoint}${path}`)).json()

  // A first record lies ready in one of the shards.
  await get('/write?records=1&everyMs=0')
  const start = performance.now()
  await coordinator.moveTo('trim_horizon')
  const moved = performance.now()
  while (!(await coordinator.next())) {}
  const first = performance.now()

  // Then the tip is reached, and records come in one by one.
  while (await coordinator.next()) {}
  await get(`/write?records=${puts}&everyMs=25`)
  const delays: number[] = []
  while (delays.length < puts) {
    const record = await coordinator.next()
    if (record) delays.push(Date.now() - Number(record.newImage?.writtenAt))
  }
  delays.sort((a, b) => a - b)

  // And then nothing comes in.
  const until = performance.now() + 2_000
  while (performance.now() < until) await coordinator.next()
  const before = await get('/calls')
  const idleUntil = performance.now() + idleMs
  while (performance.now() < idleUntil) await coordinator.next()
  const after = await get('/calls')

  const idleCalls = (after.GetRecords ?? 0) - (before.GetRecords ?? 0)
  return {
    records: delays.length + 1,
    details: {
      moveToMs: moved - start,
      firstRecordMs: first - start,
      p50Ms: delays[Math.floor(delays.length * 0.5)] ?? Number.NaN,
      p99Ms: delays[Math.floor(delays.length * 0.99)] ?? Number.NaN,
      idleReadsPerSecond: (idleCalls * 1000) / idleMs,
      idleDescribesPerSecond: (((after.DescribeStream ?? 0) - (before.DescribeStream ?? 0)) * 1000) / idleMs,
    },
  }
}

export const sides: Record<string, Side<LatencyInput>> = { tip }
