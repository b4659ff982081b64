import type { Writable } from 'node:stream'
import { type Paint, paintFor } from './paint.ts'
import { plainText } from './plain-text.ts'

/** Standard output, which may be a terminal. */
export type Output = Writable & {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

/** What a command talks to. */
export interface Terminal {
  readonly stdout: Output
  /** Writes a line to standard error, under the name of the program. What a terminal would act on is escaped. */
  say(line: string): void
  /** Colours for standard output. */
  readonly paint: Paint
}

export function processTerminal(): Terminal {
  const { stdout, stderr } = process
  // Nobody is left to be told.
  stderr.on('error', () => {})
  // Reported where it is written to.
  stdout.on('error', () => {})
  return {
    stdout,
    paint: paintFor(stdout),
    say: (line) => void stderr.write(`dynamodb-stream-iterator: ${plainText(line)}\n`),
  }
}
