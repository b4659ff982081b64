import type { LatencySource } from '../../src/testing/index.ts'
import { seeded } from './seeded.ts'

/** One call in fifty is slow, by this factor. */
const SLOW_SHARE = 0.02
const SLOW_FACTOR = 10

/** DescribeStream is the slowest of the calls. */
const DESCRIBE_FACTOR = 2

/** The longest that one way of a call may take with `maxMs`, in ms. */
export const longestWayMs = (maxMs: number): number => maxMs * DESCRIBE_FACTOR * SLOW_FACTOR

/**
 * Each way of a call takes up to `maxMs`, twice that for DescribeStream, and now and then ten times as long. Drawn from
 * the seed, in the order of the calls.
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
