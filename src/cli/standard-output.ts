import type { Writable } from 'node:stream'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { fileErrorReason } from '../checkpoints/file.ts'
import { errorCode } from '../core/error-code.ts'
import { CliError, exitCodes } from './errors.ts'

/**
 * How long a write may block after the user has asked to stop, in ms: a paused pager must not keep us
 * running.
 */
const LAST_WRITE_MS = 1_000

/**
 * The result of a write.
 *
 * - `closed`: the reader of standard output has exited, as after `| head`.
 * - `blocked`: the reader did not read for a second after the user asked to stop.
 */
export type WriteResult = 'written' | 'closed' | 'blocked'

/**
 * Resolves when the text has been written to the file descriptor. The stream needs an `error` listener:
 * without one, a failure ends the process.
 *
 * @throws CliError `output`
 */
export function writeText(stream: Writable, text: string): Promise<'written' | 'closed'> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (!error) resolve('written')
      else if (errorCode(error) === 'EPIPE') resolve('closed')
      else reject(outputError(error))
    })
  })
}

/** Standard output cannot be written to. */
export function outputError(cause: unknown): CliError {
  const message = `Cannot write to standard output: ${fileErrorReason(cause)}`
  return new CliError('output', message, exitCodes.failed, cause)
}

export interface RecordOutput {
  /**
   * @param stop - aborts when the user asks to stop.
   * @throws CliError `output`
   */
  write(text: string, stop: AbortSignal): Promise<WriteResult>
}

/** Writes records to standard output. Waiting for each write is all the backpressure that a pipe needs. */
export function recordOutput(stream: Writable): RecordOutput {
  let isBroken = false
  stream.on('error', () => {
    isBroken = true
  })
  return {
    async write(text, stop) {
      if (isBroken) return 'closed'
      const written = writeText(stream, text)
      return Promise.race([written, blockedAfter(stop, written)])
    },
  }
}

/** Resolves to `blocked` {@link LAST_WRITE_MS} after `stop` aborts, unless `written` has settled by then. */
function blockedAfter(stop: AbortSignal, written: Promise<WriteResult>): Promise<'blocked'> {
  const settled = new AbortController()
  written.finally(() => settled.abort()).catch(() => {})
  return new Promise((resolve) => {
    const giveUp = async () => {
      await wait(LAST_WRITE_MS, undefined, { signal: settled.signal })
      // On a busy machine the timer can fire before the callback of a write that completed long ago.
      await nextTurn()
      await nextTurn()
      resolve('blocked')
    }
    const onStop = () => void giveUp().catch(() => {})
    if (stop.aborted) onStop()
    else stop.addEventListener('abort', onStop, { once: true, signal: settled.signal })
  })
}
