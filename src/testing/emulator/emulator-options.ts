import type { StreamViewType } from '@aws-sdk/client-dynamodb-streams'
import { type Clock, systemClock } from '../../core/clock.ts'
import { checkNames, namesOf } from '../../core/options.ts'
import type { Behavior, Profile } from './behavior/behavior.ts'
import type { LatencySource } from './faults/latency.ts'
import type { SequenceNumberFormat } from './state/sequence-numbers.ts'
import type { KeySchema } from './state/table.ts'

export interface StreamEmulatorOptions {
  /** The same seed, commands and calls give the same ids, records and log. @default 1 */
  readonly seed?: number | string | undefined
  /** @default the wall clock */
  readonly clock?: Clock | undefined
  /** `aws` as documented by AWS; `local` as DynamoDB Local does. @default 'aws' */
  readonly profile?: Profile | undefined
  /** What differs from the profile. */
  readonly behavior?: Partial<Behavior> | undefined
  /** How long calls take. @default every response arrives at once */
  readonly latency?: LatencySource | undefined
  /** @default 'table' */
  readonly tableName?: string | undefined
  /** Names of the key attributes. @default { hash: 'id' } */
  readonly keySchema?: KeySchema | undefined
  /** @default 'NEW_AND_OLD_IMAGES' */
  readonly viewType?: StreamViewType | undefined
  /** Root shards of the stream, 1 or more. @default 1 */
  readonly shards?: number | undefined
  /** @default 21 digits with gaps; with the profile `local` counted from 1, `tight`, with leading zeros */
  readonly sequenceNumbers?: SequenceNumberFormat | undefined
  /** @default 'us-east-1', with the profile `local` 'ddblocal' */
  readonly region?: string | undefined
}

const optionNames: readonly string[] = namesOf<StreamEmulatorOptions>({
  seed: true,
  clock: true,
  profile: true,
  behavior: true,
  latency: true,
  tableName: true,
  keySchema: true,
  viewType: true,
  shards: true,
  sequenceNumbers: true,
  region: true,
})

/** DynamoDB Local counts from 1 (for all tables together), without gaps, in 21 digits. */
const localSequenceNumbers: SequenceNumberFormat = { start: '1', maxGap: 1, digits: 21, tight: true }

export interface ResolvedOptions {
  readonly seed: number | string
  readonly clock: Clock
  readonly profile: Profile
  readonly tableName: string
  readonly keySchema: KeySchema
  readonly viewType: StreamViewType
  readonly shards: number
  readonly sequenceNumbers: SequenceNumberFormat | undefined
  readonly region: string
  readonly account: string
}

export function resolveOptions(options: StreamEmulatorOptions): ResolvedOptions {
  checkNames('', options, optionNames)
  const profile = options.profile ?? 'aws'
  const shards = options.shards ?? 1
  if (!Number.isInteger(shards) || shards < 1)
    throw new RangeError(`shards must be a whole number of 1 or more, not ${shards}`)
  return {
    seed: options.seed ?? 1,
    clock: options.clock ?? systemClock,
    profile,
    tableName: options.tableName ?? 'table',
    keySchema: options.keySchema ?? { hash: 'id' },
    viewType: options.viewType ?? 'NEW_AND_OLD_IMAGES',
    shards,
    sequenceNumbers: options.sequenceNumbers ?? (profile === 'local' ? localSequenceNumbers : undefined),
    region: options.region ?? (profile === 'local' ? 'ddblocal' : 'us-east-1'),
    account: profile === 'local' ? '000000000000' : '123456789012',
  }
}
