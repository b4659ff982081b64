import type { GetRecordsCommandOutput } from '@aws-sdk/client-dynamodb-streams'
import { decodeRecord } from '../wire/decode-record.ts'
import { type PageContent, parsePage } from '../wire/parse-page.ts'
import type { RawRecord } from '../wire/wire-record.ts'
import { serviceTimeOf } from './service-time.ts'

/** A GetRecords response in JSON form, while it passes through the SDK's middleware. */
export interface FastPage {
  readonly content: PageContent
  readonly bytes: number
  readonly serviceTime: number | undefined
  /** The command output with these records, once it has been created. */
  output: unknown
  /** False once the records of that output were read or replaced, because they may have been changed. */
  recordsUntouched: boolean
}

type CollectBody = (body: unknown) => Promise<Uint8Array>

/**
 * Reads the page in a successful response, and replaces the response's body with its bytes. Returns undefined
 * for an error, and for a body that is truncated or not JSON. Those are left to the SDK, so that users get
 * its usual errors.
 */
export async function readPage(response: unknown, collect: CollectBody): Promise<FastPage | undefined> {
  if (!hasBody(response) || response.statusCode < 200 || response.statusCode >= 300) return undefined
  const body = response.body instanceof Uint8Array ? response.body : await collect(response.body)
  response.body = body
  const content = parsePage(body)
  const serviceTime = serviceTimeOf(response)
  return (
    content && { content, bytes: body.byteLength, serviceTime, output: undefined, recordsUntouched: true }
  )
}

/** Returns the command output for a page. Its records are converted to the SDK's form on first access. */
export function outputOf(page: FastPage, response: unknown): GetRecordsCommandOutput {
  let records: RawRecord[] | undefined
  const output: GetRecordsCommandOutput = {
    $metadata: metadataOf(response),
    get Records() {
      page.recordsUntouched = false
      records ??= page.content.records.map(decodeRecord)
      return records
    },
    set Records(value: RawRecord[]) {
      page.recordsUntouched = false
      records = value
    },
  }
  const { nextIterator } = page.content
  if (nextIterator !== undefined) output.NextShardIterator = nextIterator
  page.output = output
  return output
}

/** Returns the same metadata as the SDK, whose retry middleware adds the number of attempts. */
function metadataOf(response: unknown): GetRecordsCommandOutput['$metadata'] {
  const { statusCode, headers = {} } = response as { statusCode: number; headers?: Record<string, string> }
  const metadata: Record<string, unknown> = {
    httpStatusCode: statusCode,
    requestId: headers['x-amzn-requestid'] ?? headers['x-amzn-request-id'] ?? headers['x-amz-request-id'],
    extendedRequestId: headers['x-amz-id-2'],
    cfId: headers['x-amz-cf-id'],
  }
  return metadata
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
