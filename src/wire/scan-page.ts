/**
 * The byte offsets of the records in a GetRecords response, and the fields of each record that the merge
 * needs. They are found in a single pass that parses nothing else.
 */
export interface PageLayout {
  /** The number of records. */
  readonly count: number
  /** For each record, its byte offsets in the order of {@link OFFSET}. A missing range ends at 0. */
  readonly offsets: Int32Array
  /** For each record, its creation time in ms since 1970, or NaN if it has none. */
  readonly createdAtMs: Float64Array
  /** For each record, its size in bytes as the service reports it, or -1 if that is not a plain integer. */
  readonly sizeBytes: Int32Array
  /** The offset after the opening bracket of the array of records. */
  readonly from: number
  /** The offset of the closing bracket of the array of records. */
  readonly to: number
}

export const OFFSETS_PER_RECORD = 10

/** The index of each offset within the offsets of a record. Each `…To` is exclusive. */
export const OFFSET = {
  from: 0,
  to: 1,
  sequenceNumberFrom: 2,
  sequenceNumberTo: 3,
  newImageFrom: 4,
  newImageTo: 5,
  oldImageFrom: 6,
  oldImageTo: 7,
  keysFrom: 8,
  keysTo: 9,
} as const

const tab = 0x09
const lineFeed = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const lowerN = 0x6e
const openBrace = 0x7b
const closeBrace = 0x7d

/** The kind of each byte outside of strings, as far as it matters for finding the end of a value. */
const kindOf = new Uint8Array(256)
const STRING = 1
const OPEN = 2
const CLOSE = 3
/** A byte of a number, `true`, `false` or `null`. */
const SCALAR = 4
kindOf[quote] = STRING
kindOf[openBrace] = kindOf[openBracket] = OPEN
kindOf[closeBrace] = kindOf[closeBracket] = CLOSE
for (const byte of Buffer.from('+-.0123456789Eaeflnrstu')) kindOf[byte] = SCALAR

/** AWS documents at most 40 digits. */
const MAX_SEQUENCE_NUMBER_DIGITS = 64

/** Returned instead of an offset if the response has to be parsed with `JSON.parse`. */
const UNUSUAL = -1

/**
 * Locates the records of a GetRecords response. Whitespace, the order of members and the format of numbers do
 * not matter.
 *
 * Returns undefined if the response is truncated, or is not an object with an array `Records`. Also returns
 * undefined for JSON that no known service writes and that would be misread here: names with escape
 * sequences, two arrays of records, a record that is not an object, a sequence number that is not a string of
 * digits, or a time that is not a number.
 *
 * The caller has to check what follows the object. The values of other members are skipped by matching quotes
 * and brackets, so that invalid JSON in a record is detected only when the record is parsed.
 */
export function scanPage(body: Buffer): PageLayout | undefined {
  current.count = 0
  current.from = current.to = 0
  current.timeFrom = current.timeTo = 0
  const end = scanObject(body, skipSpace(body, 0), RESPONSE)
  if (end === UNUSUAL || current.from === 0) return undefined
  const { count, offsets, createdAtMs, sizeBytes, from, to } = current
  return {
    count,
    offsets: offsets.slice(0, count * OFFSETS_PER_RECORD),
    createdAtMs: createdAtMs.slice(0, count),
    sizeBytes: sizeBytes.slice(0, count),
    from,
    to,
  }
}

/** The layout of the response that is being scanned. Its memory is reused for the next response. */
const current = {
  count: 0,
  offsets: new Int32Array(128 * OFFSETS_PER_RECORD),
  createdAtMs: new Float64Array(128),
  sizeBytes: new Int32Array(128),
  from: 0,
  to: 0,
  /** The range and the value of the last creation time. Consecutive records mostly have the same one. */
  timeFrom: 0,
  timeTo: 0,
  timeMs: 0,
}

function grow(): void {
  const { offsets, createdAtMs, sizeBytes } = current
  current.offsets = new Int32Array(2 * offsets.length)
  current.offsets.set(offsets)
  current.createdAtMs = new Float64Array(2 * createdAtMs.length)
  current.createdAtMs.set(createdAtMs)
  current.sizeBytes = new Int32Array(2 * sizeBytes.length)
  current.sizeBytes.set(sizeBytes)
}

/** The objects whose members are scanned: the response, a record, and its `dynamodb` member. */
const RESPONSE = 0
const RECORD = 1
const CHANGE = 2
type Level = typeof RESPONSE | typeof RECORD | typeof CHANGE

