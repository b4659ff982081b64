/** How records are gathered into arrays. */
export interface BatchOptions {
  /**
   * Records in an array, at most; 1 to 10 000.
   * @default 100
   */
  readonly maxRecords?: number | undefined
  /**
   * How long to wait for more once there is a first one, in ms; 0 to 300 000. With 0 an array holds what is there.
   * @default 0
   */
  readonly maxWaitMs?: number | undefined
}

/** The defaults of {@link BatchOptions}. */
export const batchDefaults: { readonly maxRecords: number; readonly maxWaitMs: number } = {
  maxRecords: 100,
  maxWaitMs: 0,
}
