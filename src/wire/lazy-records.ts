import { OFFSET, OFFSETS_PER_RECORD, type PageLayout } from './scan-page.ts'
import type { WireRecord, WireRecords } from './wire-record.ts'

/** The members of a record as they are in the JSON, including those that this library does not know. */
type Parsed = WireRecord & Readonly<Record<string, unknown>>

/** The range of an image in the JSON text of its record; 0 to 0 if it is not known. */
interface ImageRange {
  readonly from: number
  readonly to: number
}

const unknown: ImageRange = { from: 0, to: 0 }

/**
 * A record that is still JSON text. The two images, which are most of it, are parsed when they are read; all other members
 * together when the first of them is read. Many consumers read one image, or the keys only. And what is parsed shortly
 * before it is used dies young, so that the garbage collector need not move it.
 *
 * The sequence number and the time, which the merge needs of every record, are known without parsing.
 */
export class LazyRecord implements WireRecord {
  /** An empty string if the record has none. */
  readonly sequenceNumber: string
  /** In ms; NaN if the record has none. */
  readonly createdAtMs: number
  readonly #text: string
  #newImage = unknown
  #oldImage = unknown
  #head: Parsed | undefined

  constructor(text: string, sequenceNumber: string, createdAtMs: number) {
    this.#text = text
    this.sequenceNumber = sequenceNumber
    this.createdAtMs = createdAtMs
  }

  /** Says where the images are, before anything is read. Without it they are parsed with all else. */
  imagesAt(newImage: ImageRange, oldImage: ImageRange): void {
    this.#newImage = newImage
    this.#oldImage = oldImage
  }

  /**
   * The whole record, parsed again at each access.
   * @throws SyntaxError if it is not JSON.
   */
  get parsed(): Parsed {
    return JSON.parse(this.#text)
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
    // Where an image is known, there is an object around it: that needs no look.
    const hasImages = this.#newImage.to !== 0 || this.#oldImage.to !== 0
    return hasImages ? new LazyChange(this) : this.head.dynamodb
  }

  /** The record without its images, as far as their offsets are known. */
  get head(): Parsed {
    if (this.#head === undefined) {
      const isNewFirst = this.#newImage.from < this.#oldImage.from
      const [first, second] = isNewFirst ? [this.#newImage, this.#oldImage] : [this.#oldImage, this.#newImage]
      this.#head = JSON.parse(without(without(this.#text, second), first)) as Parsed
    }
    return this.#head
  }

  get newImage(): unknown {
    return this.#image(this.#newImage) ?? this.head.dynamodb?.NewImage
  }

  get oldImage(): unknown {
    return this.#image(this.#oldImage) ?? this.head.dynamodb?.OldImage
  }

  #image({ from, to }: ImageRange): unknown {
    return to === 0 ? undefined : JSON.parse(this.#text.slice(from, to))
  }
}

/** The member `dynamodb` of a record that is still JSON text. */
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

function without(text: string, { from, to }: ImageRange): string {
  return to === 0 ? text : `${text.slice(0, from)}null${text.slice(to)}`
}

/** What is left of an answer is copied, to release the rest, only if this much (bytes) is gained by it. */
const WORTH_RELEASING_BYTES = 48 * 1024

/**
 * The records of an answer. Each `at` returns a new one, with a string of its own: a consumer who keeps one record of an
 * answer does not keep the whole answer. And when three quarters of a large answer are delivered, its last quarter is copied
 * and the rest is released; then three quarters of that quarter, and so on.
 */
export function lazyRecords(body: Buffer, layout: PageLayout): WireRecords {
  const { count, offsets, createdAtMs } = layout
  /** From here on the answer is kept, and the first record that is. */
  let offset = offsets[OFFSET.from] ?? 0
  let first = 0
  let bytes = copyIfView(body.subarray(offset, offsets[(count - 1) * OFFSETS_PER_RECORD + OFFSET.to] ?? 0))

  return {
    length: count,
    at(index) {
      if (index < first || index >= count) return undefined
      const at = index * OFFSETS_PER_RECORD
      const from = offsets[at + OFFSET.from] as number
      const to = offsets[at + OFFSET.to] as number
      const text = bytes.toString('utf8', from - offset, to - offset)
      const sequenceNumber = bytes.toString(
        'latin1',
        (offsets[at + OFFSET.sequenceNumberFrom] as number) - offset,
        (offsets[at + OFFSET.sequenceNumberTo] as number) - offset,
      )
      const record = new LazyRecord(text, sequenceNumber, createdAtMs[index] as number)
      // Only where each byte is a character, a offset in the bytes is one in the string.
      if (text.length === to - from) {
        record.imagesAt(
          imageAt(offsets, at + OFFSET.newImageFrom, from),
          imageAt(offsets, at + OFFSET.oldImageFrom, from),
        )
      }
      return record
    },
    release(before) {
      const done =
        before < count ? (offsets[before * OFFSETS_PER_RECORD + OFFSET.from] as number) - offset : 0
      if (done < WORTH_RELEASING_BYTES || done < 0.75 * bytes.length) return 0
      bytes = Buffer.from(bytes.subarray(done))
      offset += done
      first = before
      return done
    },
  }
}

/** The range whose offsets in the answer are at `offset`, counted from the record's start. */
function imageAt(offsets: Int32Array, offset: number, recordFrom: number): ImageRange {
  const to = offsets[offset + 1] as number
  return to === 0 ? unknown : { from: (offsets[offset] as number) - recordFrom, to: to - recordFrom }
}

/** A view of a larger piece of memory, such as a socket's, would keep all of that. */
function copyIfView(bytes: Buffer): Buffer {
  return bytes.buffer.byteLength > 2 * bytes.byteLength ? Buffer.from(bytes) : bytes
}
