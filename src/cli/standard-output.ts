import type { Writable } from 'node:stream'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { errorCode } from '../checkpoints/atomic-file.ts'

/** How long a write may take after the user wants to stop, in ms: a pager that holds still must not hold us up. */
const LAST_WRITE_MS = 1_000

/** Where records go. */
export interface RecordOutput {
  /**
   * Resolves to `true` when the text is in the hands of the system; to `false` when nobody reads it any more, as
   * after `| head`, or when `stop` has aborted and it is still not read a second later.
   */
  write(text: string, stop: AbortSignal): Promise<boolean>
}

/** Waits for each text to leave the process, which is all the backpressure that a pipe needs. */
export function recordOutput(stream: Writable): RecordOutput {
  let isBroken = false
  // Told to the callback of the write too; without a listener it would end the process.
  stream.on('error', () => {
    isBroken = true
  })
  return {
    async write(text, stop) {
      if (isBroken) return false
      const written = new Promise<boolean>((resolve, reject) => {
        stream.write(text, (error) => {
          if (!error) resolve(true)
          else if (errorCode(error) === 'EPIPE') resolve(false)
          else reject(error)
        })
      })
      return Promise.race([written, tooLate(stop, written)])
    },
  }
}

/** `false`, a while after `stop` aborts; never while `written` is settled or it does not abort. */
function tooLate(stop: AbortSignal, written: Promise<boolean>): Promise<boolean> {
  const settled = new AbortController()
  written.finally(() => settled.abort()).catch(() => {})
  return new Promise((resolve) => {
    const giveUp = async () => {
      await wait(LAST_WRITE_MS, undefined, { signal: settled.signal })
      // On a busy machine the timer may be heard before the write that was done long ago.
      await nextTurn()
      await nextTurn()
      resolve(false)
    }
    const onStop = () => void giveUp().catch(() => {})
    if (stop.aborted) onStop()
    else stop.addEventListener('abort', onStop, { once: true, signal: settled.signal })
  })
}
