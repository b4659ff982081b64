import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errorCode } from '../core/error-code.ts'

/** Checkpoints name a stream and its shards, so only the user that runs the process may read them. */
export const FILE_MODE = 0o600
export const FOLDER_MODE = 0o700

/** Far longer than any write takes: an older temporary file was left behind by a process that crashed. */
const STALE_AFTER_MS = 3_600_000

/** Error codes of systems that cannot fsync a folder (Windows, some network file systems). */
const FOLDER_SYNC_UNSUPPORTED = new Set(['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP', 'EBADF'])

/**
 * Returns the content of a UTF-8 file, or `undefined` if the file does not exist.
 *
 * @throws Error if the file cannot be read or is larger than `maxBytes`.
 */
export async function readTextFile(path: string, maxBytes: number): Promise<string | undefined> {
  try {
    const { size } = await stat(path)
    if (size > maxBytes) throw new Error(`its size of ${size} bytes exceeds the limit of ${maxBytes} bytes`)
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Replaces the content of a file with `text`, atomically and durably: if the process or the machine stops at
 * any moment, the file contains either the old content or the new. When several writers write at once, in one
 * process or in several, the last one wins.
 *
 * The file is readable by its owner only. Its folder is created if it is missing. If `link` is a symbolic
 * link, its target is replaced, since it may be on a volume that outlives the folder.
 */
export async function writeFileAtomically(link: string, text: string): Promise<void> {
  const path = await followLinks(link)
  const folder = dirname(resolve(path))
  await replaceFile(path, text).catch(async (error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error
    await createFolder(folder)
    await replaceFile(path, text)
  })
  // The rename itself is lost in a power failure unless the folder is synced too.
  await syncFolder(folder)
}

/**
 * Replaces the content of a file in an existing folder, atomically. Whether it contains the old content or
 * the new after a power failure is certain only once its folder has been synced.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = temporaryOf(path)
  try {
    await writeDurably(temporary, text)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
}

/**
 * Writes a temporary file as `writeFileAtomically` would, and removes it. Rejects if `writeFileAtomically`
 * would fail, and also if the folder does not exist.
 */
export async function checkFileIsWritable(link: string): Promise<void> {
  const temporary = temporaryOf(await followLinks(link))
  const file = await open(temporary, 'wx', FILE_MODE)
  try {
    await file.writeFile('\n', 'utf8')
    await file.sync()
  } finally {
    await file.close()
    await rm(temporary, { force: true }).catch(() => {})
  }
}

/** Returns a random name in the same folder: a rename is atomic only within one file system. */
function temporaryOf(path: string): string {
  return `${path}.${randomBytes(8).toString('hex')}.tmp`
}

/** Returns the path that a symbolic link points to, even if no file exists there yet. */
async function followLinks(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    const target = await readlink(path).catch(() => undefined)
    // Relative to the real folder of the link: if that folder was reached through another link, `..` in the
    // target does not lead back through it.
    return target === undefined ? path : followLinks(resolve(await realpath(dirname(path)), target))
  }
}

/**
 * Removes the temporary files that crashed writers left beside the file. Best effort: a leftover does no
 * harm, so errors are ignored.
 */
export async function removeStaleTemporaries(link: string): Promise<void> {
  try {
    const path = await followLinks(link)
    const folder = dirname(path)
    const prefix = `${basename(path)}.`
    // Age is relative to the file just written, so a file server whose clock differs from ours does not
    // matter.
    const { mtimeMs } = await stat(path)
    for (const entry of await readdir(folder)) {
      if (!entry.startsWith(prefix) || !/^[0-9a-f]{16}\.tmp$/.test(entry.slice(prefix.length))) continue
      const leftover = join(folder, entry)
      if (mtimeMs - (await stat(leftover)).mtimeMs > STALE_AFTER_MS) await rm(leftover, { force: true })
    }
  } catch {
    // Another process is cleaning up at the same time, or the folder cannot be listed.
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE)
  try {
    await file.writeFile(text, 'utf8')
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Creates a folder and its parents, durably. Only the user that runs the process can access them. */
export async function createFolder(folder: string): Promise<void> {
  const firstCreated = await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
  if (firstCreated === undefined) return
  // A new folder is an entry in its parent, so the parent has to be synced as well.
  for (let created = folder; created.length >= firstCreated.length; created = dirname(created)) {
    await syncFolder(dirname(created))
  }
}

/** Makes new, renamed and removed files of a folder durable, where the system supports it. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!FOLDER_SYNC_UNSUPPORTED.has(errorCode(error) ?? '')) throw error
  }
}
