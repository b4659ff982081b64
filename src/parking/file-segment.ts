import { crc32 } from 'node:zlib'
import type { DurableFiles } from './durable-files.ts'
import type { ParkedRecord } from './parking-store.ts'

/** How much is written or read with one call, in bytes. Larger records are written and read as a whole. */
const CHUNK_BYTES = 262_144

const LINE_FEED = 0x0a

/** Returns a record as a line of JSON that starts at an offset of its file. */
function encodeLine({ position, content }: ParkedRecord, offset: number): Buffer {
  const crc32 = checksum(position, content, offset)
  return Buffer.from(`${JSON.stringify({ position, crc32, content })}\n`, 'utf8')
}

/** Returns the record in a line, or `undefined` if the line is damaged or was moved. */
function decodeLine(line: Buffer, offset: number): ParkedRecord | undefined {
  try {
    const { position, crc32: expected, content } = JSON.parse(line.toString('utf8'))
    return expected === checksum(position, content, offset) ? { position, content } : undefined
  } catch {
    return undefined
  }
}

/** The offset is included, so that it is noticed if a line before this one is missing. */
function checksum(position: string, content: string, offset: number): number {
  return crc32(content, crc32(position, offset % 2 ** 32))
}

/** When a segment is full. The last record may exceed the size. */
export interface SegmentLimits {
  readonly bytes: number
  readonly records: number
}

/** Encodes records as a segment, until it is full. */
export class SegmentEncoder {
  readonly #records: readonly ParkedRecord[]
  readonly #maxBytes: number
  /** The index of the last record that may be encoded, plus 1. */
  readonly #to: number
  #next: number
  #bytes: number

  /**
   * @param from - the index of the first record.
   * @param present - what the segment contains already.
   */
  constructor(
    records: readonly ParkedRecord[],
    from: number,
    present: { readonly bytes: number; readonly records: number },
    limits: SegmentLimits,
  ) {
    this.#records = records
    this.#next = from
    this.#to = Math.min(records.length, from + limits.records - present.records)
    this.#bytes = present.bytes
    this.#maxBytes = limits.bytes
  }

  /** Yields the lines in chunks, so that all of them need not be in memory at once. */
  *chunks(): Generator<Buffer> {
    let lines: Buffer[] = []
    let size = 0
    while (this.#next < this.#to && this.#bytes < this.#maxBytes) {
      const record = this.#records[this.#next]
      if (record === undefined) break
      const line = encodeLine(record, this.#bytes)
      lines.push(line)
      size += line.length
      this.#bytes += line.length
      this.#next++
      if (size < CHUNK_BYTES) continue
      yield Buffer.concat(lines)
      lines = []
      size = 0
    }
    if (size > 0) yield Buffer.concat(lines)
  }

  /** The index of the first record that was not encoded. */
  get next(): number {
    return this.#next
  }

  /** The size of the segment with the records that were encoded. */
  get bytes(): number {
    return this.#bytes
  }
}

/** A record, and where the one after it starts in the file. */
export interface ReadRecord {
  readonly record: ParkedRecord
  readonly end: number
}

/** A segment does not contain what was committed. */
export class SegmentDamage extends Error {
  /** What is wrong, for a message, such as `ends too early`. */
  readonly problem: string

  constructor(problem: string) {
    super(`The file ${problem}.`)
    this.problem = problem
  }
}

/**
 * Yields the records of a file from an offset on, which is the start of a line.
 *
 * @param end - the size of the part of the file that was committed.
 * @throws SegmentDamage
 */
export async function* readSegment(
  files: DurableFiles,
  path: string,
  offset: number,
  end: number,
): AsyncGenerator<ReadRecord> {
  let buffer: Buffer = Buffer.alloc(0)
  /** Where the buffer starts in the file. */
  let start = offset
  let searched = 0
  while (start < end) {
    const lineEnd = buffer.indexOf(LINE_FEED, searched)
    if (lineEnd < 0) {
      searched = buffer.length
      const from = start + buffer.length
      // A long line is read in steps that double, rather than copied for each chunk.
      const chunk = await files.read(path, from, Math.min(end - from, Math.max(CHUNK_BYTES, buffer.length)))
      if (chunk.length === 0) throw new SegmentDamage(from < end ? 'ends too early' : 'has a torn line')
      buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk])
      continue
    }
    const record = decodeLine(buffer.subarray(0, lineEnd), start)
    if (record === undefined) throw new SegmentDamage(`has a damaged record at byte ${start}`)
    start += lineEnd + 1
    buffer = buffer.subarray(lineEnd + 1)
    searched = 0
    yield { record, end: start }
  }
}
