/**
 * Where the records of a GetRecords answer are in its bytes, and what the merge needs to know of each. All of it is read
 * in one pass that parses nothing else.
 */
export interface PageLayout {
  /** How many records there are. */
  readonly count: number
  /** For each record `OFFSETS_PER_RECORD` byte indexes, named by {@link OFFSET}. The end of a range that is missing is 0. */
  readonly offsets: Int32Array
  /** For each record its creation time in ms; NaN if it has none. */
  readonly createdAtMs: Float64Array
  /** The index after the bracket that opens the array of records, and the index of the bracket that closes it. */
  readonly from: number
  readonly to: number
}

export const OFFSETS_PER_RECORD = 8

/** The fields of a record whose offsets are noted. Each `…To` is exclusive. */
export const OFFSET = {
  from: 0,
  to: 1,
  sequenceNumberFrom: 2,
  sequenceNumberTo: 3,
  newImageFrom: 4,
  newImageTo: 5,
  oldImageFrom: 6,
  oldImageTo: 7,
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

/** What a byte means outside of strings, as far as the end of a value depends on it. */
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

/** 40 is the longest that the service documents. */
const MAX_SEQUENCE_NUMBER_DIGITS = 64

/** Returned in place of an index for bytes that this file leaves to `JSON.parse`. */
const UNUSUAL = -1

/**
 * Finds the records of a GetRecords answer. White space, the order of members and the form of numbers do not matter.
 *
 * Undefined if the answer is incomplete or not an object with an array `Records`, or if it holds something that no service
 * writes and that would change what the names mean: names with escape sequences, two arrays of records, a record that is
 * not an object, a sequence number that is not a string of digits, a time that is not a number.
 *
 * What follows the object is left to the caller. Values of other members are matched by their quotes and brackets only: that
 * a record is valid JSON is known when it is parsed.
 */
export function scanPage(body: Buffer): PageLayout | undefined {
  rows.count = 0
  rows.from = rows.to = 0
  rows.timeFrom = rows.timeTo = 0
  const end = scanObject(body, skipSpace(body, 0), ANSWER)
  if (end === UNUSUAL || rows.from === 0) return undefined
  const { count, offsets, createdAtMs, from, to } = rows
  return {
    count,
    offsets: offsets.slice(0, count * OFFSETS_PER_RECORD),
    createdAtMs: createdAtMs.slice(0, count),
    from,
    to,
  }
}

/** The layout of the answer that is scanned now. Its memory is kept for the next one. */
const rows = {
  count: 0,
  offsets: new Int32Array(128 * OFFSETS_PER_RECORD),
  createdAtMs: new Float64Array(128),
  from: 0,
  to: 0,
  /** Where the last time was read, and what it was: records that follow each other mostly share their second. */
  timeFrom: 0,
  timeTo: 0,
  timeMs: 0,
}

function grow(): void {
  const { offsets, createdAtMs } = rows
  rows.offsets = new Int32Array(2 * offsets.length)
  rows.offsets.set(offsets)
  rows.createdAtMs = new Float64Array(2 * createdAtMs.length)
  rows.createdAtMs.set(createdAtMs)
}

/** The objects whose members are looked at. */
const ANSWER = 0
const RECORD = 1
const CHANGE = 2
type Level = typeof ANSWER | typeof RECORD | typeof CHANGE

/** Returns the index after the closing brace. */
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

/** Returns the index after the value, which starts at `value`. */
function scanMember(body: Buffer, level: Level, nameFrom: number, nameTo: number, value: number): number {
  const length = nameTo - nameFrom
  if (level === ANSWER) {
    if (length === RECORDS.length && startsWith(body, nameFrom, RECORDS)) return scanRecords(body, value)
  } else if (level === RECORD) {
    if (length === DYNAMODB.length && startsWith(body, nameFrom, DYNAMODB)) return scanChange(body, value)
  } else if (length === NEW_IMAGE.length) {
    if (startsWith(body, nameFrom, NEW_IMAGE)) return scanImage(body, OFFSET.newImageFrom, value)
    if (startsWith(body, nameFrom, OLD_IMAGE)) return scanImage(body, OFFSET.oldImageFrom, value)
  } else if (length === SEQUENCE_NUMBER.length) {
    if (startsWith(body, nameFrom, SEQUENCE_NUMBER)) return scanSequenceNumber(body, value)
  } else if (length === TIME.length) {
    if (startsWith(body, nameFrom, TIME)) return scanTime(body, value)
  }
  return skipValue(body, value)
}

const RECORDS = Buffer.from('Records')
const DYNAMODB = Buffer.from('dynamodb')
const NEW_IMAGE = Buffer.from('NewImage')
const OLD_IMAGE = Buffer.from('OldImage')
const SEQUENCE_NUMBER = Buffer.from('SequenceNumber')
const TIME = Buffer.from('ApproximateCreationDateTime')

function scanRecords(body: Buffer, bracket: number): number {
  if (rows.from !== 0 || body[bracket] !== openBracket) return UNUSUAL
  rows.from = bracket + 1
  let index = skipSpace(body, rows.from)
  while (body[index] !== closeBracket) {
    const end = scanRecord(body, index)
    if (end === UNUSUAL) return UNUSUAL
    index = skipSpace(body, end)
    if (body[index] === closeBracket) break
    if (body[index] !== comma) return UNUSUAL
    index = skipSpace(body, index + 1)
    if (body[index] === closeBracket) return UNUSUAL
  }
  rows.to = index
  return index + 1
}

function scanRecord(body: Buffer, from: number): number {
  if (rows.count === rows.createdAtMs.length) grow()
  clearChange()
  const to = scanObject(body, from, RECORD)
  setOffset(OFFSET.from, from)
  setOffset(OFFSET.to, to)
  rows.count++
  return to
}

/** Of two members of the same name, JSON.parse takes the last. */
function scanChange(body: Buffer, value: number): number {
  clearChange()
  return body[value] === openBrace ? scanObject(body, value, CHANGE) : skipValue(body, value)
}

function clearChange(): void {
  for (let field: number = OFFSET.sequenceNumberFrom; field < OFFSETS_PER_RECORD; field++) setOffset(field, 0)
  rows.createdAtMs[rows.count] = Number.NaN
}

function setOffset(field: number, index: number): void {
  rows.offsets[rows.count * OFFSETS_PER_RECORD + field] = index
}

function scanImage(body: Buffer, field: number, value: number): number {
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
    rows.timeMs = seconds === null ? Number.NaN : Math.round(seconds * 1000)
    rows.timeFrom = value
    rows.timeTo = to
  }
  rows.createdAtMs[rows.count] = rows.timeMs
  return to
}

function isSameTime(body: Buffer, from: number, to: number): boolean {
  const back = from - rows.timeFrom
  if (to - back !== rows.timeTo) return false
  for (let index = from; index < to; index++) if (body[index] !== body[index - back]) return false
  return true
}

/** The index of the quote that ends the name whose opening quote is at `from`. */
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

/** The index after the value that starts at `from`. */
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
    if (byte === backslash) index++ // whatever is escaped does not end the string
  }
  return UNUSUAL
}

/** Most bytes of an answer pass through this loop: what it costs is most of what a record costs that nobody looks at. */
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
      // This bit is all that tells brackets from braces.
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

/** Undefined for what is not JSON. */
function parseScalar(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
