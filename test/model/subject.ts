import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import type { CoordinatorOptions } from '../../src/coordinator/options.ts'
import type { Clock } from '../../src/core/clock.ts'
import { Coordinator } from '../../src/index.ts'
import type { StreamToken } from '../../src/position/token.ts'
import type { StreamsApi } from '../../src/streams-api/streams-api.ts'
import type { Gap } from './oracle.ts'

/** The subject under test: the Coordinator, or an alternative implementation of the same interface. */
export interface Subject {
  moveTo(position: 'trim_horizon' | 'latest' | Date | string): Promise<void>
  next(): Promise<{ readonly shardId: string; readonly sequenceNumber: string } | undefined>
  heartbeat(): Promise<void>
  close(): Promise<void>
  readonly token: StreamToken
  readonly ended: boolean
  readonly buffer: { readonly bytes: number }
  lag?(): { readonly millisBehindLatest: number; readonly retentionHeadroomMs: number }
  /** The number of shards held in memory, by purpose. */
  readonly memory?: Readonly<Record<string, number>> | undefined
}

export interface SubjectOptions
  extends Pick<
    CoordinatorOptions,
    'onGap' | 'pageSize' | 'maxConcurrentReads' | 'maxBufferedBytes' | 'idlePollMs' | 'discoveryIntervalMs'
  > {
  readonly client: StreamsApi | DynamoDBStreamsClient
  readonly streamArn: string
  readonly clock: Clock
  readonly random: () => number
}

export interface SubjectEvents {
  gap(gap: Gap): void
  parentWaitTimedOut(parentId: string): void
}

export type SubjectFactory = (options: SubjectOptions, events: SubjectEvents) => Subject

export const createCoordinator: SubjectFactory = (options, events) => {
  const coordinator = new Coordinator(options)
  coordinator.on('gap', (gap) => events.gap(gap))
  coordinator.on('parentWaitTimedOut', ({ parentId }) => events.parentWaitTimedOut(parentId))
  return coordinator
}
