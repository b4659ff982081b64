/** How long the service keeps a record, in ms. Not the constant of the sources: the model knows the service by itself. */
export const RETENTION_MS: number = 24 * 3_600_000
