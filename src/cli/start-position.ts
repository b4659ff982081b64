import { readTextFile } from '../checkpoints/atomic-file.ts'
import { fileErrorReason } from '../checkpoints/file.ts'
import { parseToken } from '../position/parse-token.ts'
import type { Position } from '../position/position.ts'
import { MAX_SERIALIZED_LENGTH } from '../position/serialized-token.ts'
import { usageError } from './errors.ts'

/** An ISO 8601 date, or date and time. A time without a zone is local time. */
const isoTime = /^\d{4}-\d{2}-\d{2}(T\d{2}(:\d{2}(:\d{2}(\.\d+)?)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?$/i

/**
 * Parses the value of `--from`.
 *
 * @throws CliError `usage`; StreamError `token.invalid` for a file without a valid token.
 */
export async function parseStartPosition(from: string): Promise<Position> {
  const word = from.toLowerCase()
  if (word === 'trim_horizon' || word === 'latest') return word
  if (isoTime.test(from)) {
    const date = new Date(from)
    if (!Number.isNaN(date.getTime()) && isExistingDay(from)) return date
  }
  const text = await readTextFile(from, MAX_SERIALIZED_LENGTH).catch((error: unknown) => {
    throw usageError(`--from ${from} cannot be read: ${fileErrorReason(error)}`)
  })
  if (text !== undefined) return parseToken(text, `--from ${from}`)
  const expected = 'trim_horizon, latest, an ISO time, or the path of a token file'
  throw usageError(`--from is ${JSON.stringify(from)}, but must be ${expected}`)
}

/** Rejects days such as February 31, which `Date` accepts as March 3. */
function isExistingDay(iso: string): boolean {
  const [day = ''] = iso.split(/t/i)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}
