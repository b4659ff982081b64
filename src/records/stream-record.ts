import { type InspectOptions, inspect } from 'node:util'
import { type NativeAttributeValue, unmarshall, type unmarshallOptions } from '@aws-sdk/util-dynamodb'
import { toPlainItem } from '../wire/plain-item.ts'
import { sequenceNumberOf, sizeBytesOf } from '../wire/record-fields.ts'
import type { RawRecord, WireRecord } from '../wire/wire-record.ts'
import { jsonSafe } from './json-safe.ts'

/** An item, or its key, as plain JavaScript values. */
export type PlainItem = Record<string, NativeAttributeValue>

/** What a write did to the item. */
export type StreamEventName = 'INSERT' | 'MODIFY' | 'REMOVE'

/** What a {@link StreamRecord} needs besides the record itself; the same for a whole page or shard. */
export interface RecordContext {
  readonly shardId: string
  /** Converts the record to the form of the SDK; undefined if it has that form already. */
  readonly decode?: ((record: WireRecord) => RawRecord) | undefined
  readonly unmarshallOptions?: unmarshallOptions | undefined
}

/**
 * One change of one item. Its values are parsed and converted when they are first read.
 *
 * The properties are getters of the class, so `{ ...record }`, `Object.assign`, `structuredClone(record)` and
 * `postMessage(record)` give an empty object. Destructuring, `JSON.stringify` and `console.log` work. To copy or send a record:
 *
 * - `record.toJSON()` returns a plain object of all properties but `raw`, in values that JSON can hold: see {@link toJSON};
 * - or pick what you need, as in `const { keys, newImage } = record`: the values are plain, and keep their types
 *   (`bigint`, `Set`, `Uint8Array`) in `structuredClone` and `postMessage`.
 *
 * @typeParam Image - the type of the table's items. It is not checked at run time.
 */
export class StreamRecord<Image = PlainItem> {
  readonly #wire: WireRecord
  readonly #context: RecordContext
  readonly #createdAtMs: number
  #raw: RawRecord | undefined
  #keys: Partial<Image> | undefined
  #newImage: Image | undefined
  #oldImage: Image | undefined

  /** @param createdAtMs - when the change was made; for a record without a time, that of the record before it in the shard. */
  constructor(wire: WireRecord, context: RecordContext, createdAtMs: number) {
    this.#wire = wire
    this.#context = context
    this.#createdAtMs = createdAtMs
  }

  /** Unique among all records of the stream. */
  get eventId(): string {
    return this.#wire.eventID ?? ''
  }

  /** Whether the item was inserted, modified or removed. A name that this package does not know is returned unchanged. */
  get eventName(): StreamEventName {
    return this.#wire.eventName as StreamEventName
  }

  /** The shard that holds the record. */
  get shardId(): string {
    return this.#context.shardId
  }

  /**
   * The record's position in its shard: a decimal string of 21 to 40 digits, too large for a number. It grows within a
   * shard and from parent to child; those of other shards cannot be compared.
   */
  get sequenceNumber(): string {
    return sequenceNumberOf(this.#wire)
  }

  /**
   * When the change was made, truncated to the second. If the service leaves it out, the time of the record before it in the
   * shard. A new object at each access.
   */
  get createdAt(): Date {
    return new Date(this.#createdAtMs)
  }

  /** The record's size in bytes, as the service counts it; an estimate if the service leaves it out. */
  get sizeBytes(): number {
    return sizeBytesOf(this.#wire)
  }

  /** The item's primary key, as plain values. */
  get keys(): Partial<Image> {
    this.#keys ??= this.#plain<Partial<Image>>('Keys') ?? ({} as Partial<Image>)
    return this.#keys
  }

  /** The item after the change; `undefined` for a removal, and if the stream's view type leaves it out. */
  get newImage(): Image | undefined {
    this.#newImage ??= this.#plain<Image>('NewImage')
    return this.#newImage
  }

  /** The item before the change; `undefined` for a new item, and if the stream's view type leaves it out. */
  get oldImage(): Image | undefined {
    this.#oldImage ??= this.#plain<Image>('OldImage')
    return this.#oldImage
  }

  /**
   * Whether DynamoDB itself removed the item because its time to live had passed.
   * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
   */
  get isTtlDelete(): boolean {
    const identity = this.#wire.userIdentity
    if (this.#wire.eventName !== 'REMOVE' || typeof identity !== 'object' || identity === null) return false
    // Lambda events spell the same members in lower case.
    const type = Reflect.get(identity, 'Type') ?? Reflect.get(identity, 'type')
    const principal = Reflect.get(identity, 'PrincipalId') ?? Reflect.get(identity, 'principalId')
    return type === 'Service' && principal === 'dynamodb.amazonaws.com'
  }

  /** The record as the SDK's `GetRecordsCommand` returns it, including members that this package does not know. */
  get raw(): RawRecord {
    this.#raw ??= this.#context.decode?.(this.#wire) ?? (this.#wire as RawRecord)
    return this.#raw
  }

  /**
   * A plain object of all properties except `raw`. Called by `JSON.stringify`. In the images and the keys, sets are arrays,
   * binary values are strings in base64, and `bigint` values (integers beyond 2^53) are decimal strings; `createdAt` is
   * a `Date`, which JSON writes in ISO 8601.
   */
  toJSON(): Record<string, unknown> {
    return jsonSafe(this.#values()) as Record<string, unknown>
  }

  #values(): Record<string, unknown> {
    return {
      eventId: this.eventId,
      eventName: this.eventName,
      shardId: this.shardId,
      sequenceNumber: this.sequenceNumber,
      createdAt: this.createdAt,
      sizeBytes: this.sizeBytes,
      keys: this.keys,
      newImage: this.newImage,
      oldImage: this.oldImage,
      isTtlDelete: this.isTtlDelete,
    }
  }

  #plain<Value>(member: 'Keys' | 'NewImage' | 'OldImage'): Value | undefined {
    const attributes = this.#wire.dynamodb?.[member]
    if (attributes === undefined || attributes === null) return undefined
    const { decode, unmarshallOptions } = this.#context
    const item = toPlainItem(attributes, decode ? 'json' : 'sdk', unmarshallOptions)
    return (item ?? unmarshall(this.raw.dynamodb?.[member] ?? {}, unmarshallOptions)) as Value
  }

  // Shown as its values, not as an empty object. (A method with this computed name would have no declaration.)
  static {
    Object.defineProperty(StreamRecord.prototype, inspect.custom, {
      value(this: StreamRecord, depth: number, options: InspectOptions): string {
        if (depth < 0) return `[StreamRecord ${this.sequenceNumber}]`
        return `StreamRecord ${inspect(this.#values(), options)}`
      },
    })
  }
}
