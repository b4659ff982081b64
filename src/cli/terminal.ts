import { type Paint, paintFor } from './paint.ts'

/** What a command talks to. */
export interface Terminal {
  readonly stdout: NodeJS.WriteStream
  /** Writes a line to standard error, under the name of the program. */
  say(line: string): void
  /** Colours for standard output. */
  readonly paint: Paint
}

export function processTerminal(): Terminal {
  const { stdout, stderr } = process
  // Nobody is left to be told.
  stderr.on('error', () => {})
  return {
    stdout,
    paint: paintFor(stdout),
    say: (line) => void stderr.write(`dynamodb-stream: ${line}\n`),
  }
}
