import { lazyBrand } from './lazy-brand.ts'
import { OFFSET, OFFSETS_PER_RECORD, type PageLayout } from './scan-page.ts'
import type { WireRecord, WireRecords } from './wire-record.ts'

/** The members of a record as in the JSON, including members that this library does not use. */
type Parsed = WireRecord & Readonly<Record<string, unknown>>

/** The range of a value in the JSON string of its record; 0 to 0 if it is unknown. */
interface ValueRange {
  readonly from: number
  readonly to: number
}

const unknownRange: ValueRange = { from: 0, to: 0 }

/**
 * A record that is parsed lazily from its JSON string. Each of the two images, which are most of the string,
 * is parsed when it is read; all other members are parsed together when the first of them is read. Many
 * consumers read only one image, or only the keys. Objects that are parsed just before they are used are also
 * short-lived, so that the garbage collector does not have to promote them.
 *
 * The sequence number and the creation time, which the merge needs of every record, are available without
 * parsing, and so are the size and the JSON of the keys, which the processing layer needs for its lanes.
 */
export class LazyRecord implements WireRecord {
  /** The sequence number, or an empty string if the record has none. */
  readonly sequenceNumber: string
  /** The creation time in ms since 1970, or NaN if the record has none. */
  readonly createdAtMs: number
  /** The size in bytes as the service reports it; undefined if it is missing or unusual. */
  readonly sizeBytes: number | undefined
  readonly #json: string
  #newImage = unknownRange
  #oldImage = unknownRange
  #keys = unknownRange
  #keysJson: string | undefined
  #head: Parsed | undefined

  constructor(json: string, sequenceNumber: string, createdAtMs: number, sizeBytes?: number) {
    this.#json = json
    this.sequenceNumber = sequenceNumber
    this.createdAtMs = createdAtMs
    this.sizeBytes = sizeBytes
  }

  /**
   * Sets the ranges of the images and the keys, so that they are parsed separately. Called before any member
   * is read.
   */
  setRanges(newImage: ValueRange, oldImage: ValueRange, keys: ValueRange): void {
    this.#newImage = newImage
    this.#oldImage = oldImage
    this.#keys = keys
  }

  /** Sets the JSON of the keys, if their range in the string is unknown. Called before any member is read. */
  setKeysJson(json: string): void {
    this.#keysJson = json
  }

  /** The JSON of the keys. It may share memory with the record. Undefined if the keys are not an object. */
  get keysJson(): string | undefined {
    const { from, to } = this.#keys
    return to === 0 ? this.#keysJson : this.#json.slice(from, to)
  }

