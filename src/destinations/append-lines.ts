import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createFolder, syncFolder } from '../checkpoints/atomic-file.ts'
import { errorCode } from '../core/error-code.ts'

/** Dead letters contain items, so only the user that runs the process may read them. */
const FILE_MODE = 0o600

const LINE_FEED = 0x0a

/** Error codes of systems that cannot fsync a pipe or a terminal. */
const SYNC_UNSUPPORTED = new Set(['EINVAL', 'ENOTSUP'])

/**
 * Appends lines to a file, and resolves once they are on disk. The file and its folder are created if they
 * are missing. If the last line of the file is incomplete, because a process or the machine stopped while it
 * was written, the new lines start on a line of their own.
 *
 * The file is opened for each call, so it can be moved or deleted at any time, as log rotation does.
 */
export async function appendLines(path: string, lines: readonly string[]): Promise<void> {
  const file = await openForAppending(path)
  try {
    const stats = await file.stat()
    let start = (await endsWithLine(file, stats.size)) ? '' : '\n'
    for (const line of lines) {
      await writeFully(file, Buffer.from(`${start}${line}\n`, 'utf8'))
      start = ''
    }
    await sync(file, stats.isFile())
    // A new file is an entry in its folder, which a power failure could remove.
    if (stats.size === 0) await syncFolder(dirname(path))
  } finally {
    await file.close()
  }
}

/** Opens a file for appending, and creates it with its folder if it is missing. */
export async function openForAppending(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'a+', FILE_MODE)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    await createFolder(dirname(path))
    return await open(path, 'a+', FILE_MODE)
  }
}

/** Waits until the lines are on disk. A pipe or a terminal, such as /dev/stdout, stores nothing. */
async function sync(file: FileHandle, isRegularFile: boolean): Promise<void> {
  try {
    await file.sync()
  } catch (error) {
    if (isRegularFile || !SYNC_UNSUPPORTED.has(errorCode(error) ?? '')) throw error
  }
}

/**
 * Returns whether the last line is complete. A line that another process is still writing is not: the line
 * break that follows it then leaves a blank line. Waiting until the file no longer grows would not prevent
 * that, because a process can be interrupted while it writes.
 */
async function endsWithLine(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return true
  const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return bytesRead === 0 || buffer[0] === LINE_FEED
}

/**
 * Writes a line, usually with one call, so that several processes can append to a file on a local disk
 * without mixing their lines.
 */
async function writeFully(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, offset)
    offset += bytesWritten
  }
}
