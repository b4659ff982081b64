import type { GetRecordsCommandOutput } from '@aws-sdk/client-dynamodb-streams'
import { decodeRecord } from './decode-record.ts'
import { type PageContent, parsePage } from './parse-page.ts'
import type { RawRecord } from './streams-api.ts'

/** An answer of GetRecords in JSON form, on its way through the SDK. */
export interface LeanPage {
  readonly content: PageContent
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
export async function takePage(response: unknown, collect: CollectBody): Promise<LeanPage | undefined> {
  if (!hasBody(response) || response.statusCode < 200 || response.statusCode >= 300) return undefined
  const body = response.body instanceof Uint8Array ? response.body : await collect(response.body)
  const content = parsePage(body)
  // An answer that is cut off, or not JSON, is left to the SDK, whose error for it users know.
  response.body = content ? new Uint8Array() : body
  return content && { content, bytes: body.byteLength, output: undefined, untouched: true }
}

/** Gives the SDK's answer its members back; the records in the SDK's form, made when somebody looks at them. */
export function putPageBack(output: GetRecordsCommandOutput, page: LeanPage): void {
  let records: RawRecord[] | undefined
  Object.defineProperty(output, 'Records', {
    configurable: true,
    enumerable: true,
    get() {
      page.untouched = false
      records ??= page.content.records.map(decodeRecord)
      return records
    },
    set(value: RawRecord[]) {
      page.untouched = false
      records = value
    },
  })
  const { nextIterator } = page.content
  if (nextIterator !== undefined) output.NextShardIterator = nextIterator
  page.output = output
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
