import type { LatencySource } from '../../src/testing/index.ts'
import { seeded } from './seeded.ts'

/** One call in fifty is slower by this factor. */
const SLOW_SHARE = 0.02
const SLOW_FACTOR = 10

/** DescribeStream is the slowest of the calls. */
const DESCRIBE_FACTOR = 2

/** The longest time that a request or a response can take with the given `maxMs`, in ms. */
export const maxOneWayMs = (maxMs: number): number => maxMs * DESCRIBE_FACTOR * SLOW_FACTOR

/**
 * The request and the response of a call each take up to `maxMs`, twice that for DescribeStream, and
 * occasionally ten times as long. Latencies are drawn from the seed in the order of the calls.
 */
export function randomLatency(maxMs: number, seed: number): LatencySource | undefined {
  if (maxMs === 0) return undefined
  const random = seeded(seed + 1)
  return ({ name }) => {
    const isSlow = random() < SLOW_SHARE
    const most = maxMs * (name === 'DescribeStream' ? DESCRIBE_FACTOR : 1) * (isSlow ? SLOW_FACTOR : 1)
    return { requestMs: Math.round(random() * most), responseMs: Math.round(random() * most) }
  }
}
