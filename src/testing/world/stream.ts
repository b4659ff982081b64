import type { StreamViewType } from '@aws-sdk/client-dynamodb-streams'
import type { StreamStatus } from '../../streams-api/streams-api.ts'
import type { Behaviour } from '../behaviour.ts'
import type { AttributeMap } from './attributes.ts'
import { imageBytes } from './attributes.ts'
import { below, hex, type Random } from './random.ts'
import type { ItemKey, StoredRecord } from './record.ts'
import { createRetention, type Retention } from './retention.ts'
import { type SequenceNumberFormat, type SequenceNumbers, sequenceNumbers } from './sequence-numbers.ts'
import type { Shard } from './shard.ts'
import { createTopology, type Topology } from './topology.ts'

/** One stream of the table: it has an ARN of its own, and its shards have no parents in earlier streams. */
export interface Stream {
  readonly arn: string
  readonly label: string
  readonly createdAt: number
  readonly viewType: StreamViewType
  readonly topology: Topology
  readonly numbers: SequenceNumbers
  readonly retention: Retention
  /** Since when it takes no more records. */
  disabledAt: number | undefined
  /** The table was deleted, and the stream with it. */
  deleted: boolean
  /** Until then it says ENABLING (and has no shard to show) or DISABLING. */
  changingUntil: number
}

export interface StreamSettings {
  readonly arn: string
  readonly label: string
  readonly createdAt: number
  readonly viewType: StreamViewType
  readonly shards: number
  readonly sequenceNumbers: SequenceNumberFormat | undefined
  readonly random: Random
  /** Until then the stream says ENABLING. */
  readonly enablingUntil: number
}

export function createStream(settings: StreamSettings): Stream {
  const { arn, label, createdAt, viewType, random } = settings
  const numbers = sequenceNumbers(random, settings.sequenceNumbers)
  const topology = createTopology({ streamArn: arn, random, numbers })
  for (let root = 0; root < settings.shards; root++) {
    topology.addRoot(root / settings.shards, (root + 1) / settings.shards, createdAt)
  }
  return {
    arn,
    label,
    createdAt,
    viewType,
    topology,
    numbers,
    retention: createRetention(topology),
    disabledAt: undefined,
    deleted: false,
    changingUntil: settings.enablingUntil,
  }
}

export function streamStatus(stream: Stream, now: number): StreamStatus {
  const changing = now < stream.changingUntil
  if (stream.disabledAt !== undefined) return changing ? 'DISABLING' : 'DISABLED'
  return changing ? 'ENABLING' : 'ENABLED'
}

/** A disabled stream can be read for 24 hours; then its ARN means nothing any more. */
export function isGone(stream: Stream, now: number, behaviour: Pick<Behaviour, 'retentionMs'>): boolean {
  return (
    stream.deleted || (stream.disabledAt !== undefined && stream.disabledAt + behaviour.retentionMs <= now)
  )
}

/** A change of an item, as it enters the stream. */
export interface Change {
  readonly eventName: string
  readonly key: ItemKey
  readonly keyText: string
  readonly keyImage: AttributeMap
  readonly newImage: AttributeMap | undefined
  readonly oldImage: AttributeMap | undefined
  /** Deleted by time to live. */
  readonly ttl: boolean
  /** What the service takes for the time of the write, in ms; by default the time by its clock. */
  readonly createdAt: number | undefined
}

export function appendRecord(
  stream: Stream,
  shard: Shard,
  change: Change,
  context: {
    readonly now: number
    readonly region: string
    readonly behaviour: Behaviour
    readonly random: Random
  },
): StoredRecord {
  const { now, region, behaviour, random } = context
  const sequence = stream.numbers.after(shard.last)
  const sequenceNumber = stream.numbers.text(sequence)
  const createdAt = toldTime(change.createdAt ?? now, behaviour, random)
  const { viewType } = stream
  const newImage = viewType === 'NEW_IMAGE' || viewType === 'NEW_AND_OLD_IMAGES' ? change.newImage : undefined
  const oldImage = viewType === 'OLD_IMAGE' || viewType === 'NEW_AND_OLD_IMAGES' ? change.oldImage : undefined
  const bytes = imageBytes(change.keyImage) + imageBytes(newImage) + imageBytes(oldImage)
  const marked = change.ttl && behaviour.ttlDeletes === 'marked'
  const eventName = change.ttl && !marked ? 'UNKNOWN_TO_SDK_VERSION' : change.eventName
  const eventId = hex(random, 32)
  const record: StoredRecord = {
    shardId: shard.shardId,
    sequenceNumber,
    sequence,
    eventId,
    eventName,
    writtenAt: now,
    createdAt,
    key: change.key,
    keyText: change.keyText,
    trimmed: false,
    bytes,
    json: undefined,
    raw: {
      eventID: eventId,
      // The service may send names that the SDK doesn't know yet.
      eventName: eventName as 'INSERT' | 'MODIFY' | 'REMOVE',
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: region,
      dynamodb: {
        ...(createdAt !== undefined && { ApproximateCreationDateTime: new Date(createdAt) }),
        Keys: change.keyImage,
        ...(newImage && { NewImage: newImage }),
        ...(oldImage && { OldImage: oldImage }),
        SequenceNumber: sequenceNumber,
        SizeBytes: bytes,
        StreamViewType: stream.viewType,
      },
      ...(marked && { userIdentity: { PrincipalId: 'dynamodb.amazonaws.com', Type: 'Service' } }),
    },
  }
  shard.last = sequence
  shard.records.push(record)
  stream.retention.noticed(now)
  return record
}

function toldTime(time: number, behaviour: Behaviour, random: Random): number | undefined {
  if (behaviour.timestamps === 'missing') return undefined
  const { timestampJitterMs: jitter } = behaviour
  const moved = jitter === 0 ? time : time - jitter + below(random, 2 * jitter + 1)
  const unit = behaviour.timestamps === 'minute' ? 60_000 : 1000
  return Math.floor(moved / unit) * unit
}
