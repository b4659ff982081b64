import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StreamError } from '../core/errors.ts'
import { invalidOption } from '../core/options.ts'
import { MAX_SERIALIZED_LENGTH, parseSerializedToken } from '../position/serialized-token.ts'
import { errorCode, readTextFile, removeStaleTemporaries, writeFileAtomically } from './atomic-file.ts'
import { checkpointFileName } from './checkpoint-file-name.ts'
import type { CheckpointStore } from './store.ts'

/**
 * Keeps each checkpoint in a file of its own, `<folder>/<encoded name>.json`.
 *
 * A save writes a temporary file, syncs it to the disk and renames it, so that the file is whole at every moment, also
 * when several processes save under one name; the last one wins, it is not noticed. Use `dynamoDBCheckpointStore` where
 * a second worker must be kept out. Files have mode 0600; the folder is made at the first save, with mode 0700.
 *
 * Errors: `options.invalid` for a name with a lone surrogate, `token.invalid` when the file holds no JSON, or `null` (it is
 * left unchanged), `checkpoint.failed` when it cannot be read or written.
 *
 * @param folder a path, from the working directory at the time of this call, or a `file:` URL.
 */
export function fileCheckpointStore(folder: string | URL): CheckpointStore {
  const root = toPath(folder)
  return storeOfFiles((name) => join(root, checkpointFileName(checkName(name))))
}

/** In UTF-8, all lone surrogates are U+FFFD: names that differ in them would share a file. */
function checkName(name: string): string {
  if (name.isWellFormed()) return name
  throw invalidOption('name', name, 'a well-formed string')
}

/** Keeps the one checkpoint there is in exactly this file, whatever its name. For a command line's `--checkpoint FILE`. */
export function singleFileCheckpointStore(path: string | URL): CheckpointStore {
  const file = toPath(path)
  return storeOfFiles(() => file)
}

function storeOfFiles(pathOf: (name: string) => string): CheckpointStore {
  const cleaned = new Set<string>()
  return {
    async load(name) {
      const path = pathOf(name)
      const text = await readTextFile(path, MAX_SERIALIZED_LENGTH).catch((error) => {
        throw failure('load', name, path, error)
      })
      return text === undefined ? undefined : parseFile(text, name, path)
    },
    async save(name, token) {
      const path = pathOf(name)
      await writeFileAtomically(path, `${JSON.stringify(token)}\n`).catch((error) => {
        throw failure('save', name, path, error)
      })
      if (cleaned.has(path)) return
      cleaned.add(path)
      await removeStaleTemporaries(path)
    },
  }
}

function parseFile(text: string, name: string, path: string): unknown {
  try {
    return parseSerializedToken(text)
  } catch (cause) {
    const what = text.trim() === '' ? 'is empty' : 'holds no token as JSON'
    const message = `The checkpoint file ${path} ${what}. It was left unchanged: replace it by an earlier copy, or move it away to start without a checkpoint ("${name}")`
    throw new StreamError('token.invalid', message, { field: '', expected: 'JSON text' }, cause)
  }
}

/** What the codes of the system mean, for those who don't know them by heart. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be too large',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EEXIST: 'a part of the path is a file, not a folder',
  ENAMETOOLONG: 'the path is too long',
  EMFILE: 'the process has too many open files',
}

/** Why a file cannot be read or written, with the code of the system: `permission denied (EACCES)`. */
export function fileErrorReason(error: unknown): string {
  const code = errorCode(error)
  const reason = code === undefined ? undefined : REASONS[code]
  if (reason !== undefined) return `${reason} (${code})`
  return error instanceof Error ? error.message : String(error)
}

function failure(
  operation: 'load' | 'save',
  name: string,
  path: string,
  cause: unknown,
): StreamError<'checkpoint.failed'> {
  const place = operation === 'load' ? `from ${path}` : `in ${path}`
  const message = `Cannot ${operation} the checkpoint "${name}" ${place}: ${fileErrorReason(cause)}`
  return new StreamError('checkpoint.failed', message, { name, operation }, cause)
}

function toPath(location: string | URL): string {
  if (location instanceof URL && location.protocol === 'file:') return resolve(fileURLToPath(location))
  if (typeof location === 'string' && location !== '') return resolve(location)
  throw invalidOption('folder', location, 'a path or a file: URL', String(location))
}
