/** DynamoDB Streams keeps records for 24 hours (developer guide). In ms. */
export const RETENTION_MS: number = 24 * 3_600_000
