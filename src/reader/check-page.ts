import type { RecordPage } from '../streams-api/streams-api.ts'
import { sizeBytesOf } from '../wire/record-fields.ts'

/** Whether a page has the expected form. Any implementation of the three calls may have returned it. */
export function isValidPage(page: RecordPage | undefined): page is RecordPage {
  if (page?.lazyRecords) return true
  return Array.isArray(page?.records) && page.records.every(isRecord)
}

function isRecord(record: unknown): boolean {
  return typeof record === 'object' && record !== null
}

/** The error for an invalid page. It is retried: a proxy or middleware may return a valid one next time. */
export function invalidPage(): Error {
  const error = new Error('GetRecords returned an invalid page: its records are missing, or not objects')
  return Object.assign(error, { name: 'InvalidResponse', $retryable: {} })
}

/** The approximate size of a response that was not measured, in bytes. */
export function estimateBytes({ records }: RecordPage): number {
  let bytes = 0
  for (const record of records) bytes += 300 + sizeBytesOf(record)
  return bytes
}