/** Returns the offset after the closing brace. */
function scanObject(body: Buffer, from: number, level: Level): number {
  if (body[from] !== openBrace) return UNUSUAL
  let index = skipSpace(body, from + 1)
  if (body[index] === closeBrace) return index + 1
  for (;;) {
    const nameTo = endOfName(body, index)
    const colonAt = skipSpace(body, nameTo + 1)
    if (nameTo === UNUSUAL || body[colonAt] !== colon) return UNUSUAL
    index = scanMember(body, level, index + 1, nameTo, skipSpace(body, colonAt + 1))
    if (index === UNUSUAL) return UNUSUAL
    index = skipSpace(body, index)
    if (body[index] === closeBrace) return index + 1
    if (body[index] !== comma) return UNUSUAL
    index = skipSpace(body, index + 1)
  }
}

/** Returns the offset after the value that starts at `value`. */
function scanMember(body: Buffer, level: Level, nameFrom: number, nameTo: number, value: number): number {
  const length = nameTo - nameFrom
  if (level === RESPONSE) {
    if (length === RECORDS.length && startsWith(body, nameFrom, RECORDS)) return scanRecords(body, value)
  } else if (level === RECORD) {
    if (length === DYNAMODB.length && startsWith(body, nameFrom, DYNAMODB)) return scanChange(body, value)
  } else if (length === NEW_IMAGE.length) {
    if (startsWith(body, nameFrom, NEW_IMAGE)) return scanAttributes(body, OFFSET.newImageFrom, value)
    if (startsWith(body, nameFrom, OLD_IMAGE)) return scanAttributes(body, OFFSET.oldImageFrom, value)
  } else if (length === KEYS.length) {
    if (startsWith(body, nameFrom, KEYS)) return scanAttributes(body, OFFSET.keysFrom, value)
  } else if (length === SEQUENCE_NUMBER.length) {
    if (startsWith(body, nameFrom, SEQUENCE_NUMBER)) return scanSequenceNumber(body, value)
  } else if (length === TIME.length) {
    if (startsWith(body, nameFrom, TIME)) return scanTime(body, value)
  } else if (length === SIZE.length) {
    if (startsWith(body, nameFrom, SIZE)) return scanSize(body, value)
  }
  return skipValue(body, value)
}

const RECORDS = Buffer.from('Records')
const DYNAMODB = Buffer.from('dynamodb')
const KEYS = Buffer.from('Keys')
const NEW_IMAGE = Buffer.from('NewImage')
const OLD_IMAGE = Buffer.from('OldImage')
const SEQUENCE_NUMBER = Buffer.from('SequenceNumber')
const TIME = Buffer.from('ApproximateCreationDateTime')
const SIZE = Buffer.from('SizeBytes')

function scanRecords(body: Buffer, bracket: number): number {
  if (current.from !== 0 || body[bracket] !== openBracket) return UNUSUAL
  current.from = bracket + 1
  let index = skipSpace(body, current.from)
  while (body[index] !== closeBracket) {
    const end = scanRecord(body, index)
    if (end === UNUSUAL) return UNUSUAL
    index = skipSpace(body, end)
    if (body[index] === closeBracket) break
    if (body[index] !== comma) return UNUSUAL
    index = skipSpace(body, index + 1)
    if (body[index] === closeBracket) return UNUSUAL
  }
  current.to = index
  return index + 1
}

function scanRecord(body: Buffer, from: number): number {
  if (current.count === current.createdAtMs.length) grow()
  clearChange()
  const to = scanObject(body, from, RECORD)
  setOffset(OFFSET.from, from)
  setOffset(OFFSET.to, to)
  current.count++
  return to
}

/** If a name occurs twice, the last member counts, as in `JSON.parse`. */
function scanChange(body: Buffer, value: number): number {
  clearChange()
  return body[value] === openBrace ? scanObject(body, value, CHANGE) : skipValue(body, value)
}

function clearChange(): void {
  for (let field: number = OFFSET.sequenceNumberFrom; field < OFFSETS_PER_RECORD; field++) setOffset(field, 0)
  current.createdAtMs[current.count] = Number.NaN
  current.sizeBytes[current.count] = -1
}

function setOffset(field: number, index: number): void {
  current.offsets[current.count * OFFSETS_PER_RECORD + field] = index
}

/** Scans an image or the keys. */
function scanAttributes(body: Buffer, field: number, value: number): number {
  const isObject = body[value] === openBrace
  const to = skipValue(body, value)
  setOffset(field, value)
  setOffset(field + 1, isObject ? to : 0)
  return to
}

