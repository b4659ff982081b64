/** The GetRecords calls per second that a shard is said to allow; not documented for DynamoDB Streams. */
const CALLS_PER_SECOND = 5

/** How many calls may be made without waiting after a pause. */
const BURST = 100

/** The state of a token bucket. */
export interface TokenBucket {
  /** How many calls may be made without waiting; negative if calls already have to wait. */
  readonly tokens: number
  /** When that number was computed (monotonic ms). */
  readonly at: number
}

export const fullBucket: TokenBucket = { tokens: BURST, at: 0 }

/**
 * Takes a token for one call. Returns the new state of the bucket, and how long the call has to wait, in ms.
 */
export function consumeToken(bucket: TokenBucket, now: number): { bucket: TokenBucket; waitMs: number } {
  const earned = (Math.max(0, now - bucket.at) * CALLS_PER_SECOND) / 1_000
  const tokens = Math.min(BURST, bucket.tokens + earned) - 1
  const waitMs = tokens >= 0 ? 0 : Math.ceil((-tokens * 1_000) / CALLS_PER_SECOND)
  return { bucket: { tokens, at: now }, waitMs }
}
