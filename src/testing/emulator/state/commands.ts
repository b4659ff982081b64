import type { StreamViewType } from '@aws-sdk/client-dynamodb-streams'
import { StreamError } from '../../../core/errors.ts'
import { integer } from '../../../core/options.ts'
import {
  aTime,
  type Check,
  type Checks,
  check,
  checkOptions,
  numberFrom,
  oneOf,
  wholeNumber,
} from '../../options/check-options.ts'
import type { Profile } from '../behavior/behavior.ts'
import type { LogEntry } from './log.ts'
import { below, type Random } from './random.ts'
import { aSequenceNumber } from './sequence-numbers.ts'
import type { EmulatedShard, Shard } from './shard.ts'
import type { Stream } from './stream.ts'
import { aViewType, noOpenShard, type Table } from './table.ts'
import { type Duration, durationChecks, type Visibility } from './visibility.ts'

/** A shard: its id, or an object with its id, such as an {@link EmulatedShard}. */
export type ShardRef = string | { readonly shardId: string }

export const aShard: Check = check(
  (value) => typeof (typeof value === 'string' ? value : (value as ShardRef & object)?.shardId) === 'string',
  'a shard: its id, or an object with a shardId',
)

/** Selects the records to trim. */
export type TrimOptions =
  /**
   * Trims all records written before this time, a `Date` or ms since 1970, on all streams of the table.
   * Shards that were closed before it expire.
   */
  | { readonly before: Date | number }
  /**
   * Trims the records of one shard up to and including the sequence number `through`. Without `through`, all
   * its records are trimmed, and a closed shard expires.
   */
  | { readonly shard: ShardRef; readonly through?: string | undefined }

/** Options of `StreamEmulator.split` and `StreamEmulator.roll`. */
export interface RollOptions {
  /** How long DescribeStream does not list the children. @default they are listed immediately */
  readonly hidden?: Duration | undefined
}

/** Options of `StreamEmulator.enable` and `StreamEmulator.recreateTable`. */
export interface EnableOptions {
  /** The number of root shards of the new stream. @default the `shards` option of the emulator */
  readonly shards?: number | undefined
  /** Which images the records contain. @default the `viewType` option of the emulator */
  readonly viewType?: StreamViewType | undefined
  /** How many ms the stream has the status ENABLING and lists no shards. @default 0 */
  readonly takesMs?: number | undefined
}

/** Options of `StreamEmulator.deleteTable`. */
export interface DeleteTableOptions {
  /**
   * Whether the streams are deleted with the table, or stay readable until their retention ends.
   * @default 'deleted'; 'readable' with the profile `local`, as observed in DynamoDB Local
   */
  readonly streams?: 'deleted' | 'readable' | undefined
}

/** The members of {@link TrimOptions}. */
interface TrimMembers {
  readonly before?: Date | number | undefined
  readonly shard?: ShardRef | undefined
  readonly through?: string | undefined
}

const trimChecks: Checks<TrimMembers> = {
  before: aTime,
  shard: aShard,
  through: aSequenceNumber,
}
export const rollChecks: Checks<RollOptions> = {
  hidden: (option, value) => checkOptions(option, value, durationChecks),
}
export const disableChecks: Checks<Pick<EnableOptions, 'takesMs'>> = { takesMs: numberFrom(0) }
export const enableChecks: Checks<EnableOptions> = {
  ...disableChecks,
  shards: wholeNumber(1),
  viewType: aViewType,
}
export const deleteTableChecks: Checks<DeleteTableOptions> = {
  streams: oneOf<NonNullable<DeleteTableOptions['streams']>>({ deleted: true, readable: true }),
}

function checkTrimOptions(options: TrimMembers): void {
  checkOptions('', options, trimChecks)
  const { before, shard } = options
  if ((before === undefined) !== (shard === undefined)) return
  const details = { option: 'before', value: before, expected: 'either before or shard' }
  throw new StreamError('options.invalid', 'trim() requires either before or shard.', details)
}

/** The emulator's commands for shards, records and streams. Each of them is logged. */
export interface Commands {
  find(ref: ShardRef): { readonly stream: Stream; readonly shard: Shard }
  divide(op: string, ref: ShardRef | undefined, into: number, options: RollOptions): readonly EmulatedShard[]
  closeShard(ref: ShardRef | undefined): EmulatedShard
  trim(options: TrimOptions): number
  disable(takesMs: number): void
  enable(op: 'enable' | 'recreateTable', options: EnableOptions): string
  deleteTable(options: DeleteTableOptions): void
}

