import { type InspectOptions, inspect } from 'node:util'
import { type NativeAttributeValue, unmarshall, type unmarshallOptions } from '@aws-sdk/util-dynamodb'
import { asLazyRecord } from '../wire/as-lazy-record.ts'
import type { LazyRecord } from '../wire/lazy-records.ts'
import { toPlainItem } from '../wire/plain-item.ts'
import { sequenceNumberOf, sizeBytesOf } from '../wire/record-fields.ts'
import type { RawRecord, WireRecord } from '../wire/wire-record.ts'
import { itemKeyOf } from './item-key.ts'
import { jsonSafe } from './json-safe.ts'

/** An item, or its primary key, as plain JavaScript values. */
export type PlainItem = Record<string, NativeAttributeValue>

/** The kind of change: the item was inserted, modified or removed. */
export type StreamEventName = 'INSERT' | 'MODIFY' | 'REMOVE'

/** What a {@link StreamRecord} needs in addition to the record itself, shared by all records of a page. */
export interface RecordContext {
  readonly shardId: string
  readonly streamArn?: string | undefined
  /** Converts the record to the SDK's form; undefined if it already has that form. */
  readonly decode?: ((record: WireRecord) => RawRecord) | undefined
  readonly unmarshallOptions?: unmarshallOptions | undefined
}

/**
 * The keys and images of a record, such as the output of a schema.
 * @internal
 */
export interface RecordValues {
  readonly keys?: unknown
  readonly newImage?: unknown
  readonly oldImage?: unknown
}

/**
 * One change of one item. Values are parsed and converted lazily, on first access.
 *
 * The properties are getters of the class, so `{ ...record }`, `Object.assign`, `structuredClone(record)` and
 * `postMessage(record)` produce an empty object. Destructuring, `JSON.stringify` and `console.log` work as
 * expected. To copy or send a record, choose one of:
 *
 * - `record.toJSON()` returns a plain object with all properties except `raw`, whose values can be written as
 *   JSON. See {@link StreamRecord.toJSON}.
 * - `const { keys, newImage } = record` picks the properties that you need. Their values are plain, and keep
 *   their types (`bigint`, `Set`, `Uint8Array`) in `structuredClone` and `postMessage`.
 *
 * The keys and images are converted once. Do not change them: the retries and the other tasks of
 * `processStream` would receive the changed values. Change a copy: `structuredClone(record.newImage)`.
 *
 * @typeParam Image - the type of the table's items. It is not checked at run time.
 * @typeParam OldImage - the type of `oldImage`, if it differs, as with the `schema` of `processStream`.
 * @typeParam Keys - the type of `keys`.
 */
export class StreamRecord<Image = PlainItem, OldImage = Image, Keys = Partial<Image>> {
  readonly #wire: WireRecord
  readonly #context: RecordContext
  readonly #createdAtMs: number
  #raw: RawRecord | undefined
  #keys: Keys | undefined
  #newImage: Image | undefined
  #oldImage: OldImage | undefined
  #itemKey: string | undefined

  /**
   * @param createdAtMs - when the change was made or, if unknown, the time of the previous record.
   * @internal
   */
  constructor(wire: WireRecord, context: RecordContext, createdAtMs: number) {
    this.#wire = wire
    this.#context = context
    this.#createdAtMs = createdAtMs
  }

  /** The id of the record, which is unique within the stream. */
  get eventId(): string {
    return this.#wire.eventID ?? ''
  }

  /** Whether the item was inserted, modified or removed. Unknown names are returned unchanged. */
  get eventName(): StreamEventName {
    return this.#wire.eventName as StreamEventName
  }

  /** The id of the shard that contains the record. */
  get shardId(): string {
    return this.#context.shardId
  }

