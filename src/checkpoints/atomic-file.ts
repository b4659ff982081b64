import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'

/** A checkpoint says what a stream holds and how far its worker is: for the owner of the process only. */
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/** Far longer than a write takes, so that only what a crashed process left behind is removed. */
const STALE_AFTER_MS = 3_600_000

/** What systems answer that cannot fsync a folder (Windows, some network file systems). */
const FOLDER_SYNC_UNSUPPORTED = new Set(['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP', 'EBADF'])

/**
 * Returns the text of the file; `undefined` if the file does not exist.
 * @throws Error also where it is larger than `maxBytes`.
 */
export async function readTextFile(path: string, maxBytes: number): Promise<string | undefined> {
  try {
    const { size } = await stat(path)
    if (size > maxBytes) throw new Error(`its ${size} bytes are more than the ${maxBytes} that are read`)
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Puts `text` in the place of the file's content, whole and durably: whenever the process, or the machine, stops, the
 * old text or the new one is there. Of several writers at once, in one process or in many, the last one wins.
 *
 * The file is readable by its owner only; its folder is created when it is missing. Where `link` is a symbolic link, its
 * target is replaced: it may be on a volume that outlives the folder.
 */
export async function writeFileAtomically(link: string, text: string): Promise<void> {
  const path = await followLinks(link)
  const temporary = temporaryOf(path)
  try {
    await writeDurably(temporary, text)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
  // The rename itself is lost in a power failure unless the folder is synced too.
  await syncFolder(dirname(path))
}

/**
 * Writes a temporary file, as `writeFileAtomically` would, and removes it: rejects where that would fail, also where the
 * folder does not exist.
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

/** In the same folder, since a rename is atomic only inside one file system; with a random name. */
function temporaryOf(path: string): string {
  return `${path}.${randomBytes(8).toString('hex')}.tmp`
}

/** Returns the path of the file that a symbolic link points to, also one that does not exist yet. */
async function followLinks(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    const target = await readlink(path).catch(() => undefined)
    // From the folder that the link is really in: `..` in its target does not undo a link on the way to it.
    return target === undefined ? path : followLinks(resolve(await realpath(dirname(path)), target))
  }
}

/** Removes the temporary files that crashed writers of `path` left behind. As far as that works: they do no harm. */
export async function removeStaleTemporaries(link: string): Promise<void> {
  try {
    const path = await followLinks(link)
    const folder = dirname(path)
    const prefix = `${basename(path)}.`
    // Measured by the time of the file itself, so that the clock of a file server need not agree with ours.
    const { mtimeMs } = await stat(path)
    for (const entry of await readdir(folder)) {
      if (!entry.startsWith(prefix) || !/^[0-9a-f]{16}\.tmp$/.test(entry.slice(prefix.length))) continue
      const leftover = join(folder, entry)
      if (mtimeMs - (await stat(leftover)).mtimeMs > STALE_AFTER_MS) await rm(leftover, { force: true })
    }
  } catch {
    // Another process cleans up at the same moment, or the folder may not be listed.
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await createFile(path)
  try {
    await file.writeFile(text, 'utf8')
    await file.sync()
  } finally {
    await file.close()
  }
}

async function createFile(path: string): ReturnType<typeof open> {
  try {
    return await open(path, 'wx', FILE_MODE)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    await makeFolder(dirname(resolve(path)))
    return await open(path, 'wx', FILE_MODE)
  }
}

async function makeFolder(folder: string): Promise<void> {
  const firstMade = await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
  if (firstMade === undefined) return
  // Each new folder is an entry of the one above it.
  for (let made = folder; made.length >= firstMade.length; made = dirname(made))
    await syncFolder(dirname(made))
}

async function syncFolder(folder: string): Promise<void> {
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

/** The system's code of an error, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
