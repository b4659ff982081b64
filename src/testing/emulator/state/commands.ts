import type { StreamViewType } from '@aws-sdk/client-dynamodb-streams'
import { namesOf } from '../../../core/options.ts'
import type { Profile } from '../behavior/behavior.ts'
import type { LogEntry } from './log.ts'
import { below, type Random } from './random.ts'
import type { EmulatedShard, Shard } from './shard.ts'
import type { Stream } from './stream.ts'
import type { Table } from './table.ts'
import type { Duration, Visibility } from './visibility.ts'

/** A shard, by its id or as the emulator gave it. */
export type ShardRef = string | { readonly shardId: string }

/** Which records to trim. */
export type TrimOptions =
  /** All that were written before this time, and the shards that were closed before it. */
  | { readonly before: Date | number }
  /** Those of one shard, up to and with a sequence number; without it all, and a closed shard is forgotten. */
  | { readonly shard: ShardRef; readonly through?: string | undefined }

export interface RollOptions {
  /** DescribeStream doesn't show the children for so long. @default they are shown at once */
  readonly hidden?: Duration | undefined
}

export interface EnableOptions {
  /** Root shards of the new stream. @default as at first */
  readonly shards?: number | undefined
  /** @default as at first */
  readonly viewType?: StreamViewType | undefined
  /** For so many ms the stream says ENABLING and shows no shard. @default 0 */
  readonly takesMs?: number | undefined
}

export interface DeleteTableOptions {
  /**
   * Whether the streams are gone with the table, or stay readable until their retention is over.
   * @default 'gone'; with the profile `local` 'readable', as DynamoDB Local was seen to do
   */
  readonly streams?: 'gone' | 'readable' | undefined
}

export const trimOptionNames: readonly string[] = ['before', 'shard', 'through']
export const rollOptionNames: readonly string[] = namesOf<RollOptions>({ hidden: true })
export const enableOptionNames: readonly string[] = namesOf<EnableOptions>({
  shards: true,
  viewType: true,
  takesMs: true,
})
export const deleteTableOptionNames: readonly string[] = namesOf<DeleteTableOptions>({ streams: true })

/** What the emulator can be told to do with shards, records and streams. Each command is in the log. */
export interface Commands {
  find(ref: ShardRef): { readonly stream: Stream; readonly shard: Shard }
  divide(op: string, ref: ShardRef | undefined, into: number, options: RollOptions): readonly EmulatedShard[]
  closeShard(ref: ShardRef | undefined): EmulatedShard
  trim(which: TrimOptions): number
  disable(takesMs: number): void
  enable(op: string, options: EnableOptions): string
  deleteTable(options: DeleteTableOptions): void
}

export interface CommandParts {
  readonly table: Table
  readonly visibility: Visibility
  readonly random: Random
  /** The service's clock, in ms. */
  readonly now: () => number
  readonly log: (op: string, facts: Partial<LogEntry>) => void
  /** For commands that don't say otherwise. */
  readonly defaults: { readonly shards: number; readonly viewType: StreamViewType; readonly profile: Profile }
}

export function createCommands({ table, visibility, random, now, log, defaults }: CommandParts): Commands {
  const find: Commands['find'] = (ref) => {
    const shardId = typeof ref === 'string' ? ref : ref.shardId
    const found = table.findShard(shardId)
    if (!found) throw new RangeError(`The table has no shard ${shardId}`)
    return found
  }

  const findOpen = (ref: ShardRef | undefined) => {
    if (ref === undefined) {
      const stream = table.current
      const { open } = stream.topology
      const shard = open[below(random, open.length)]
      if (!shard) throw new RangeError('The stream has no open shard')
      return { stream, shard }
    }
    const found = find(ref)
    if (!found.shard.open) throw new RangeError(`The shard ${found.shard.shardId} is closed already`)
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
      if (!Number.isInteger(into) || into < 1) {
        throw new RangeError(`A shard has 1 or more children, not ${into}`)
      }
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

    trim: (which) => {
      if ('before' in which) {
        const before = Number(which.before)
        let records = 0
        for (const stream of table.streams) records += stream.retention.trimBefore(before)
        log('trim', { position: String(before), records })
        return records
      }
      const { stream, shard } = find(which.shard)
      const records = stream.retention.trimShard(shard, which.through)
      log('trim', { shard: shard.shardId, through: which.through, records })
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
      if (table.current.disabledAt === undefined) {
        throw new Error('The table has an enabled stream: disable it or delete the table first')
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

    deleteTable: ({ streams = defaults.profile === 'local' ? 'readable' : 'gone' }) => {
      closeStream(table.current)
      if (streams === 'gone') for (const stream of table.streams) stream.deleted = true
      table.clear()
      table.deleted = true
      log('deleteTable', {})
    },
  }
}

function ids(shards: readonly EmulatedShard[]): string[] {
  return shards.map(({ shardId }) => shardId)
}