  /**
   * The record's position in its shard: a decimal string of 21 to 40 digits, which is too large for a
   * JavaScript number. Sequence numbers increase within a shard and from parent to child. Those of unrelated
   * shards cannot be compared.
   */
  get sequenceNumber(): string {
    return sequenceNumberOf(this.#wire)
  }

  /**
   * When the change was made, truncated to the second. If the service omits it, the time of the previous
   * record in the shard. Each access returns a new `Date`.
   */
  get createdAt(): Date {
    return new Date(this.#createdAtMs)
  }

  /** The size of the record in bytes, as reported by the service, or an estimate if the service omits it. */
  get sizeBytes(): number {
    return sizeBytesOf(this.#wire)
  }

  /** The primary key of the item, as plain values. */
  get keys(): Keys {
    this.#keys ??= this.#plain<Keys>('Keys') ?? ({} as Keys)
    return this.#keys
  }

  /**
   * The primary key of the item as a string: equal for two records if and only if they are changes of the
   * same item of the table. A record without keys gets a string of its own.
   * @internal
   */
  get itemKey(): string {
    this.#itemKey ??= itemKeyOf(this.#wire) ?? `#${this.shardId}/${this.sequenceNumber}`
    return this.#itemKey
  }

  /**
   * The record as it was read lazily from a response; undefined if it has another form.
   * @internal
   */
  get lazyWire(): LazyRecord | undefined {
    return asLazyRecord(this.#wire)
  }

  /**
   * The ARN of the stream that contains the record, if it is known.
   * @internal
   */
  get streamArn(): string | undefined {
    return this.#context.streamArn
  }

  /** The item after the change; `undefined` if it was removed, or if the view type excludes new images. */
  get newImage(): Image | undefined {
    this.#newImage ??= this.#plain<Image>('NewImage')
    return this.#newImage
  }

  /** The item before the change; `undefined` if it is new, or if the view type excludes old images. */
  get oldImage(): OldImage | undefined {
    this.#oldImage ??= this.#plain<OldImage>('OldImage')
    return this.#oldImage
  }

  /**
   * Whether DynamoDB removed the item because its time to live (TTL) expired.
   * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
   */
  get isTtlDelete(): boolean {
    const identity = this.#wire.userIdentity
    if (this.#wire.eventName !== 'REMOVE' || typeof identity !== 'object' || identity === null) return false
    // In Lambda events, the same members start with a lower-case letter.
    const type = Reflect.get(identity, 'Type') ?? Reflect.get(identity, 'type')
    const principal = Reflect.get(identity, 'PrincipalId') ?? Reflect.get(identity, 'principalId')
    return type === 'Service' && principal === 'dynamodb.amazonaws.com'
  }

  /** The record as returned by the SDK's `GetRecordsCommand`, including members not exposed here. */
  get raw(): RawRecord {
    this.#raw ??= this.#context.decode?.(this.#wire) ?? (this.#wire as RawRecord)
    return this.#raw
  }

  /**
   * Returns a plain object with all properties except `raw`. `JSON.stringify` calls it. In the keys and
   * images, sets become arrays, binary values become base64 strings, and `bigint` values (integers beyond
   * 2^53) become decimal strings. `createdAt` is a `Date`, which `JSON.stringify` writes in ISO 8601 format.
   */
  toJSON(): Record<string, unknown> {
    return jsonSafe(this.#values()) as Record<string, unknown>
  }

  /**
   * Returns a copy of the record with other keys and images, and everything else unchanged, including `raw`.
   * @param values - the new values, by property. Any value is allowed, including `undefined`.
   * @internal
   */
  withValues(values: RecordValues): StreamRecord {
    return new RecordWithValues(this.#wire, this.#context, this.#createdAtMs, this, values) as StreamRecord
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

  // Without it, console.log would show an empty object. Not a method, because a method with this computed
  // name would be missing from the type declarations.
  static {
    Object.defineProperty(StreamRecord.prototype, inspect.custom, {
      value(this: StreamRecord, depth: number, options: InspectOptions): string {
        if (depth < 0) return `[StreamRecord ${this.sequenceNumber}]`
        return `StreamRecord ${inspect(this.#values(), options)}`
      },
    })
  }
}

type AnyRecord = StreamRecord<unknown, unknown, unknown>

/** A record with other keys and images. Those that are not replaced are parsed only once, by the original. */
class RecordWithValues extends StreamRecord<unknown, unknown, unknown> {
  readonly #original: AnyRecord
  readonly #replaced: RecordValues

  constructor(
    wire: WireRecord,
    context: RecordContext,
    createdAtMs: number,
    original: AnyRecord,
    replaced: RecordValues,
  ) {
    super(wire, context, createdAtMs)
    this.#original = original
    this.#replaced = replaced
  }

  override get keys(): unknown {
    return ('keys' in this.#replaced ? this.#replaced : this.#original).keys
  }

  override get newImage(): unknown {
    return ('newImage' in this.#replaced ? this.#replaced : this.#original).newImage
  }

  override get oldImage(): unknown {
    return ('oldImage' in this.#replaced ? this.#replaced : this.#original).oldImage
  }
}
