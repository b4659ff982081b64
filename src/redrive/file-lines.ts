import type { FileHandle } from 'node:fs/promises'

/** A line of a file, without its line break. */
export interface FileLine {
  /** From 1. */
  readonly number: number
  readonly offset: number
  readonly length: number
  /** Undefined if the line is longer than `maxBytes`. */
  readonly text: string | undefined
}

const LINE_FEED = 0x0a
const CHUNK_BYTES = 65_536

/** Reads the lines of a file. Only line feeds separate lines: JSON can contain U+2028. */
export async function* readLines(file: FileHandle, maxBytes: number): AsyncGenerator<FileLine> {
  let number = 1
  let start = 0
  let position = 0
  let parts: Buffer[] = []
  let length = 0

  const add = (part: Buffer) => {
    length += part.length
    if (length <= maxBytes) parts.push(part)
    else parts = []
  }
  const end = (): FileLine => {
    const text = length <= maxBytes ? Buffer.concat(parts).toString('utf8') : undefined
    const line = { number, offset: start, length, text }
    number++
    start += length + 1
    parts = []
    length = 0
    return line
  }

  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, position)
    if (bytesRead === 0) break
    position += bytesRead
    let from = 0
    for (
      let to = buffer.indexOf(LINE_FEED);
      to !== -1 && to < bytesRead;
      to = buffer.indexOf(LINE_FEED, from)
    ) {
      add(buffer.subarray(from, to))
      yield end()
      from = to + 1
    }
    add(buffer.subarray(from, bytesRead))
  }
  if (length > 0) yield end()
}
