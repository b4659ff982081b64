/** One thing that the emulator did: it answered a call, or was told to change something. */
export interface LogEntry {
  /** When, by the emulator's clock, in ms. */
  readonly at: number
  /** When the call was made, where it reached the service only later, at `at`. */
  readonly sentAt?: number | undefined
  /** An AWS call (`GetRecords`) or a method of the emulator (`put`, `split`). */
  readonly op: string
  readonly shard?: string | undefined
  /**
   * GetRecords: the sequence number after which the page begins, or `start`. GetShardIterator: what was asked for.
   * DescribeStream: the shard after which the page begins, or whose children were asked for. Writes: the sequence
   * number of the record.
   */
  readonly position?: string | undefined
  /** How many records were read or written, where it can be more than one. */
  readonly records?: number | undefined
  /** The last sequence number of the page. */
  readonly through?: string | undefined
  /** Set where the page told the end of the shard. */
  readonly end?: true | undefined
  /** The shards that were listed, or opened. */
  readonly shards?: readonly string[] | undefined
  /** What a rule did to the call. */
  readonly effect?: string | undefined
  /** The code of the error that was answered. */
  readonly error?: string | undefined
}
