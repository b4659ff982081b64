/** DynamoDB Streams keeps records for 24 hours (developer guide). In ms. */
export const RETENTION_MS: number = 24 * 3_600_000

/** How far apart the service's clock and ours may be, in ms, where a time just beyond the retention must not count as within. */
export const CLOCK_SKEW_MS: number = 300_000

/** Whether it is certain that nothing of a shard was trimmed by `now`. All times are in ms. */
export function isCertainlyWhole(createdAt: number | undefined, now: number): boolean {
  return createdAt !== undefined && createdAt > now - RETENTION_MS + CLOCK_SKEW_MS
}
