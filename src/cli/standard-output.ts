import type { Writable } from 'node:stream'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { errorCode } from '../checkpoints/atomic-file.ts'
import { fileErrorReason } from '../checkpoints/file.ts'
import { CliError } from './cli-error.ts'
import { exitCodes } from './exit-codes.ts'

/** How long a write may take after the user wants to stop, in ms: a pager that holds still must not hold us up. */
const LAST_WRITE_MS = 1_000

/**
 * What became of a text: `closed` when the reader of standard output has ended, as after `| head`; `blocked` when it was
 * still not read a second after the user wanted to stop.
 */
export type Written = 'written' | 'closed' | 'blocked'

/**
 * Resolves when the text has left the process. The stream needs a listener for errors: without one they end the process.
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

/** Standard output cannot be written. */
export function outputError(cause: unknown): CliError {
  const message = `Cannot write to standard output: ${fileErrorReason(cause)}`
  return new CliError('output', message, exitCodes.failed, cause)
}

/** Where records go. */
export interface RecordOutput {
  /** @throws CliError `output` */
  write(text: string, stop: AbortSignal): Promise<Written>
}

/** Waits for each text to leave the process, which is all the backpressure that a pipe needs. */
export function recordOutput(stream: Writable): RecordOutput {
  let isBroken = false
  stream.on('error', () => {
    isBroken = true
  })
  return {
    async write(text, stop) {
      if (isBroken) return 'closed'
      const written = writeText(stream, text)
      return Promise.race([written, tooLate(stop, written)])
    },
  }
}

/** `blocked`, a while after `stop` aborts; never while `written` is settled or it does not abort. */
function tooLate(stop: AbortSignal, written: Promise<Written>): Promise<'blocked'> {
  const settled = new AbortController()
  written.finally(() => settled.abort()).catch(() => {})
  return new Promise((resolve) => {
    const giveUp = async () => {
      await wait(LAST_WRITE_MS, undefined, { signal: settled.signal })
      // On a busy machine the timer may be heard before the write that was done long ago.
      await nextTurn()
      await nextTurn()
      resolve('blocked')
    }
    const onStop = () => void giveUp().catch(() => {})
    if (stop.aborted) onStop()
    else stop.addEventListener('abort', onStop, { once: true, signal: settled.signal })
  })
}
