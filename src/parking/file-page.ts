import { errorCode } from '../core/error-code.ts'
import type { DurableFiles } from './durable-files.ts'
import { damaged } from './file-damage.ts'
import { type LeaseFolder, recordsFolder } from './file-folder.ts'
import { type KeyFile, type ReadFor, type Segment, segmentPath } from './file-key.ts'
import { readSegment, SegmentDamage } from './file-segment.ts'
import type { ParkedRecord } from './parking-store.ts'

/** The size of a page in the file, in bytes. Its last record may exceed it. */
const PAGE_BYTES = 4_194_304

/** Where reading continues, so that a segment need not be read from its start for each page. */
export interface PageEnd {
  /** The path of the segment without its folder, which changes with the lease. */
  readonly segment: string
  /** The position of the last record of the page. */
  readonly position: string
  /** Where the record after it starts. */
  readonly offset: number
}

export interface Page {
  readonly records: readonly ParkedRecord[]
  /** Undefined if there are no records. */
  readonly end: PageEnd | undefined
}

/** The key whose records are read, and where its files are. */
export interface PageSource {
  readonly files: DurableFiles
  readonly folder: LeaseFolder
  readonly keyFile: KeyFile
  readonly readFor: ReadFor
}

/** Which records are read. */
export interface PageRange {
  readonly after: string | undefined
  readonly limit: number
  /** The end of an earlier page. */
  readonly previous: PageEnd | undefined
}

/**
 * Reads records that are not finished. Returns fewer than the limit if they are large, or at the end of a
 * segment.
 *
 * @throws StreamError `parking.failed` if the segment is damaged or does not exist; an error with the code
 * ENOENT if the folder has been renamed.
 */
export async function readPage(source: PageSource, { after, limit, previous }: PageRange): Promise<Page> {
  const { key, segments } = source.keyFile
  const finished = key.finished ?? ''
  const start = after === undefined || after < finished ? finished : after
  const segment = segments.find(({ last }) => last > start)
  if (segment === undefined) return { records: [], end: undefined }
  const name = nameOf(source, segment)
  const isBehind = previous?.segment === name && previous.position <= start
  const records: ParkedRecord[] = []
  let size = 0
  let end: PageEnd | undefined
  for await (const { record, end: offset } of readRecords(source, segment, isBehind ? previous : undefined)) {
    if (record.position <= start) continue
    records.push(record)
    size += record.content.length
    end = { segment: name, position: record.position, offset }
    if (records.length >= limit || size >= PAGE_BYTES) break
  }
  return { records, end }
}

/** A segment as if it ended before a position, and the records after that. */
export interface SplitSegment {
  /** Undefined if there are no records before the position. */
  readonly before: Segment | undefined
  readonly after: readonly ParkedRecord[]
}

export async function splitSegment(
  source: PageSource,
  segment: Segment,
  position: string,
): Promise<SplitSegment> {
  let before: Segment | undefined
  const after: ParkedRecord[] = []
  for await (const { record, end } of readRecords(source, segment, undefined)) {
    if (record.position >= position) after.push(record)
    else before = { id: segment.id, bytes: end, records: (before?.records ?? 0) + 1, last: record.position }
  }
  return { before, after }
}

/** Yields the records of a segment, and checks that they are those that were committed. */
async function* readRecords(
  source: PageSource,
  segment: Segment,
  from: PageEnd | undefined,
): ReturnType<typeof readSegment> {
  const { files, folder, keyFile, readFor } = source
  const { keyHash } = keyFile.key
  const path = segmentPath(folder, keyHash, keyFile.id, segment.id)
  let last = from?.position ?? ''
  try {
    for await (const read of readSegment(files, path, from?.offset ?? 0, segment.bytes)) {
      const { position } = read.record
      if (position <= last && last !== '') throw new SegmentDamage('has records in a wrong order')
      last = position
      yield read
    }
    if (last !== segment.last) throw new SegmentDamage('does not have the records that it should have')
  } catch (error) {
    if (error instanceof SegmentDamage) throw damaged({ ...readFor, keyHash }, path, error.problem, error)
    if (errorCode(error) !== 'ENOENT' || !(await files.exists(recordsFolder(folder)))) throw error
    throw damaged({ ...readFor, keyHash }, path, 'does not exist', error)
  }
}

function nameOf({ keyFile }: PageSource, { id }: Segment): string {
  return `${keyFile.key.keyHash}.${keyFile.id}.${id}`
}
