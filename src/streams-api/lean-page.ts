import type { GetRecordsCommandOutput } from '@aws-sdk/client-dynamodb-streams'
import { decodeRecord } from './decode-record.ts'
import type { RawRecord, WireRecord } from './streams-api.ts'

/** An answer of GetRecords as parsed JSON. */
export interface ParsedPage {
  readonly records: readonly WireRecord[]
  readonly nextIterator: string | undefined
  readonly bytes: number
  /** The SDK's answer that the records were put into, once they were. */
  output: unknown
  /** False as soon as somebody has asked that answer for its records, and may have changed them. */
  untouched: boolean
}

type CollectBody = (body: unknown) => Promise<Uint8Array>

/**
 * Takes the page out of a successful response, and leaves it with an empty body. A response that holds no such page
 * keeps its body.
 */
export async function takePage(response: unknown, collect: CollectBody): Promise<ParsedPage | undefined> {
  if (!hasBody(response) || response.statusCode < 200 || response.statusCode >= 300) return undefined
  const body = response.body instanceof Uint8Array ? response.body : await collect(response.body)
  const page = parsePage(body)
  response.body = page ? new Uint8Array() : body
  return page
}

/** Gives the SDK's answer its members back; the records in the SDK's form, made when somebody looks at them. */
export function putPageBack(output: GetRecordsCommandOutput, page: ParsedPage): void {
  let records: RawRecord[] | undefined
  Object.defineProperty(output, 'Records', {
    configurable: true,
    enumerable: true,
    get() {
      page.untouched = false
      records ??= page.records.map(decodeRecord)
      return records
    },
    set(value: RawRecord[]) {
      page.untouched = false
      records = value
    },
  })
  if (page.nextIterator !== undefined) output.NextShardIterator = page.nextIterator
  page.output = output
}

function parsePage(body: Uint8Array): ParsedPage | undefined {
  const json = parseJson(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'))
  if (typeof json !== 'object' || json === null) return undefined
  const { Records: records, NextShardIterator: next } = json as {
    Records?: unknown
    NextShardIterator?: unknown
  }
  if (!Array.isArray(records)) return undefined
  if (next !== undefined && next !== null && typeof next !== 'string') return undefined
  return {
    records,
    nextIterator: next ?? undefined,
    bytes: body.byteLength,
    output: undefined,
    untouched: true,
  }
}

/** An answer that is cut off, or not JSON, is left to the SDK, whose error for it users know. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function hasBody(response: unknown): response is { statusCode: number; body: unknown } {
  return (
    typeof response === 'object' &&
    response !== null &&
    'statusCode' in response &&
    typeof response.statusCode === 'number' &&
    'body' in response &&
    typeof response.body === 'object' &&
    response.body !== null
  )
}
