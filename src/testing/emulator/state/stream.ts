import type { StreamViewType } from '@aws-sdk/client-dynamodb-streams'
import type { StreamStatus } from '../../../streams-api/streams-api.ts'
import type { Behavior } from '../behavior/behavior.ts'
import type { Random } from './random.ts'
import { createRetention, type Retention } from './retention.ts'
import { type SequenceNumberFormat, type SequenceNumbers, sequenceNumbers } from './sequence-numbers.ts'
import { createTopology, type Topology } from './topology.ts'

/** A stream of the table, with a unique ARN. Its shards have no parents in earlier streams. */
export interface Stream {
  readonly arn: string
  readonly label: string
  readonly createdAt: number
  readonly viewType: StreamViewType
  readonly topology: Topology
  readonly numbers: SequenceNumbers
  readonly retention: Retention
  /** When the stream was disabled. It receives no more records. */
  disabledAt: number | undefined
  /** Whether the stream was deleted together with its table. */
  deleted: boolean
  /** The end of the status ENABLING (which lists no shards) or DISABLING. */
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
  /** The end of the status ENABLING. */
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
  const isChanging = now < stream.changingUntil
  if (stream.disabledAt !== undefined) return isChanging ? 'DISABLING' : 'DISABLED'
  return isChanging ? 'ENABLING' : 'ENABLED'
}

/**
 * Whether the service no longer finds the stream: it was deleted with its table, or its retention has ended
 * since it was disabled.
 */
export function isUnavailable(stream: Stream, now: number, behavior: Pick<Behavior, 'retentionMs'>): boolean {
  return (
    stream.deleted || (stream.disabledAt !== undefined && stream.disabledAt + behavior.retentionMs <= now)
  )
}
