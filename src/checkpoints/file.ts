import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { endSentence } from '../core/end-sentence.ts'
import { errorCode } from '../core/error-code.ts'
import { StreamError } from '../core/errors.ts'
import { invalidOption } from '../core/options.ts'
import { MAX_SERIALIZED_LENGTH, parseSerializedToken } from '../position/serialized-token.ts'
import { readTextFile, removeStaleTemporaries, writeFileAtomically } from './atomic-file.ts'
import { checkpointFileName } from './checkpoint-file-name.ts'
import type { CheckpointStore } from './store.ts'

/**
 * Creates a store that saves each checkpoint in a separate file, `<folder>/<encoded name>.json`.
 *
 * A save writes a temporary file, syncs it to disk and renames it, so readers always see a complete token,
 * even when several processes save under the same name. The last save wins, and such a conflict is not
 * detected: use `dynamoDBCheckpointStore` if only one worker may save. Files are created with mode 0600. The
 * folder is created at the first save, with mode 0700.
 *
 * The methods of the store reject with:
 * - `options.invalid`: the name contains a lone surrogate;
 * - `token.invalid`: the file does not contain JSON, or contains `null`; it is left unchanged;
 * - `checkpoint.failed`: the file cannot be read or written.
 *
 * @param folder - a path, which is resolved against the current working directory when this function is
 * called, or a `file:` URL.
 * @throws StreamError `options.invalid` if `folder` is neither.
 */
export function fileCheckpointStore(folder: string | URL): CheckpointStore {
  const root = toPath('folder', folder)
  return createFileStore((name) => join(root, checkpointFileName(checkName(name))))
}

/**
 * Rejects lone surrogates: UTF-8 encodes each of them as U+FFFD, so names that differ in them would share a
 * file.
 */
export function checkName(name: string): string {
  if (name.isWellFormed()) return name
  throw invalidOption('name', name, 'a well-formed string')
}

/**
 * Creates a store that uses exactly this file for every checkpoint name, for the command-line option
 * `--checkpoint FILE`.
 */
export function singleFileCheckpointStore(path: string | URL): CheckpointStore {
  const file = toPath('path', path)
  return createFileStore(() => file)
}

function createFileStore(pathOf: (name: string) => string): CheckpointStore {
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
    const problem = text.trim() === '' ? 'is empty' : 'does not contain a token as JSON'
    const message =
      `The file ${path} of the checkpoint "${name}" ${problem}. It was left unchanged: ` +
      'replace it with an earlier copy, or move it away to start without a checkpoint.'
    throw new StreamError('token.invalid', message, { field: '', expected: 'a token as JSON' }, cause)
  }
}

/** Explanations of the system error codes. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is exceeded',
  EFBIG: 'the file would be too large',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EEXIST: 'a part of the path is a file, not a folder',
  ENAMETOOLONG: 'the path is too long',
  EMFILE: 'the process has too many open files',
}

/**
 * Explains why a file cannot be read or written, with the system error code: `permission denied (EACCES)`.
 */
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
  const place = operation === 'load' ? `from ${path}` : `to ${path}`
  const message = `Cannot ${operation} the checkpoint "${name}" ${place}: ${fileErrorReason(cause)}`
  return new StreamError('checkpoint.failed', endSentence(message), { name, operation }, cause)
}

/**
 * Returns the absolute path of a file or folder.
 *
 * @throws StreamError `options.invalid`
 */
export function toPath(option: string, location: string | URL): string {
  if (location instanceof URL && location.protocol === 'file:') return resolve(fileURLToPath(location))
  if (typeof location === 'string' && location !== '') return resolve(location)
  const formatted = location instanceof URL ? location.href : undefined
  throw invalidOption(option, location, 'a path or a file: URL', formatted)
}
