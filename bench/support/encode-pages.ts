import { type RecordSize, sampleRecord } from './sample-records.ts'

/** The service's own limits of a page of GetRecords. */
const maxRecords = 1000
const maxBytes = 1024 * 1024

/** All pages of a shard as JSON, each without its end: `{"Records":[…`. */
export function encodePages(count: number, size: RecordSize): Buffer[] {
  const pages: Buffer[] = []
  let page: string[] = []
  let bytes = 0
  const close = () => {
    if (page.length > 0) pages.push(Buffer.from(`{"Records":[${page.join()}`))
    page = []
    bytes = 0
  }
  for (let index = 0; index < count; index++) {
    const record = JSON.stringify(sampleRecord(index, size))
    if (page.length === maxRecords || bytes + record.length > maxBytes) close()
    page.push(record)
    bytes += record.length
  }
  close()
  return pages
}
