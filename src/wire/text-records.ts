import { NUMBERS_A_RECORD, type RecordPlaces } from './scan-records.ts'
import type { WireRecord, WireRecords } from './wire-record.ts'

const quote = 0x22

/** The digits of the largest sequence number that there may be, 40, and some more. */
const LONGEST_SEQUENCE_NUMBER = 64

/** What parsing a record gives: its members as they are in the JSON, whether we know them or not. */
type Parsed = WireRecord & Readonly<Record<string, unknown>>

/**
 * A record that is still JSON text, and is parsed when somebody looks into it. Many consumers look at few records, or
 * at none; and what is parsed shortly before it is used dies young, so that the garbage collector need not move it.
 * The time and the sequence number, which the merge needs of every record, are known without.
 */
export class TextRecord implements WireRecord {
  /** `undefined` where it has none in the usual form: then it is in `dynamodb`, if anywhere. */
  readonly sequenceNumber: string | undefined
  /** In seconds, as on the wire. */
  readonly createdAt: number | undefined
  #text: string
  #parsed: Parsed | undefined

  constructor(text: string, sequenceNumber: string | undefined, createdAt: number | undefined) {
    this.#text = text
    this.sequenceNumber = sequenceNumber
    this.createdAt = createdAt
  }

  /** @throws SyntaxError where the text is no JSON. */
  get parsed(): Parsed {
    if (this.#parsed === undefined) {
      this.#parsed = JSON.parse(this.#text) as Parsed
      this.#text = ''
    }
    return this.#parsed
  }

  get eventID(): string | undefined {
    return this.parsed.eventID
  }

  get eventName(): string | undefined {
    return this.parsed.eventName
  }

  get userIdentity(): unknown {
    return this.parsed.userIdentity
  }

  get dynamodb(): WireRecord['dynamodb'] {
    return this.parsed.dynamodb
  }
}

/** How much of an answer is kept or forgotten together, at least, in bytes. */
const PIECE_BYTES = 32 * 1024

/** Smaller answers (bytes) are kept whole: the copies would take more memory, until they are collected, than the end of the answer does. */
const LARGE_BYTES = 192 * 1024

/** Some records of an answer, with memory of their own. */
interface Piece {
  /** The index after that of its last record. */
  readonly end: number
  readonly bytes: Buffer
  /** What must be taken away from a place in the answer to have the place in the piece. */
  readonly offset: number
}

/**
 * Whether the time and the sequence number of each record at these places can be known. Where they are not written as
 * usual the record is parsed for them; and that it is no JSON must be noticed before any of the answer counts as read.
 */
export function areReadable(body: Buffer, { numbers }: RecordPlaces): boolean {
  for (let at = 0; at < numbers.length; at += NUMBERS_A_RECORD) {
    const isUsual =
      sequenceNumberAt(body, numbers, at, 0) !== undefined && createdAtAt(body, numbers, at, 0) !== undefined
    if (isUsual) continue
    try {
      JSON.parse(body.toString('utf8', numbers[at], numbers[at + 1]))
    } catch {
      return false
    }
  }
  return true
}

/**
 * The records at these places. Each `at` gives a new one, with a text of its own: a consumer who keeps one record of an
 * answer does not keep the whole answer. And what was given out of a large answer does not wait for the rest of it to be
 * forgotten.
 */
export function textRecords(body: Buffer, { numbers }: RecordPlaces): WireRecords {
  const count = numbers.length / NUMBERS_A_RECORD
  const pieces = cut(body, numbers)
  let first = 0
  let current = 0

  /** Mostly that of the index before, or the next one. */
  function pieceOf(index: number): Piece | undefined {
    const isBefore = index < (pieces[current - 1]?.end ?? 0)
    if (isBefore || current < first) current = first
    for (let piece = pieces[current]; piece && piece.end <= index; piece = pieces[current]) current++
    return pieces[current]
  }

  return {
    length: count,
    at(index) {
      const piece = index >= 0 && index < count ? pieceOf(index) : undefined
      if (!piece) return undefined
      const { bytes, offset } = piece
      const at = index * NUMBERS_A_RECORD
      return new TextRecord(
        bytes.toString('utf8', (numbers[at] as number) - offset, (numbers[at + 1] as number) - offset),
        sequenceNumberAt(bytes, numbers, at, offset),
        createdAtAt(bytes, numbers, at, offset),
      )
    },
    forget(before) {
      let freed = 0
      for (let piece = pieces[first]; piece && piece.end <= before; piece = pieces[first]) {
        freed += piece.bytes.length
        pieces[first++] = undefined
      }
      return freed
    },
  }
}

/** Cuts the answer between records. What was sent around them is left behind. */
function cut(body: Buffer, numbers: Int32Array): (Piece | undefined)[] {
  const pieces: (Piece | undefined)[] = []
  let offset = numbers[0] ?? 0
  for (let at = 0; at < numbers.length; at += NUMBERS_A_RECORD) {
    const end = numbers[at + 1] as number
    const isLast = at + NUMBERS_A_RECORD === numbers.length
    if (!isLast && (end - offset < PIECE_BYTES || body.length < LARGE_BYTES)) continue
    const isAll = isLast && pieces.length === 0
    const bytes = isAll ? onItsOwn(body.subarray(offset, end)) : Buffer.from(body.subarray(offset, end))
    pieces.push({ end: at / NUMBERS_A_RECORD + 1, bytes, offset })
    offset = end + 1
  }
  return pieces
}

/** If it is a view of a larger piece of memory, such as a socket's, it would keep all of that. */
function onItsOwn(bytes: Buffer): Buffer {
  return bytes.buffer.byteLength > 2 * bytes.byteLength ? Buffer.from(bytes) : bytes
}

function sequenceNumberAt(
  bytes: Buffer,
  numbers: Int32Array,
  at: number,
  offset: number,
): string | undefined {
  const place = numbers[at + 2] as number
  return place === 0 ? undefined : shortDigits(bytes, place - offset)
}

function createdAtAt(bytes: Buffer, numbers: Int32Array, at: number, offset: number): number | undefined {
  const place = numbers[at + 3] as number
  return place === 0 ? undefined : seconds(bytes, place - offset)
}

/** The text of digits that begins at `from`; undefined for any other text. */
function shortDigits(body: Buffer, from: number): string | undefined {
  let end = from
  while (isDigit(body[end])) end++
  if (body[end] !== quote || end === from || end - from > LONGEST_SEQUENCE_NUMBER) return undefined
  return body.toString('latin1', from, end)
}

/** The whole number that begins at `from`; undefined for a value of any other form. */
function seconds(body: Buffer, from: number): number | undefined {
  let value = 0
  let end = from
  for (; isDigit(body[end]); end++) value = value * 10 + (body[end] as number) - 0x30
  const isWhole = body[end] === 0x2c || body[end] === 0x7d
  return isWhole && end > from && end - from <= 12 ? value : undefined
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}
