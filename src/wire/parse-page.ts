import { lazyRecords } from './lazy-records.ts'
import { scanPage } from './scan-page.ts'
import type { WireRecord, WireRecords } from './wire-record.ts'

/** The content of a GetRecords response. */
export interface PageContent {
  readonly records: readonly WireRecord[]
  /** The same records, parsed lazily; undefined if the format of the response is not supported. */
  readonly lazyRecords: WireRecords | undefined
  readonly nextIterator: string | undefined
}

/** Parses the body of a GetRecords response. Returns undefined if it is invalid, for example truncated. */
export function parsePage(bytes: Uint8Array): PageContent | undefined {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return parseLazily(body) ?? parseEagerly(body)
}

function parseEagerly(body: Buffer): PageContent | undefined {
  const { Records: records, NextShardIterator: next } = parseObject(body.toString('utf8')) ?? {}
  if (!Array.isArray(records) || !isIterator(next)) return undefined
  return { records, lazyRecords: undefined, nextIterator: next ?? undefined }
}

/** Locates the records without parsing them, and parses the rest of the response. */
function parseLazily(body: Buffer): PageContent | undefined {
  const layout = scanPage(body)
  if (!layout) return undefined
  const rest = parseObject(body.toString('utf8', 0, layout.from) + body.toString('utf8', layout.to))
  if (!rest || !isIterator(rest.NextShardIterator)) return undefined
  let records: readonly WireRecord[] | undefined
  return {
    get records() {
      records ??= parseEagerly(body)?.records ?? []
      return records
    },
    lazyRecords: lazyRecords(body, layout),
    nextIterator: rest.NextShardIterator ?? undefined,
  }
}

function parseObject(json: string): { Records?: unknown; NextShardIterator?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function isIterator(value: unknown): value is string | null | undefined {
  return value === undefined || value === null || typeof value === 'string'
}