export interface CommandParts {
  readonly table: Table
  readonly visibility: Visibility
  readonly random: Random
  /** The time on the service's clock, in ms. */
  readonly now: () => number
  readonly log: (op: string, fields: Partial<LogEntry>) => void
  /** Defaults for the options of commands. */
  readonly defaults: { readonly shards: number; readonly viewType: StreamViewType; readonly profile: Profile }
}

export function createCommands({ table, visibility, random, now, log, defaults }: CommandParts): Commands {
  const find: Commands['find'] = (ref) => {
    aShard('shard', ref)
    const shardId = typeof ref === 'string' ? ref : ref.shardId
    const found = table.findShard(shardId)
    if (!found)
      throw new RangeError(
        `The table has no shard ${shardId}. emulator.shards lists those of the current stream.`,
      )
    return found
  }

  const findOpen = (ref: ShardRef | undefined) => {
    if (ref === undefined) {
      const stream = table.current
      const { open } = stream.topology
      const shard = open[below(random, open.length)]
      if (!shard) throw noOpenShard()
      return { stream, shard }
    }
    const found = find(ref)
    if (!found.shard.open)
      throw new RangeError(
        `Shard ${found.shard.shardId} is already closed. emulator.openShards lists the open ones.`,
      )
    return found
  }

  const closeStream = (stream: Stream) => {
    for (const shard of [...stream.topology.open]) stream.topology.close(shard, now())
    stream.retention.trackOldest(now())
    stream.disabledAt ??= now()
  }

  return {
    find,

    divide: (op, ref, into, { hidden }) => {
      integer('into', into, 1, Number.MAX_SAFE_INTEGER)
      const { stream, shard } = findOpen(ref)
      const children = stream.topology.divide(shard, into, now())
      stream.retention.trackOldest(now())
      if (hidden) for (const { shardId } of children) visibility.hide(shardId, now(), hidden)
      log(op, { shard: shard.shardId, shards: ids(children) })
      return children
    },

    closeShard: (ref) => {
      const { stream, shard } = findOpen(ref)
      stream.topology.close(shard, now())
      stream.retention.trackOldest(now())
      log('closeShard', { shard: shard.shardId })
      return shard
    },

    trim: (options: TrimMembers) => {
      checkTrimOptions(options)
      const { through } = options
      if (options.shard === undefined) {
        const before = Number(options.before)
        let records = 0
        for (const stream of table.streams) records += stream.retention.trimBefore(before)
        log('trim', { position: String(before), records })
        return records
      }
      const { stream, shard } = find(options.shard)
      const records = stream.retention.trimShard(shard, through)
      log('trim', { shard: shard.shardId, through, records })
      return records
    },

    disable: (takesMs) => {
      const stream = table.current
      if (stream.disabledAt !== undefined) return
      closeStream(stream)
      stream.changingUntil = now() + takesMs
      log('disable', {})
    },

    enable: (op, options) => {
      if (op === 'recreateTable' && !table.deleted) {
        throw new Error('The table was not deleted. Call deleteTable() first.')
      }
      if (op === 'enable' && table.deleted) {
        throw new Error('The table was deleted. Call recreateTable() instead.')
      }
      if (table.current.disabledAt === undefined) {
        throw new Error('The current stream is still enabled. Call disable() first.')
      }
      table.deleted = false
      const stream = table.enable({
        enablingForMs: options.takesMs ?? 0,
        shards: options.shards ?? defaults.shards,
        viewType: options.viewType ?? defaults.viewType,
      })
      log(op, { shards: ids(stream.topology.shards) })
      return stream.arn
    },

    deleteTable: ({ streams = defaults.profile === 'local' ? 'readable' : 'deleted' }) => {
      closeStream(table.current)
      if (streams === 'deleted') for (const stream of table.streams) stream.deleted = true
      table.clear()
      table.deleted = true
      log('deleteTable', {})
    },
  }
}

function ids(shards: readonly EmulatedShard[]): string[] {
  return shards.map(({ shardId }) => shardId)
}
