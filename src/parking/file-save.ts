import type { DurableFiles } from './durable-files.ts'
import type { LeaseFolder } from './file-folder.ts'
import { type KeyFile, type Segment, segmentPath } from './file-key.ts'
import { type PageSource, splitSegment } from './file-page.ts'
import { SegmentEncoder, type SegmentLimits } from './file-segment.ts'
import { mergeRecords } from './merge-records.ts'
import type { ParkedKeyUpdate, ParkedRecord } from './parking-store.ts'

/** Where records are written. */
export interface SaveTarget {
  readonly name: string
  readonly files: DurableFiles
  readonly folder: LeaseFolder
  readonly limits: SegmentLimits
  /** The id of a key that was not parked before. */
  readonly newKeyId: string
}

/** Records that are on disk, and the file that commits them. */
export interface UncommittedSave {
  readonly keyFile: KeyFile
  /** Whether the folder of records has to be synced. */
  readonly hasNewFile: boolean
}

/**
 * Writes the records of an update to segments, durably. It changes nothing that the present file of the key
 * counts: records are written behind those that are committed, or to new segments. If it is called again
 * after a failure, it writes the same records to the same places.
 */
export async function addRecords(
  target: SaveTarget,
  present: KeyFile | undefined,
  { key, added }: ParkedKeyUpdate,
): Promise<UncommittedSave> {
  const { files, folder, limits } = target
  const base = present ?? { id: target.newKeyId, key, created: 0, segments: [] }
  const finished = key.finished ?? ''
  const { kept, records, isReplaced } = await placeRecords(
    { files, folder, keyFile: base, readFor: { name: target.name, operation: 'park' } },
    base.segments.filter(({ last }) => last > finished),
    added.filter(({ position }) => position > finished),
  )
  const segments = [...kept]
  let { created } = base
  for (let next = 0; next < records.length; ) {
    const last = segments.at(-1)
    const isOpen = last !== undefined && isWritable(last, target) && !(isReplaced && next === 0)
    const open = isOpen ? last : { id: `${folder.number}-${created++}`, bytes: 0, records: 0 }
    const encoder = new SegmentEncoder(records, next, open, limits)
    await files.write(segmentPath(folder, key.keyHash, base.id, open.id), open.bytes, encoder.chunks())
    const written: Segment = {
      id: open.id,
      bytes: encoder.bytes,
      records: open.records + encoder.next - next,
      last: records[encoder.next - 1]?.position ?? '',
    }
    segments.splice(isOpen ? -1 : segments.length, 1, written)
    next = encoder.next
  }
  return { keyFile: { id: base.id, key, created, segments }, hasNewFile: created > base.created }
}

interface Placement {
  /** The segments before the records. */
  readonly kept: readonly Segment[]
  /** The records to write behind them. */
  readonly records: readonly ParkedRecord[]
  /** Whether committed records are written again, which must not overwrite them. */
  readonly isReplaced: boolean
}

/**
 * Usually all records follow those that are stored. If some are stored already, because an earlier call has
 * committed them although it rejected, what is stored from there on is written again.
 */
async function placeRecords(
  source: PageSource,
  segments: readonly Segment[],
  added: readonly ParkedRecord[],
): Promise<Placement> {
  if (isAscending(segments.at(-1)?.last, added)) return { kept: segments, records: added, isReplaced: false }
  const records = mergeRecords([], added)
  const first = records[0]?.position ?? ''
  const kept: Segment[] = []
  const later: ParkedRecord[] = []
  for (const segment of segments) {
    if (segment.last < first) {
      kept.push(segment)
      continue
    }
    const { before, after } = await splitSegment(source, segment, first)
    if (before !== undefined) kept.push(before)
    later.push(...after)
  }
  return { kept, records: mergeRecords(later, records), isReplaced: true }
}

function isAscending(last: string | undefined, records: readonly ParkedRecord[]): boolean {
  let previous = last
  for (const { position } of records) {
    if (previous !== undefined && position <= previous) return false
    previous = position
  }
  return true
}

/**
 * Whether records can be appended to a segment. Those of earlier leases are left alone: their worker may
 * still write to them, behind what it has committed.
 */
function isWritable({ id, bytes, records }: Segment, { folder, limits }: SaveTarget): boolean {
  return id.startsWith(`${folder.number}-`) && bytes < limits.bytes && records < limits.records
}
