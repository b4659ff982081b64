import { scanRecords } from './scan-records.ts'
import { areReadable, textRecords } from './text-records.ts'
import type { WireRecord, WireRecords } from './wire-record.ts'

/** What an answer of GetRecords holds. */
export interface PageContent {
  readonly records: readonly WireRecord[]
  readonly textRecords: WireRecords | undefined
  readonly nextIterator: string | undefined
}

/** Answers that are larger than this, in bytes, have records. Smaller ones seldom, and are parsed at once. */
const SMALL_BYTES = 1024

const recordsBegin = Buffer.from('"Records":[')

/** Parses an answer; undefined for what is none, such as one that was cut off. */
export function parsePage(bytes: Uint8Array): PageContent | undefined {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return (body.length > SMALL_BYTES ? parseAround(body) : undefined) ?? parseWhole(body)
}

function parseWhole(body: Buffer): PageContent | undefined {
  const { Records: records, NextShardIterator: next } = parseObject(body.toString('utf8')) ?? {}
  if (!Array.isArray(records) || !isIterator(next)) return undefined
  return { records, textRecords: undefined, nextIterator: next ?? undefined }
}

/** Finds the records without parsing them. Undefined where the JSON is written in another way than the service's. */
function parseAround(body: Buffer): PageContent | undefined {
  const key = body.indexOf(recordsBegin)
  if (key === -1 || !isMemberOfAnswer(body, key)) return undefined
  const from = key + recordsBegin.length
  const places = scanRecords(body, from)
  if (!places || !areReadable(body, places)) return undefined
  const rest = parseObject(body.toString('utf8', 0, from) + body.toString('utf8', places.end))
  if (!rest || !isIterator(rest.NextShardIterator)) return undefined
  let all: readonly WireRecord[] | undefined
  return {
    get records() {
      all ??= parseWhole(body)?.records ?? []
      return all
    },
    textRecords: textRecords(body, places),
    nextIterator: rest.NextShardIterator ?? undefined,
  }
}

/** Whether the key at `index` is one of the answer itself: then what is before it is an object that only lacks its end. */
function isMemberOfAnswer(body: Buffer, index: number): boolean {
  const before = body.toString('utf8', 0, index)
  return before === '{' || (before.endsWith(',') && parseObject(`${before.slice(0, -1)}}`) !== undefined)
}

function parseObject(text: string): { Records?: unknown; NextShardIterator?: unknown } | undefined {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null ? json : undefined
  } catch {
    return undefined
  }
}

function isIterator(value: unknown): value is string | null | undefined {
  return value === undefined || value === null || typeof value === 'string'
}
