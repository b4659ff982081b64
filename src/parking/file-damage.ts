import { StreamError, type StreamErrorDetails } from '../core/errors.ts'

/**
 * Returns the error for a file that does not contain what the store has written. It is left unchanged.
 *
 * @param problem - what is wrong, such as `is empty`.
 */
export function damaged(
  details: StreamErrorDetails['parking.failed'],
  path: string,
  problem: string,
  cause?: unknown,
): StreamError<'parking.failed'> {
  const message =
    `${path}, which belongs to the parked keys of "${details.name}", ${problem}. It was left unchanged: ` +
    'replace it with an earlier copy, or remove it with all files of the same key, whose records are lost then.'
  return new StreamError('parking.failed', message, details, cause)
}
