import type { WireRecord, WireRecords } from './streams-api.ts'

/**
 * How much is parsed at once, as a part of the answer. Parsed records take several times the memory of their JSON. Made
 * shortly before they are given out they die young, and the garbage collector need not move them. Where many shards
 * share the memory the answers are small, and what is parsed of each of them is so too.
 */
const PARSED_PART = 1 / 64

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

/** The records at these places. Read in order, they are parsed a few at a time; one out of order, by itself. */
export function lazyRecords(body: Buffer, { starts, end }: RecordBounds): WireRecords {
  const parseBytes = (end - (starts[0] ?? end)) * PARSED_PART
  let parsed: readonly WireRecord[] = []
  let first = 0

  function parse(from: number, to: number): readonly WireRecord[] {
    // The byte before a record's brace is the comma between it and the one before.
    const stop = to < starts.length ? (starts[to] ?? end) - 1 : end
    return JSON.parse(`[${body.toString('utf8', starts[from], stop)}]`)
  }

  function parseNext(index: number): void {
    const enough = (starts[index] ?? end) + parseBytes
    let to = index + 1
    while (to < starts.length && (starts[to] ?? end) < enough) to++
    parsed = parse(index, to)
    first = index
  }

  return {
    length: starts.length,
    at(index) {
      if (index < 0 || index >= starts.length) return undefined
      const offset = index - first
      if (offset >= 0 && offset < parsed.length) return parsed[offset]
      if (offset !== parsed.length) return parse(index, index + 1)[0]
      parseNext(index)
      return parsed[0]
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
