/** Options of `DynamoDBStream.batches`. */
export interface BatchOptions {
  /**
   * The maximum number of records in a batch; 1 to 10,000.
   * @default 100
   */
  readonly maxRecords?: number | undefined
  /**
   * How long to wait for more records after the first one of a batch, in ms; 0 to 300,000. With 0, a batch
   * contains the records that are already available.
   * @default 0
   */
  readonly maxWaitMs?: number | undefined
}

/** The defaults of {@link BatchOptions}. */
export const batchDefaults: { readonly maxRecords: number; readonly maxWaitMs: number } = {
  maxRecords: 100,
  maxWaitMs: 0,
}
