/**
 * How long the service retains a record, in ms. The model does not share this constant with the sources that
 * it tests.
 */
export const RETENTION_MS: number = 24 * 3_600_000
