import type { WireRecord, WireRecords } from './streams-api.ts'

/**
 * How much is parsed at once, in bytes. Parsed records take several times the memory of their JSON. Made shortly before
 * they are given out they die young, and the garbage collector never has to move them.
 */
const PARSE_BYTES = 16 * 1024

const quote = 0x22
const comma = 0x2c
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** Where the records of a JSON array stand in the bytes. */
export interface RecordBounds {
  /** Of each record the index of its opening brace. */
  readonly starts: readonly number[]
  /** The index of the bracket that ends the array. */
  readonly end: number
}

/**
 * Finds the records of an array whose first byte, after its bracket, is at `from`. Undefined where something else than
 * objects without space between them stands there, or the end is missing.
 */
export function findRecords(body: Uint8Array, from: number): RecordBounds | undefined {
  const starts: number[] = []
  if (body[from] === closeBracket) return { starts, end: from }
  for (let index = from; body[index] === openBrace; index++) {
    starts.push(index)
    index = endOfObject(body, index)
    if (body[index] === closeBracket) return { starts, end: index }
    if (body[index] !== comma) return undefined
  }
  return undefined
}

/** The records at these places, a few of which are parsed when one of them is asked for. */
export function lazyRecords(body: Buffer, { starts, end }: RecordBounds): WireRecords {
  let parsed: readonly WireRecord[] = []
  let first = 0

  function parseFrom(index: number): void {
    const start = starts[index] ?? end
    let next = index + 1
    while (next < starts.length && (starts[next] ?? end) - start < PARSE_BYTES) next++
    // The byte before the next record's brace is the comma between them.
    const stop = next < starts.length ? (starts[next] ?? end) - 1 : end
    parsed = JSON.parse(`[${body.toString('utf8', start, stop)}]`)
    first = index
  }

  return {
    length: starts.length,
    at(index) {
      if (index < 0 || index >= starts.length) return undefined
      if (index < first || index >= first + parsed.length) parseFrom(index)
      return parsed[index - first]
    },
  }
}

/** The index after the brace that closes the object at `start`; that of the end of `body` if none does. */
function endOfObject(body: Uint8Array, start: number): number {
  let depth = 0
  for (let index = start; index < body.length; index++) {
    const byte = body[index]
    if (byte === quote) {
      // To the end of the text. What is escaped does not end it, whatever it is.
      for (index++; index < body.length && body[index] !== quote; index++)
        if (body[index] === backslash) index++
    } else if (byte === openBrace || byte === openBracket) {
      depth++
    } else if ((byte === closeBrace || byte === closeBracket) && --depth === 0) {
      return index + 1
    }
  }
  return body.length
}