function scanSequenceNumber(body: Buffer, value: number): number {
  const isNull = body[value] === lowerN
  if (!isNull && body[value] !== quote) return UNUSUAL
  const from = isNull ? 0 : value + 1
  const to = isNull ? 0 : endOfDigits(body, from)
  setOffset(OFFSET.sequenceNumberFrom, from)
  setOffset(OFFSET.sequenceNumberTo, to)
  if (isNull) return skipValue(body, value)
  const length = to - from
  return body[to] === quote && length > 0 && length <= MAX_SEQUENCE_NUMBER_DIGITS ? to + 1 : UNUSUAL
}

function scanTime(body: Buffer, value: number): number {
  if (kindOf[body[value] as number] !== SCALAR) return UNUSUAL
  const to = skipValue(body, value)
  if (!isSameTime(body, value, to)) {
    const seconds = parseScalar(body.toString('latin1', value, to))
    if (typeof seconds !== 'number' && seconds !== null) return UNUSUAL
    current.timeMs = seconds === null ? Number.NaN : Math.round(seconds * 1000)
    current.timeFrom = value
    current.timeTo = to
  }
  current.createdAtMs[current.count] = current.timeMs
  return to
}

/** More digits may not fit into 32 bits. The service limits a record to less than 2 MB. */
const MAX_SIZE_DIGITS = 9

function scanSize(body: Buffer, value: number): number {
  const to = skipValue(body, value)
  const isPlain = endOfDigits(body, value) === to && to - value <= MAX_SIZE_DIGITS
  let size = 0
  for (let index = value; isPlain && index < to; index++) size = 10 * size + (body[index] as number) - 0x30
  current.sizeBytes[current.count] = isPlain ? size : -1
  return to
}

function isSameTime(body: Buffer, from: number, to: number): boolean {
  const back = from - current.timeFrom
  if (to - back !== current.timeTo) return false
  for (let index = from; index < to; index++) if (body[index] !== body[index - back]) return false
  return true
}

/** Returns the offset of the quote that closes the name whose opening quote is at `from`. */
function endOfName(body: Buffer, from: number): number {
  if (body[from] !== quote) return UNUSUAL
  for (let index = from + 1; index < body.length; index++) {
    const byte = body[index]
    if (byte === quote) return index
    if (byte === backslash) return UNUSUAL
  }
  return UNUSUAL
}

function startsWith(body: Buffer, from: number, name: Buffer): boolean {
  for (let index = 0; index < name.length; index++) if (body[from + index] !== name[index]) return false
  return true
}

/** Returns the offset after the value that starts at `from`. */
function skipValue(body: Buffer, from: number): number {
  switch (kindOf[body[from] as number]) {
    case STRING:
      return skipString(body, from + 1)
    case OPEN:
      return skipContainer(body, from)
    case SCALAR: {
      let index = from + 1
      while (kindOf[body[index] as number] === SCALAR) index++
      return index
    }
    default:
      return UNUSUAL
  }
}

function skipString(body: Buffer, from: number): number {
  const { length } = body
  for (let index = from; index < length; index++) {
    const byte = body[index]
    if (byte === quote) return index + 1
    if (byte === backslash) index++ // an escaped character does not end the string
  }
  return UNUSUAL
}

/** Most bytes of a response pass through this loop: it is most of the cost of a record that is not parsed. */
function skipContainer(body: Buffer, from: number): number {
  const { length } = body
  let depth = 0
  let index = from
  while (index < length) {
    const byte = body[index++] as number
    if (byte === quote) {
      while (index < length) {
        const inside = body[index++]
        if (inside === quote) break
        if (inside === backslash) index++
      }
    } else if (byte >= openBracket) {
      // Brackets and braces differ only in this bit.
      const bracket = byte | 0x20
      if (bracket === openBrace) depth++
      else if (bracket === closeBrace && --depth === 0) return index
    }
  }
  return UNUSUAL
}

function skipSpace(body: Buffer, from: number): number {
  let index = from
  for (;;) {
    const byte = body[index]
    if (byte === undefined || byte > space) return index
    if (byte !== space && byte !== lineFeed && byte !== carriageReturn && byte !== tab) return index
    index++
  }
}

function endOfDigits(body: Buffer, from: number): number {
  let index = from
  for (let byte = body[index]; byte !== undefined && byte >= 0x30 && byte <= 0x39; byte = body[index]) index++
  return index
}

/** Returns undefined for invalid JSON. */
function parseScalar(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
