import type { StreamViewType } from '@aws-sdk/client-dynamodb-streams'
import type { RawRecord } from '../../../wire/wire-record.ts'
import type { Behavior } from '../behavior/behavior.ts'
import { type AttributeMap, imageBytes } from './attributes.ts'
import { below, hex, type Random, uuid } from './random.ts'
import type { ItemKey, StoredRecord } from './record.ts'
import type { Shard } from './shard.ts'
import type { Stream } from './stream.ts'

/** A change to an item, as the input of a stream record. */
export interface Change {
  readonly eventName: string
  readonly key: ItemKey
  readonly keyText: string
  readonly keyImage: AttributeMap
  readonly newImage: AttributeMap | undefined
  readonly oldImage: AttributeMap | undefined
  /** Whether the item was deleted by TTL. */
  readonly ttl: boolean
  /** The time of the write in ms, if it differs from the service's clock. */
  readonly createdAt: number | undefined
  /** Members that this version of the SDK does not have. */
  readonly unknownFields: Readonly<Record<string, unknown>> | undefined
}

export interface AppendContext {
  /** The time on the service's clock, in ms. */
  readonly now: number
  readonly region: string
  readonly behavior: Behavior
  readonly random: Random
}

/** Appends a record of the change to the shard. */
export function appendRecord(
  stream: Stream,
  shard: Shard,
  change: Change,
  context: AppendContext,
): StoredRecord {
  const { now, behavior, random } = context
  const { numbers } = stream
  const isFirst = shard.records.length === 0
  const sequence = isFirst && numbers.tight ? shard.last : numbers.next(shard.last)
  const createdAt = reportedTime(change.createdAt ?? now, behavior, random)
  const raw = rawRecord(stream.viewType, change, context)
  const { dynamodb } = raw
  dynamodb.SequenceNumber = numbers.format(sequence)
  if (createdAt !== undefined) dynamodb.ApproximateCreationDateTime = new Date(createdAt)
  const bytes = imageBytes(dynamodb.Keys) + imageBytes(dynamodb.NewImage) + imageBytes(dynamodb.OldImage)
  dynamodb.SizeBytes = bytes
  const record: StoredRecord = {
    shardId: shard.shardId,
    sequenceNumber: dynamodb.SequenceNumber,
    sequence,
    eventId: raw.eventID,
    eventName: raw.eventName,
    writtenAt: now,
    createdAt,
    key: change.key,
    keyText: change.keyText,
    trimmed: false,
    bytes,
    json: undefined,
    page: undefined,
    raw,
  }
  for (const name of behavior.omitFromRecords) {
    if (name in raw) delete (raw as RawRecord)[name as keyof RawRecord]
    else delete (dynamodb as Record<string, unknown>)[name]
  }
  shard.last = sequence
  shard.records.push(record)
  stream.retention.trackOldest(now)
  return record
}

type NewRecord = RawRecord & {
  eventID: string
  eventName: string
  dynamodb: NonNullable<RawRecord['dynamodb']>
}

function rawRecord(viewType: StreamViewType, change: Change, context: AppendContext): NewRecord {
  const { region, behavior, random } = context
  const isMarked = change.ttl && behavior.ttlDeletes === 'marked'
  const dynamodb: NewRecord['dynamodb'] = { Keys: change.keyImage, StreamViewType: viewType }
  if (change.newImage && (viewType === 'NEW_IMAGE' || viewType === 'NEW_AND_OLD_IMAGES')) {
    dynamodb.NewImage = change.newImage
  }
  if (change.oldImage && (viewType === 'OLD_IMAGE' || viewType === 'NEW_AND_OLD_IMAGES')) {
    dynamodb.OldImage = change.oldImage
  }
  const eventName = change.ttl && !isMarked ? 'UNKNOWN_TO_SDK_VERSION' : change.eventName
  const raw: NewRecord = {
    eventID: behavior.eventIdFormat === 'uuid' ? uuid(random) : hex(random, 32),
    // The service can send names that are missing in the SDK's type.
    eventName: eventName as NonNullable<RawRecord['eventName']>,
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: region,
    dynamodb,
  }
  if (isMarked) raw.userIdentity = { PrincipalId: 'dynamodb.amazonaws.com', Type: 'Service' }
  if (change.unknownFields) {
    Object.assign(raw, change.unknownFields)
    Object.assign(dynamodb, change.unknownFields)
  }
  return raw
}

/** Returns `ApproximateCreationDateTime` in ms: the time, truncated like in the service. */
function reportedTime(time: number, behavior: Behavior, random: Random): number | undefined {
  if (behavior.timestamps === 'missing') return undefined
  const { timestampJitterMs: jitter } = behavior
  const shifted = jitter === 0 ? time : time - jitter + below(random, 2 * jitter + 1)
  const unit = behavior.timestamps === 'minute' ? 60_000 : 1000
  return Math.floor(shifted / unit) * unit
}
