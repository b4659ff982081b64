/** GetRecords calls a second that a shard is said to allow (unofficial), and how many may be made at once after a rest. */
const CALLS_PER_SECOND = 5
const BURST = 100

/** A token bucket: how many calls may be made at once, as of a time (monotonic ms). */
export interface TokenBucket {
  readonly tokens: number
  readonly at: number
}

export const fullBucket: TokenBucket = { tokens: BURST, at: 0 }

/** Takes a token for one call. Returns the bucket after it, and how long to wait before the call, in ms. */
export function consumeToken(bucket: TokenBucket, now: number): { bucket: TokenBucket; waitMs: number } {
  const earned = (Math.max(0, now - bucket.at) * CALLS_PER_SECOND) / 1_000
  const tokens = Math.min(BURST, bucket.tokens + earned) - 1
  const waitMs = tokens >= 0 ? 0 : Math.ceil((-tokens * 1_000) / CALLS_PER_SECOND)
  return { bucket: { tokens, at: now }, waitMs }
}