  /**
   * The whole record, parsed again on each access.
   * @throws SyntaxError if it is not valid JSON.
   */
  get parsed(): Parsed {
    return JSON.parse(this.#json)
  }

  get eventID(): string | undefined {
    return this.head.eventID
  }

  get eventName(): string | undefined {
    return this.head.eventName
  }

  get userIdentity(): unknown {
    return this.head.userIdentity
  }

  get dynamodb(): WireRecord['dynamodb'] {
    // A record with a known image range has a `dynamodb` object, so it need not be parsed yet.
    const hasImages = this.#newImage.to !== 0 || this.#oldImage.to !== 0
    return hasImages ? new LazyChange(this) : this.head.dynamodb
  }

  /** The record without its images, if their ranges are known. */
  get head(): Parsed {
    if (this.#head === undefined) {
      const isNewFirst = this.#newImage.from < this.#oldImage.from
      const [first, second] = isNewFirst ? [this.#newImage, this.#oldImage] : [this.#oldImage, this.#newImage]
      this.#head = JSON.parse(without(without(this.#json, second), first)) as Parsed
    }
    return this.#head
  }

  get newImage(): unknown {
    return this.#image(this.#newImage) ?? this.head.dynamodb?.NewImage
  }

  get oldImage(): unknown {
    return this.#image(this.#oldImage) ?? this.head.dynamodb?.OldImage
  }

  #image({ from, to }: ValueRange): unknown {
    return to === 0 ? undefined : JSON.parse(this.#json.slice(from, to))
  }

  static {
    Object.defineProperty(LazyRecord.prototype, lazyBrand, { value: true })
  }
}

/** The `dynamodb` member of a {@link LazyRecord}. */
class LazyChange {
  readonly #record: LazyRecord

  constructor(record: LazyRecord) {
    this.#record = record
  }

  get ApproximateCreationDateTime(): Date | number | undefined {
    return this.#record.head.dynamodb?.ApproximateCreationDateTime
  }

  get SequenceNumber(): string | undefined {
    return this.#record.head.dynamodb?.SequenceNumber
  }

  get SizeBytes(): number | undefined {
    return this.#record.head.dynamodb?.SizeBytes
  }

  get Keys(): unknown {
    return this.#record.head.dynamodb?.Keys
  }

  get NewImage(): unknown {
    return this.#record.newImage
  }

  get OldImage(): unknown {
    return this.#record.oldImage
  }
}

/** Replaces an image with `null`. */
function without(json: string, { from, to }: ValueRange): string {
  return to === 0 ? json : `${json.slice(0, from)}null${json.slice(to)}`
}

/** The remainder of a response is copied only if that releases at least this many bytes. */
const MIN_RELEASED_BYTES = 48 * 1024

/**
 * Returns the records of a response. Each call of `at` returns a new record with a string of its own, so that
 * a consumer that keeps one record does not keep the whole response in memory. When three quarters of a large
 * response have been delivered, its last quarter is copied and the rest is released; then three quarters of
 * that quarter, and so on.
 */
export function lazyRecords(body: Buffer, layout: PageLayout): WireRecords {
  const { count, offsets, createdAtMs, sizeBytes } = layout
  /** The offset in the response at which the retained bytes start. */
  let offset = offsets[OFFSET.from] ?? 0
  /** The index of the first retained record. */
  let first = 0
  let bytes = copyIfView(body.subarray(offset, offsets[(count - 1) * OFFSETS_PER_RECORD + OFFSET.to] ?? 0))

  return {
    length: count,
    at(index) {
      if (index < first || index >= count) return undefined
      const at = index * OFFSETS_PER_RECORD
      const from = offsets[at + OFFSET.from] as number
      const to = offsets[at + OFFSET.to] as number
      const json = bytes.toString('utf8', from - offset, to - offset)
      const sequenceNumber = bytes.toString(
        'latin1',
        (offsets[at + OFFSET.sequenceNumberFrom] as number) - offset,
        (offsets[at + OFFSET.sequenceNumberTo] as number) - offset,
      )
      const size = sizeBytes[index] as number
      const record = new LazyRecord(
        json,
        sequenceNumber,
        createdAtMs[index] as number,
        size < 0 ? undefined : size,
      )
      // Byte offsets are string offsets only if every character is a single byte.
      if (json.length === to - from) {
        record.setRanges(
          valueRange(offsets, at + OFFSET.newImageFrom, from),
          valueRange(offsets, at + OFFSET.oldImageFrom, from),
          valueRange(offsets, at + OFFSET.keysFrom, from),
        )
      } else if (offsets[at + OFFSET.keysTo] !== 0) {
        const keysFrom = offsets[at + OFFSET.keysFrom] as number
        const keysTo = offsets[at + OFFSET.keysTo] as number
        record.setKeysJson(bytes.toString('utf8', keysFrom - offset, keysTo - offset))
      }
      return record
    },
    release(before) {
      const released =
        before < count ? (offsets[before * OFFSETS_PER_RECORD + OFFSET.from] as number) - offset : 0
      if (released < MIN_RELEASED_BYTES || released < 0.75 * bytes.length) return 0
      bytes = Buffer.from(bytes.subarray(released))
      offset += released
      first = before
      return released
    },
  }
}

/** Returns the range that is stored at `index` of `offsets`, relative to the start of the record. */
function valueRange(offsets: Int32Array, index: number, recordFrom: number): ValueRange {
  const to = offsets[index + 1] as number
  return to === 0 ? unknownRange : { from: (offsets[index] as number) - recordFrom, to: to - recordFrom }
}

/** Copies a view of a much larger buffer, such as a socket's, so that the buffer can be freed. */
function copyIfView(bytes: Buffer): Buffer {
  return bytes.buffer.byteLength > 2 * bytes.byteLength ? Buffer.from(bytes) : bytes
}
