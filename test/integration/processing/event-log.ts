import { writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** The log of a worker that is killed at random moments. */
export interface EventLog<Event> {
  /**
   * Logs an event synchronously: when this returns, the kernel has the line, so it is not lost if the process
   * is killed.
   */
  readonly log: (event: Event) => void
  readonly file: FileHandle
}

/**
 * Opens a log.
 *
 * @param marksOf - returns what is written to the standard output with an event, at least one character. So
 * the test can count the events, and the records that need no further attempt (`+`), without reading the
 * file.
 */
export async function openEventLog<Event>(
  path: string,
  marksOf: (event: Event) => string,
): Promise<EventLog<Event>> {
  const file = await open(path, 'a')
  const log = (event: Event) => {
    writeSync(file.fd, `${JSON.stringify(event)}\n`)
    process.stdout.write(marksOf(event))
  }
  return { log, file }
}
