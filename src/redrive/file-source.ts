import { createHash } from 'node:crypto'
import { type FileHandle, link, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../checkpoints/atomic-file.ts'
import { fileErrorReason } from '../checkpoints/file.ts'
import { CallQueue } from '../core/call-queue.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { endSentence } from '../core/end-sentence.ts'
import { errorCode } from '../core/error-code.ts'
import { appendLines } from '../destinations/append-lines.ts'
import { type FileLine, readLines } from './file-lines.ts'
import { type HandledLetters, type LetterSource, SourceError, type StoredLetter } from './letter-source.ts'
import { LetterError } from './parse-letter.ts'

export interface FileSourceOptions {
  readonly handled: HandledLetters
  readonly clock: Clock
  /** Reports why the file was not deleted, in one line. */
  readonly log: (line: string) => void
}

/** Far more than any letter has: Lambda passes up to 6 MB to a function. */
const MAX_LINE_BYTES = 64 * 1_048_576

/** A worker has a file open only while it appends to it. After this time, in ms, none has. */
const APPEND_MS = 1_000

/**
 * The lines of a file. A worker may append letters to it at any time, so the file is never rewritten. The
 * lines that were handled are listed in a second file, `<path>.redriven`.
 */
export function fileSource(path: string, { handled, clock, log }: FileSourceOptions): LetterSource {
  const marksPath = `${path}.redriven`
  const marking = new CallQueue()
  const lines = new Map<string, FileLine & { readonly hash: string }>()
  let marks: Set<string> = new Set()
  let file: FileHandle | undefined
  let isWhole = false
  let handledBefore = 0
  let bytes = 0

  async function* letters(stop: AbortSignal): AsyncGenerator<StoredLetter> {
    file = await attempt('read', path, () => openRegularFile(path))
    marks = await attempt('read', marksPath, () => readMarks(marksPath))
    const all = readLines(file, MAX_LINE_BYTES)
    for (;;) {
      const { value: line, done } = await attempt('read', path, () => all.next())
      if (done) break
      if (stop.aborted) return
      bytes = line.offset + line.length
      if (line.text?.trim() === '') continue
      const place = String(line.number)
      const hash = hashOf(line.text ?? '')
      lines.set(place, { ...line, text: undefined, hash })
      if (marks.has(hash)) handledBefore++
      else yield { place, body: line.text ?? new LetterError('the line is too long') }
    }
    isWhole = true
  }

  async function readAgain(place: string): Promise<string> {
    const { offset, length, hash } = lineAt(place)
    const { buffer } = await attempt('read', path, () =>
      openFile().read(Buffer.alloc(length), 0, length, offset),
    )
    const text = buffer.toString('utf8')
    if (hashOf(text) === hash) return text
    throw new SourceError('failed', `Cannot read ${path}: it was changed meanwhile.`)
  }

  async function remove(place: string): Promise<void> {
    if (handled === 'keep') return
    const { hash } = lineAt(place)
    const mark = JSON.stringify({ line: hash, redrivenAt: new Date(clock.now()).toISOString() })
    await attempt('write', marksPath, () => marking.run(() => appendLines(marksPath, [mark])))
    marks.add(hash)
  }

  /** Deletes the file if nothing in it is left to be handled. */
  async function deleteFile(): Promise<void> {
    if (!isWhole || [...lines.values()].some(({ hash }) => !marks.has(hash))) {
      return log(`${path} is not deleted, because it contains letters that were not handled`)
    }
    const moved = `${path}.handled`
    // A letter that is sent from now on is in a new file, unless a worker is just appending it.
    await rename(path, moved)
    await sleep(clock, APPEND_MS)
    if ((await stat(moved)).size > lengthWithLineFeed()) {
      await moveBack(moved)
      return log(`${path} is not deleted, because letters were appended to it: redrive it again`)
    }
    await rm(moved)
    await rm(marksPath, { force: true })
    await syncFolder(dirname(path))
  }

  /** Never replaces a file that a worker has created meanwhile. */
  async function moveBack(moved: string): Promise<void> {
    try {
      await link(moved, path)
      await rm(moved)
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
      log(`the letters are in ${moved}, because ${path} was created again`)
    }
  }

  function lengthWithLineFeed(): number {
    return bytes + 1
  }

  function lineAt(place: string) {
    const line = lines.get(place)
    if (line === undefined) throw new RangeError(`The file has no line ${place}.`)
    return line
  }

  function openFile(): FileHandle {
    if (file === undefined) throw new RangeError('The file is closed.')
    return file
  }

  return {
    letters,
    hasMore: false,
    get handledBefore() {
      return handledBefore
    },
    readAgain,
    claim: () => Promise.resolve(true),
    remove,
    async close() {
      await file?.close().catch(() => {})
      file = undefined
      if (handled !== 'delete') return
      await deleteFile().catch((error) => log(`${path} cannot be deleted: ${fileErrorReason(error)}`))
    },
  }
}

async function openRegularFile(path: string): Promise<FileHandle> {
  const file = await open(path, 'r')
  if ((await file.stat()).isFile()) return file
  await file.close()
  // Some systems open folders, and reading from a pipe could take forever.
  throw new Error('it is not a regular file')
}

/** Returns the hashes of the lines that were handled. An incomplete mark, after a crash, is ignored. */
async function readMarks(path: string): Promise<Set<string>> {
  const marks = new Set<string>()
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return marks
    throw error
  }
  try {
    for await (const { text = '' } of readLines(file, MAX_LINE_BYTES)) {
      const hash = /^\{"line":"([\w-]+)"/.exec(text)?.[1]
      if (hash !== undefined) marks.add(hash)
    }
  } finally {
    await file.close()
  }
  return marks
}

function hashOf(line: string): string {
  return createHash('sha256').update(line).digest('base64url')
}

async function attempt<T>(verb: 'read' | 'write', path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof SourceError) throw error
    const code = errorCode(error)
    const kind = code === 'ENOENT' ? 'notFound' : code === 'EACCES' || code === 'EPERM' ? 'denied' : 'failed'
    const reason =
      code === 'ENOENT' && verb === 'read' ? 'it does not exist (ENOENT)' : fileErrorReason(error)
    throw new SourceError(kind, endSentence(`Cannot ${verb} ${path}: ${reason}`), error)
  }
}
