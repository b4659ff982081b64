import { checkFileIsWritable, errorCode, readTextFile } from '../checkpoints/atomic-file.ts'
import { fileErrorReason, singleFileCheckpointStore } from '../checkpoints/file.ts'
import type { CheckpointStore } from '../checkpoints/store.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import { parseToken } from '../position/parse-token.ts'
import type { Position } from '../position/position.ts'
import { MAX_SERIALIZED_LENGTH } from '../position/serialized-token.ts'
import type { StreamToken } from '../position/token.ts'
import { CliError, usageError } from './cli-error.ts'
import { exitCodes } from './exit-codes.ts'

/** A date, or a date and a time with or without a zone (without one: of this machine, as ISO 8601 has it). */
const isoTime = /^\d{4}-\d{2}-\d{2}(T\d{2}(:\d{2}(:\d{2}(\.\d+)?)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?$/i

/**
 * What `--from` means.
 * @throws CliError `usage`; StreamError `token.invalid` for a file that holds no token
 */
export async function startPosition(from: string): Promise<Position> {
  const word = from.toLowerCase()
  if (word === 'trim_horizon' || word === 'latest') return word
  if (isoTime.test(from)) {
    const date = new Date(from)
    if (!Number.isNaN(date.getTime()) && isDayOfMonth(from)) return date
  }
  const text = await readTextFile(from, MAX_SERIALIZED_LENGTH).catch((error: unknown) => {
    throw usageError(`--from ${from} cannot be read: ${fileErrorReason(error)}`)
  })
  if (text !== undefined) return parseToken(text, `--from ${from}`)
  throw usageError(
    `--from is ${JSON.stringify(from)}, but must be trim_horizon, latest, an ISO time, or a file with a token`,
  )
}

/** `Date` takes 31 February for 3 March. */
function isDayOfMonth(iso: string): boolean {
  const [day = ''] = iso.split(/t/i)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}

/** The checkpoint of a command: one file. */
export interface CheckpointFile extends CheckpointStore {
  readonly path: string
  /** The name under which the store is asked for it; it shows in messages only. */
  readonly name: string
  /** Whether it was there when it was loaded. */
  readonly isFound: boolean
  /**
   * Tries whether it can be saved. The file is not changed.
   * @throws CliError `usage` when its folder does not exist; StreamError `checkpoint.failed`
   */
  checkWritable(): Promise<void>
}

/** The checkpoint in exactly this file. Errors name the file once, as the user did. */
export function checkpointFile(path: string): CheckpointFile {
  const store = singleFileCheckpointStore(path)
  let isFound = false
  return {
    path,
    name: path.slice(-255),
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
        // A save would create the folder, but at the start that is rather a typing error.
        if (errorCode(error) === 'ENOENT') throw usageError(`--checkpoint ${path}: its folder does not exist`)
        const message = `--checkpoint ${path} cannot be saved: ${fileErrorReason(error)}`
        throw new StreamError('checkpoint.failed', message, { name: path, operation: 'save' }, error)
      })
    },
    async save(name, token) {
      await store.save(name, token).catch((error: Error) => {
        // Whoever reports it names the checkpoint.
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
    const message = `${error.message}. The file was left unchanged: replace it with an earlier copy, or move it away`
    throw new StreamError('token.invalid', message, error.details, error)
  }
}

/** An error as it is; of a token of another stream, one that names the file. */
export function nameForeignToken(error: unknown, file: string): unknown {
  if (!isStreamError(error, 'token.streamMismatch')) return error
  const { actual, expected } = error.details
  const message = `${file} is a position in the stream ${actual}, but this is ${expected}. Name another file, or move it away to begin anew`
  return new CliError(error.code, message, exitCodes.checkpoint, error)
}
