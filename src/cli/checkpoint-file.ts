import { checkFileIsWritable, readTextFile } from '../checkpoints/atomic-file.ts'
import { fileErrorReason, singleFileCheckpointStore } from '../checkpoints/file.ts'
import type { CheckpointStore } from '../checkpoints/store.ts'
import { errorCode } from '../core/error-code.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import { parseToken } from '../position/parse-token.ts'
import { MAX_SERIALIZED_LENGTH } from '../position/serialized-token.ts'
import type { StreamToken } from '../position/token.ts'
import { CliError, exitCodes, usageError } from './errors.ts'

/** The longest name that a checkpoint may have. */
const MAX_NAME_LENGTH = 255

/** The store for `--checkpoint`: a single file. */
export interface CheckpointFile extends CheckpointStore {
  readonly path: string
  /** The name of the checkpoint in the store, which only messages show. */
  readonly name: string
  /** Whether the file existed when it was loaded. */
  readonly isFound: boolean
  /**
   * Checks that the checkpoint can be saved, without changing the file.
   *
   * @throws CliError `usage` if its folder does not exist; StreamError `checkpoint.failed`
   */
  checkWritable(): Promise<void>
}

/** The checkpoint is stored in exactly this file. Error messages name the path once, as the user wrote it. */
export function checkpointFile(path: string): CheckpointFile {
  const store = singleFileCheckpointStore(path)
  let isFound = false
  return {
    path,
    name: path.slice(-MAX_NAME_LENGTH),
    get isFound() {
      return isFound
    },
    async load(name) {
      const text = await readTextFile(path, MAX_SERIALIZED_LENGTH).catch((error: unknown) => {
        const message = `--checkpoint ${path} cannot be read: ${fileErrorReason(error)}`
        throw new StreamError('checkpoint.failed', message, { name, operation: 'load' }, error)
      })
      isFound = text !== undefined
      return isFound ? parseCheckpoint(text, path) : undefined
    },
    async checkWritable() {
      await checkFileIsWritable(path).catch((error: unknown) => {
        // A save would create the folder, but here a missing folder is probably a typo.
        if (errorCode(error) === 'ENOENT') throw usageError(`--checkpoint ${path}: its folder does not exist`)
        const message = `--checkpoint ${path} cannot be saved: ${fileErrorReason(error)}`
        throw new StreamError('checkpoint.failed', message, { name: path, operation: 'save' }, error)
      })
    },
    async save(name, token) {
      await store.save(name, token).catch((error: Error) => {
        // The event `checkpointRetry` contains the name; the message is the reason alone.
        throw new Error(fileErrorReason(error.cause), { cause: error })
      })
    },
  }
}

function parseCheckpoint(text: unknown, path: string): StreamToken {
  try {
    return parseToken(text, `--checkpoint ${path}`)
  } catch (error) {
    if (!isStreamError(error, 'token.invalid')) throw error
    const advice = 'The file was left unchanged: restore an earlier copy, or move it away to start over'
    throw new StreamError('token.invalid', `${error.message}. ${advice}`, error.details, error)
  }
}

/**
 * Returns an error that names the file if `error` is about a token for another stream; any other error
 * unchanged.
 *
 * @param file - the option and its value, such as `--checkpoint orders.json`.
 */
export function explainForeignToken(error: unknown, file: string): unknown {
  if (!isStreamError(error, 'token.streamMismatch')) return error
  const { actual, expected } = error.details
  const message =
    `${file} is a position in the stream ${actual}, not in ${expected}. ` +
    'Use another file, or move this one away to start over'
  return new CliError(error.code, message, exitCodes.checkpoint, error)
}
