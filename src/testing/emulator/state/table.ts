import type { StreamViewType } from '@aws-sdk/client-dynamodb-streams'
import { aName, type Check, type Checks, checkOptions, oneOf } from '../../options/check-options.ts'
import type { Behavior } from '../behavior/behavior.ts'
import { appendRecord } from './append-record.ts'
import { type AttributeMap, keyText, pick, sameImage } from './attributes.ts'
import { hash32, type Random } from './random.ts'
import type { ItemKey, StoredRecord } from './record.ts'
import type { SequenceNumberFormat } from './sequence-numbers.ts'
import type { Shard } from './shard.ts'
import { createStream, type Stream } from './stream.ts'

/** The names of the key attributes. */
export interface KeySchema {
  /** The partition key. */
  readonly hash: string
  /** The sort key. @default the table has none */
  readonly range?: string | undefined
}

const keySchemaChecks: Checks<KeySchema> = { hash: aName, range: aName }

/** @throws StreamError `options.invalid` unless it names the partition key and, if any, the sort key. */
export function checkKeySchema(option: string, keySchema: unknown): void {
  checkOptions(option, keySchema, keySchemaChecks)
  aName(`${option}.hash`, (keySchema as KeySchema).hash)
}

export const aViewType: Check = oneOf<StreamViewType>({
  KEYS_ONLY: true,
  NEW_IMAGE: true,
  OLD_IMAGE: true,
  NEW_AND_OLD_IMAGES: true,
})

/** The table, its items and its streams: the state that the calls of the service read. */
export interface Table {
  readonly name: string
  readonly arn: string
  readonly region: string
  readonly keySchema: KeySchema
  /** The names of the key attributes, the partition key first. */
  readonly keyNames: readonly string[]
  readonly items: ReadonlyMap<string, AttributeMap>
  /** All streams that the table has ever had. The last one is the current one. */
  readonly streams: readonly Stream[]
  readonly current: Stream
  /** Whether the table itself was deleted. */
  deleted: boolean
  /** The records of all streams, in write order. */
  readonly records: readonly StoredRecord[]
  findStream(arn: string): Stream | undefined
  findShard(shardId: string): { readonly stream: Stream; readonly shard: Shard } | undefined
  /**
   * Changes an item. Returns `undefined` if there is no record because nothing changed, the stream is
   * disabled, or the shard of the key is closed while others are open.
   */
  write(write: Write): StoredRecord | undefined
  /** Starts a new stream. */
  enable(options: {
    readonly enablingForMs: number
    readonly shards: number
    readonly viewType: StreamViewType
  }): Stream
  /** Removes all items without writing records. */
  clear(): void
}

export interface Write {
  readonly keyImage: AttributeMap
  readonly key: ItemKey
  /** The new item; `undefined` deletes it. */
  readonly newImage: AttributeMap | undefined
  readonly ttl?: boolean | undefined
  readonly createdAt?: number | undefined
  /** An event name to use instead of the real one. */
  readonly eventName?: string | undefined
  readonly unknownFields?: Readonly<Record<string, unknown>> | undefined
}

export interface TableSettings {
  readonly name: string
  readonly region: string
  readonly account: string
  readonly keySchema: KeySchema
  readonly viewType: StreamViewType
  readonly shards: number
  readonly sequenceNumbers: SequenceNumberFormat | undefined
  readonly random: Random
  /** The time on the service's clock, in ms. */
  readonly now: () => number
  readonly behavior: () => Behavior
}

export function createTable(settings: TableSettings): Table {
  const { name, region, keySchema, random, now, behavior } = settings
  const arn = `arn:aws:dynamodb:${region}:${settings.account}:table/${name}`
  const keyNames = keySchema.range === undefined ? [keySchema.hash] : [keySchema.hash, keySchema.range]
  const items = new Map<string, AttributeMap>()
  const streams: Stream[] = []
  const byArn = new Map<string, Stream>()
  const records: StoredRecord[] = []
  let deleted = false

  const enable: Table['enable'] = ({ enablingForMs, shards, viewType }) => {
    const createdAt = now()
    // The label is the time of creation. It must be unique even if a manual clock has not moved.
    let at = Math.max(0, Math.trunc(createdAt))
    while (byArn.has(formatStreamArn(arn, at))) at++
    const stream = createStream({
      arn: formatStreamArn(arn, at),
      label: streamLabel(at),
      createdAt,
      viewType,
      shards,
      sequenceNumbers: settings.sequenceNumbers,
      random,
      enablingUntil: createdAt + enablingForMs,
    })
    streams.push(stream)
    byArn.set(stream.arn, stream)
    return stream
  }
  enable({ enablingForMs: 0, shards: settings.shards, viewType: settings.viewType })

  const current = () => streams[streams.length - 1] as Stream

  return {
    name,
    arn,
    region,
    keySchema,
    keyNames,
    items,
    streams,
    get current() {
      return current()
    },
    get deleted() {
      return deleted
    },
    set deleted(value) {
      deleted = value
    },
    records,
    findStream: (streamArn) => byArn.get(streamArn),
    findShard: (shardId) => {
      for (let index = streams.length - 1; index >= 0; index--) {
        const stream = streams[index] as Stream
        const shard = stream.topology.find(shardId)
        if (shard) return { stream, shard }
      }
      return undefined
    },
    write: ({ keyImage, key, newImage, ttl = false, createdAt, eventName, unknownFields }) => {
      if (deleted) throw new Error('The table was deleted. Call recreateTable() first.')
      const stream = current()
      if (stream.disabledAt === undefined && stream.topology.open.length === 0) throw noOpenShard()
      const text = keyText(keyImage, keyNames)
      const oldImage = items.get(text)
      if (newImage ? oldImage && sameImage(oldImage, newImage) : !oldImage) return undefined
      if (newImage) items.set(text, newImage)
      else items.delete(text)
      const shard = stream.topology.shardFor(hashOf(keyImage, keySchema))
      if (!shard) return undefined
      const change = {
        eventName: eventName ?? (newImage ? (oldImage ? 'MODIFY' : 'INSERT') : 'REMOVE'),
        key,
        keyText: text,
        keyImage,
        newImage,
        oldImage,
        ttl,
        createdAt,
        unknownFields,
      }
      const record = appendRecord(stream, shard, change, {
        now: now(),
        region,
        behavior: behavior(),
        random,
      })
      records.push(record)
      return record
    },
    enable,
    clear: () => items.clear(),
  }
}

/** Returns the hash of a partition key, from 0 (inclusive) to 1 (exclusive). */
export function hashOf(keyImage: AttributeMap, keySchema: KeySchema): number {
  return hash32(keyText(pick(keyImage, [keySchema.hash]), [keySchema.hash])) / 2 ** 32
}

export function noOpenShard(): RangeError {
  return new RangeError(
    'The table has no open shard. Call disable() and enable() to start a new stream, or recreateTable() if the ' +
      'table was deleted.',
  )
}

function streamLabel(at: number): string {
  return new Date(at).toISOString().slice(0, -1)
}

function formatStreamArn(tableArn: string, at: number): string {
  return `${tableArn}/stream/${streamLabel(at)}`
}
