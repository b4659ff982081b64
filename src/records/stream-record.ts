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

/** What a {@link StreamRecord} needs to know besides the record itself; the same for a whole page or shard. */
export interface RecordContext {
  readonly shardId: string
  /** Makes the record what the SDK gives; left out where it is that already. */
  readonly decode?: ((record: WireRecord) => RawRecord) | undefined
  readonly unmarshallOptions?: unmarshallOptions | undefined
}

/**
 * One change of one item. Making it costs next to nothing: all values are worked out when they are first asked for.
 *
 * @typeParam Image - the type of the table's items, for those who know it; it is not checked.
 */
export class StreamRecord<Image = PlainItem> {
  readonly #wire: WireRecord
  readonly #context: RecordContext
  readonly #createdAtMs: number
  #raw: RawRecord | undefined
  #keys: Partial<Image> | undefined
  #newImage: Image | undefined
  #oldImage: Image | undefined

  /** @param createdAtMs - when it was made, or the record before it in the shard where the service does not say. */
  constructor(wire: WireRecord, context: RecordContext, createdAtMs: number) {
    this.#wire = wire
    this.#context = context
    this.#createdAtMs = createdAtMs
  }

  /** Unique among all records of the stream. */
  get eventId(): string {
    return this.#wire.eventID ?? ''
  }

  /** Whether the item is new, was changed, or is gone. A name that this package does not know is given as it came. */
  get eventName(): StreamEventName {
    return this.#wire.eventName as StreamEventName
  }

  /** The shard that holds the record. */
  get shardId(): string {
    return this.#context.shardId
  }

  /**
   * The record's place in its shard: a decimal string of 21 to 40 digits, too large for a number. It grows within a
   * shard and from parent to child; it says nothing across other shards.
   */
  get sequenceNumber(): string {
    return sequenceNumberOf(this.#wire)
  }

  /**
   * When the change was made, cut to the second; where the service leaves it out, the time of the record before it in
   * the shard. A new object at each access.
   */
  get createdAt(): Date {
    return new Date(this.#createdAtMs)
  }

  /** The record's size in bytes, as the service counts it (an estimate where it does not say). */
  get sizeBytes(): number {
    return sizeBytesOf(this.#wire)
  }

  /** The item's primary key, as plain values. */
  get keys(): Partial<Image> {
    this.#keys ??= this.#plain<Partial<Image>>('Keys') ?? ({} as Partial<Image>)
    return this.#keys
  }

  /** The item after the change; `undefined` after a removal, and where the stream's view type leaves it out. */
  get newImage(): Image | undefined {
    this.#newImage ??= this.#plain<Image>('NewImage')
    return this.#newImage
  }

  /** The item before the change; `undefined` for a new item, and where the stream's view type leaves it out. */
  get oldImage(): Image | undefined {
    this.#oldImage ??= this.#plain<Image>('OldImage')
    return this.#oldImage
  }

  /**
   * Whether DynamoDB itself removed the item because its time to live had passed.
   * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
   */
  get isTimeToLiveDelete(): boolean {
    const identity = this.#wire.userIdentity
    if (this.#wire.eventName !== 'REMOVE' || typeof identity !== 'object' || identity === null) return false
    // Lambda events spell the same members in lower case.
    const type = Reflect.get(identity, 'Type') ?? Reflect.get(identity, 'type')
    const principal = Reflect.get(identity, 'PrincipalId') ?? Reflect.get(identity, 'principalId')
    return type === 'Service' && principal === 'dynamodb.amazonaws.com'
  }

  /** The record as the SDK's `GetRecordsCommand` gives it, with members that this package does not know. */
  get raw(): RawRecord {
    this.#raw ??= this.#context.decode?.(this.#wire) ?? (this.#wire as RawRecord)
    return this.#raw
  }

  /** All that is above except `raw`; sets as arrays, binary values in base64, integers beyond 2^53 as strings. */
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
      isTimeToLiveDelete: this.isTimeToLiveDelete,
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
