import type { StreamViewType } from '@aws-sdk/client-dynamodb-streams'
import { type Clock, isClock, systemClock } from '../../core/clock.ts'
import {
  aFunction,
  aName,
  type Checks,
  check,
  checkOptions,
  oneOf,
  wholeNumber,
} from '../options/check-options.ts'
import type { Behavior, Profile } from './behavior/behavior.ts'
import { checkBehavior } from './behavior/check-behavior.ts'
import type { LatencySource } from './faults/latency.ts'
import { checkSequenceNumberFormat, type SequenceNumberFormat } from './state/sequence-numbers.ts'
import { aViewType, checkKeySchema, type KeySchema } from './state/table.ts'

/** Options of a `StreamEmulator`. Unknown names and invalid values are refused with `options.invalid`. */
export interface StreamEmulatorOptions {
  /**
   * The seed of all random choices. The same seed, commands and calls produce the same ids, records and log.
   * @default 1
   */
  readonly seed?: number | string | undefined
  /** The clock of the service. Pass a `ManualClock` to control time in a test. @default the system clock */
  readonly clock?: Clock | undefined
  /** The initial behavior: `aws` follows the AWS documentation, `local` DynamoDB Local. @default 'aws' */
  readonly profile?: Profile | undefined
  /** Values that override those of the profile. */
  readonly behavior?: Partial<Behavior> | undefined
  /** Returns how long a call takes. @default every response arrives immediately */
  readonly latency?: LatencySource | undefined
  /** The name of the table. @default 'table' */
  readonly tableName?: string | undefined
  /** The names of the key attributes. @default { hash: 'id' } */
  readonly keySchema?: KeySchema | undefined
  /** Which images the records contain. @default 'NEW_AND_OLD_IMAGES' */
  readonly viewType?: StreamViewType | undefined
  /** The number of root shards, 1 or more. They share the key space equally. @default 1 */
  readonly shards?: number | undefined
  /**
   * The format of sequence numbers.
   * @default 21 digits with gaps; with the profile `local`, counted from 1 with leading zeros, and `tight`
   */
  readonly sequenceNumbers?: SequenceNumberFormat | undefined
  /**
   * The region in ARNs and records, and of the SDK clients.
   * @default 'us-east-1'; with the profile `local` 'ddblocal'
   */
  readonly region?: string | undefined
}

const optionChecks: Checks<StreamEmulatorOptions> = {
  seed: check((value) => ['number', 'string'].includes(typeof value), 'a number or a string'),
  clock: check(isClock, 'an object with now, monotonic and setTimer'),
  profile: oneOf<Profile>({ aws: true, local: true }),
  behavior: checkBehavior,
  latency: aFunction,
  tableName: aName,
  keySchema: checkKeySchema,
  viewType: aViewType,
  shards: wholeNumber(1),
  sequenceNumbers: checkSequenceNumberFormat,
  region: aName,
}

/** DynamoDB Local counts from 1, across all its tables, without gaps and in 21 digits. */
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
  checkOptions('', options, optionChecks)
  const profile = options.profile ?? 'aws'
  return {
    seed: options.seed ?? 1,
    clock: options.clock ?? systemClock,
    profile,
    tableName: options.tableName ?? 'table',
    keySchema: options.keySchema ?? { hash: 'id' },
    viewType: options.viewType ?? 'NEW_AND_OLD_IMAGES',
    shards: options.shards ?? 1,
    sequenceNumbers: options.sequenceNumbers ?? (profile === 'local' ? localSequenceNumbers : undefined),
    region: options.region ?? (profile === 'local' ? 'ddblocal' : 'us-east-1'),
    account: profile === 'local' ? '000000000000' : '123456789012',
  }
}
