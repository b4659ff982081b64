import type { StreamViewType } from '@aws-sdk/client-dynamodb-streams'
import type { StreamStatus } from '../../../streams-api/streams-api.ts'
import type { Behavior } from '../behavior/behavior.ts'
import type { Random } from './random.ts'
import { createRetention, type Retention } from './retention.ts'
import { type SequenceNumberFormat, type SequenceNumbers, sequenceNumbers } from './sequence-numbers.ts'
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
export function isGone(stream: Stream, now: number, behavior: Pick<Behavior, 'retentionMs'>): boolean {
  return (
    stream.deleted || (stream.disabledAt !== undefined && stream.disabledAt + behavior.retentionMs <= now)
  )
}
