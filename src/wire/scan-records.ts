const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

const dynamodbName = Buffer.from('dynamodb')
const sequenceNumberName = Buffer.from('SequenceNumber')
const createdAtName = Buffer.from('ApproximateCreationDateTime')

/**
 * Where the records of a JSON array stand in the bytes: for each four numbers, from `index * NUMBERS_A_RECORD` on. The index
 * of its opening brace; the one after its closing brace; that of the first byte of its sequence number's text, and of
 * its time, 0 where it has none in the usual form.
 */
export interface RecordPlaces {
  readonly numbers: Int32Array
  /** The index of the bracket that ends the array. */
  readonly end: number
}

export const NUMBERS_A_RECORD = 4 as const

/**
 * Finds the records of an array whose first byte, after its bracket, is at `from`, and in each of them what the merge
 * needs to know: its time and its sequence number. Undefined where something else than objects without space between
 * them stands there, or the end is missing.
 *
 * It looks for texts and brackets only, and makes nothing of them. So what is between the brackets of a
 * record is not known to be JSON until the record is parsed.
 */
export function scanRecords(body: Uint8Array, from: number): RecordPlaces | undefined {
  const numbers: number[] = []
  const found = body[from] === closeBracket ? from : scan(body, from, numbers)
  if (found === undefined) return undefined
  return { numbers: Int32Array.from(numbers), end: found }
}

/** One loop over all bytes, with as little as can be done for each: it is most of what a record costs that nobody looks at. */
function scan(body: Uint8Array, from: number, places: number[]): number | undefined {
  let depth = 0
  let start = 0
  let sequenceNumberAt = 0
  let createdAtAt = 0
  let isInDynamodb = false
  for (let index = from; index < body.length; index++) {
    const byte = body[index] as number
    if (byte === quote) {
      const begin = index + 1
      // To the end of the text. What is escaped does not end it, whatever it is.
      for (index++; index < body.length && body[index] !== quote; index++)
        if (body[index] === backslash) index++
      if (depth > 2 || body[index + 1] !== colon) continue
      const value = body[index + 2]
      if (depth === 1) {
        if (!isName(body, begin, index, dynamodbName)) continue
        // Of two members of the same name JSON.parse takes the last one, and so is it here.
        isInDynamodb = value === openBrace
        sequenceNumberAt = 0
        createdAtAt = 0
      } else if (isInDynamodb) {
        if (isName(body, begin, index, sequenceNumberName)) sequenceNumberAt = value === quote ? index + 3 : 0
        else if (isName(body, begin, index, createdAtName)) createdAtAt = index + 2
      }
    } else if (byte === openBrace || byte === openBracket) {
      if (depth === 0) {
        if (byte === openBracket) return undefined
        start = index
        sequenceNumberAt = 0
        createdAtAt = 0
      }
      depth++
    } else if (byte === closeBrace || byte === closeBracket) {
      depth--
      if (depth === 1) isInDynamodb = false
      if (depth > 0) continue
      places.push(start, index + 1, sequenceNumberAt, createdAtAt)
      index++
      if (body[index] === closeBracket) return index
      if (body[index] !== comma || body[index + 1] !== openBrace) return undefined
    } else if (depth === 0) {
      return undefined
    }
  }
  return undefined
}

function isName(body: Uint8Array, begin: number, end: number, name: Uint8Array): boolean {
  if (end - begin !== name.length) return false
  for (let index = 0; index < name.length; index++) if (body[begin + index] !== name[index]) return false
  return true
}
