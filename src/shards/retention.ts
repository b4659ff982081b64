/** DynamoDB Streams keeps records for 24 hours (developer guide). In ms. */
export const RETENTION_MS: number = 24 * 3_600_000

/** The margin for differences between clocks, in ms, when a time is compared with the retention. */
export const CLOCK_SKEW_MS: number = 300_000

/**
 * Whether it is certain that no record of a shard was trimmed by `now`.
 *
 * @param createdAt - when the shard was created (ms); undefined if that is unknown.
 * @param now - the service's time (ms).
 */
export function isCertainlyWhole(createdAt: number | undefined, now: number): boolean {
  return createdAt !== undefined && createdAt > now - RETENTION_MS + CLOCK_SKEW_MS
}
