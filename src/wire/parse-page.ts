import { lazyRecords } from './lazy-records.ts'
import { scanPage } from './scan-page.ts'
import type { WireRecord, WireRecords } from './wire-record.ts'

/** The content of a GetRecords answer. */
export interface PageContent {
  readonly records: readonly WireRecord[]
  /** The same records, not parsed yet; undefined if the answer is not written as the services write it. */
  readonly lazyRecords: WireRecords | undefined
  readonly nextIterator: string | undefined
}

/** Parses an answer; undefined for what is not one, such as an answer that was truncated. */
export function parsePage(bytes: Uint8Array): PageContent | undefined {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return parseAround(body) ?? parseWhole(body)
}

function parseWhole(body: Buffer): PageContent | undefined {
  const { Records: records, NextShardIterator: next } = parseObject(body.toString('utf8')) ?? {}
  if (!Array.isArray(records) || !isIterator(next)) return undefined
  return { records, lazyRecords: undefined, nextIterator: next ?? undefined }
}

/** Finds the records without parsing them, and parses what is around them. */
function parseAround(body: Buffer): PageContent | undefined {
  const layout = scanPage(body)
  if (!layout) return undefined
  const rest = parseObject(body.toString('utf8', 0, layout.from) + body.toString('utf8', layout.to))
  if (!rest || !isIterator(rest.NextShardIterator)) return undefined
  let all: readonly WireRecord[] | undefined
  return {
    get records() {
      all ??= parseWhole(body)?.records ?? []
      return all
    },
    lazyRecords: lazyRecords(body, layout),
    nextIterator: rest.NextShardIterator ?? undefined,
  }
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
