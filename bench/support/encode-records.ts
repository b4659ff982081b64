import { recordJson } from './aws-json.ts'
import type { RecordSize } from './sample-records.ts'

/** The service's limits for a page of GetRecords. */
const maxRecords = 1000
const maxBytes = 1024 * 1024

/** All records of a shard as JSON, separated by commas, so that every page is a slice of the same buffer. */
export interface EncodedRecords {
  readonly count: number
  /**
   * The records from index `first` that fit on a page of at most `limit` records, and the index after the
   * last of them.
   */
  page(first: number, limit: number): { readonly bytes: Buffer; readonly next: number }
}

export function encodeRecords(count: number, size: RecordSize): EncodedRecords {
  const encoded = Array.from({ length: count }, (_, index) => Buffer.from(`${recordJson(index, size)},`))
  const bytes = Buffer.concat(encoded)
  const starts = [0]
  for (const text of encoded) starts.push((starts.at(-1) ?? 0) + text.length)
  const startOf = (index: number) => starts[index] ?? bytes.length

  return {
    count,
    page(first, limit) {
      const last = Math.min(count, first + Math.min(limit, maxRecords))
      let next = Math.min(first + 1, last)
      while (next < last && startOf(next + 1) - startOf(first) <= maxBytes) next++
      return { bytes: bytes.subarray(startOf(first), Math.max(startOf(first), startOf(next) - 1)), next }
    },
  }
}
