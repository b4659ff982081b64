import { checkFileIsWritable, readTextFile } from '../checkpoints/atomic-file.ts'
import { fileErrorReason, singleFileCheckpointStore } from '../checkpoints/file.ts'
import type { CheckpointStore } from '../checkpoints/store.ts'
import { errorCode } from '../core/error-code.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import { parseToken } from '../position/parse-token.ts'
import { MAX_SERIALIZED_LENGTH } from '../position/serialized-token.ts'
import type { StreamToken } from '../position/token.ts'
import { CliError, exitCodes } from './errors.ts'

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
   * @throws StreamError `checkpoint.failed`
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
    async load() {
      const token = await readCheckpointFile(path).catch((error: unknown) => {
        if (!isStreamError(error, 'token.invalid')) throw error
        const advice = 'The file was left unchanged: restore an earlier copy, or move it away to start over'
        throw new StreamError('token.invalid', `${error.message} ${advice}`, error.details, error)
      })
      isFound = token !== undefined
      return token
    },
    async checkWritable() {
      await checkFileIsWritable(path).catch((error: unknown) => {
        // A save would create the folder, but here a missing folder is probably a typo.
        const reason = errorCode(error) === 'ENOENT' ? 'its folder does not exist' : fileErrorReason(error)
        const message = `--checkpoint ${path} cannot be saved: ${reason}`
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

/**
 * Reads the token in the file; `undefined` if the file does not exist.
 *
 * @throws StreamError `checkpoint.failed` or `token.invalid`
 */
export async function readCheckpointFile(path: string): Promise<StreamToken | undefined> {
  const text = await readTextFile(path, MAX_SERIALIZED_LENGTH).catch((error: unknown) => {
    const message = `--checkpoint ${path} cannot be read: ${fileErrorReason(error)}`
    throw new StreamError('checkpoint.failed', message, { name: path, operation: 'load' }, error)
  })
  return text === undefined ? undefined : parseToken(text, `--checkpoint ${path}`)
}

/** The file of a token, and what to do if that is for another stream. */
export interface TokenSource {
  /** The option and its value, such as `--checkpoint orders.json`. */
  readonly file: string
  readonly advice: string
}

/**
 * Returns an error that names the file if `error` is about a token for another stream; any other error
 * unchanged.
 */
export function explainStreamMismatch(error: unknown, { file, advice }: TokenSource): unknown {
  if (!isStreamError(error, 'token.streamMismatch')) return error
  const { actual, expected } = error.details
  const message = `${file} is a position in the stream ${actual}, not in ${expected}. ${advice}`
  return new CliError(error.code, message, exitCodes.checkpoint, error)
}
