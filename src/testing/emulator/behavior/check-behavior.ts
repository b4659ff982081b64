import {
  aBoolean,
  type Checks,
  checkOptions,
  finiteNumber,
  limit,
  listOf,
  numberFrom,
  oneOf,
  wholeNumber,
} from '../../options/check-options.ts'
import type { Behavior } from './behavior.ts'

/** Refuses, among others, numbers that no service could have: a listing with 0 shards per page never ends. */
export const behaviorChecks: Checks<Behavior> = {
  requestChecks: oneOf<Behavior['requestChecks']>({ model: true, local: true }),
  wireForm: oneOf<Behavior['wireForm']>({ aws: true, local: true }),
  shardsPerPage: wholeNumber(1, 100),
  listingOrder: oneOf<Behavior['listingOrder']>({ sorted: true, reversed: true, shuffled: true }),
  exactFullLastPage: oneOf<Behavior['exactFullLastPage']>({ final: true, 'has-next-key': true }),
  repeatPageKey: aBoolean,
  childShards: oneOf<Behavior['childShards']>({ supported: true, empty: true, ignored: true, refused: true }),
  omitFromShards: listOf<Behavior['omitFromShards'][number]>({
    startingSequenceNumber: true,
    sequenceNumberRange: true,
  }),
  expiredShards: oneOf<Behavior['expiredShards']>({ unlisted: true, listed: true }),
  expiredShardErrorAt: oneOf<Behavior['expiredShardErrorAt']>({ 'at-iterator': true, 'at-records': true }),
  iteratorLifeMs: numberFrom(0),
  latestOffset: limit(0),
  trimmedErrorAt: oneOf<Behavior['trimmedErrorAt']>({ 'at-iterator': true, 'at-records': true }),
  fullyTrimmedShard: oneOf<Behavior['fullyTrimmedShard']>({
    readable: true,
    refused: true,
    unreadable: true,
  }),
  emptyPagesAtStart: limit(0),
  recordsPerPage: wholeNumber(1, 1000),
  bytesPerPage: numberFrom(1),
  shardEnd: oneOf<Behavior['shardEnd']>({
    absent: true,
    null: true,
    'empty-string': true,
    'after-empty-page': true,
  }),
  openShardNextIterator: oneOf<Behavior['openShardNextIterator']>({
    present: true,
    absent: true,
    null: true,
    'empty-string': true,
  }),
  emptyPage: aBoolean,
  repeatPage: aBoolean,
  readLagMs: numberFrom(0),
  eventIdFormat: oneOf<Behavior['eventIdFormat']>({ hex: true, uuid: true }),
  timestamps: oneOf<Behavior['timestamps']>({ second: true, minute: true, missing: true }),
  timestampJitterMs: numberFrom(0),
  omitFromRecords: listOf<Behavior['omitFromRecords'][number]>({
    awsRegion: true,
    eventID: true,
    eventSource: true,
    eventVersion: true,
    Keys: true,
    NewImage: true,
    OldImage: true,
    SizeBytes: true,
    StreamViewType: true,
    userIdentity: true,
  }),
  ttlDeletes: oneOf<Behavior['ttlDeletes']>({ marked: true, unmarked: true }),
  describesPerSecond: limit(0),
  readsPerSecond: limit(0),
  readersPerShard: limit(0),
  retentionMs: numberFrom(0),
  clockSkewMs: finiteNumber,
}

/**
 * @param path - the prefix of option names in the error: `''` for the arguments themselves, `behavior` for a
 * member.
 * @throws StreamError `options.invalid` for an unknown name or value.
 */
export function checkBehavior(path: string, behavior: unknown): void {
  checkOptions(path, behavior, behaviorChecks)
}
