/** An entry of the emulator's log: a call that the service has processed, or a command of the test. */
export interface LogEntry {
  /**
   * When it happened, in ms since 1970 on the emulator's clock. For calls: when the service processed the
   * request.
   */
  readonly at: number
  /** When the call was made, if its latency delayed the request until `at`. */
  readonly sentAt?: number | undefined
  /** An AWS call (`GetRecords`) or a method of the emulator (`put`, `split`). */
  readonly op: string
  /** The id of the shard of the call or command. DescribeStream: the shard whose children are requested. */
  readonly shard?: string | undefined
  /**
   * - GetRecords: the sequence number after which the page starts, or `start`.
   * - GetShardIterator: the requested iterator type and sequence number.
   * - DescribeStream: `ExclusiveStartShardId`.
   * - ListStreams: `ExclusiveStartStreamArn`.
   * - Writes: the sequence number of the record.
   * - `trim` by time: that time, in ms since 1970.
   */
  readonly position?: string | undefined
  /** The number of records that were read, written or trimmed, if it can be more than one. */
  readonly records?: number | undefined
  /** The last sequence number of the page, or of the trimmed records. */
  readonly through?: string | undefined
  /** Set if the page indicated the end of the shard. */
  readonly end?: true | undefined
  /** The ids of the shards that were listed or opened. */
  readonly shards?: readonly string[] | undefined
  /** The effect of rules on the call, or the changes of `setBehavior`. */
  readonly effect?: string | undefined
  /** The code of the error with which the call failed. */
  readonly error?: string | undefined
}
