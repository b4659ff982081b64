import type { Writable } from 'node:stream'
import { styleText } from 'node:util'
import { escapeText } from './text.ts'

/** Standard output, which may be a terminal. */
export type Output = Writable & {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

export type TextFormat = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan'

/** Applies a color or weight to the text, or returns it unchanged if the output has no colors. */
export type StyleText = (format: TextFormat, text: string) => string

/** The output of a command. */
export interface Terminal {
  readonly stdout: Output
  /** Writes a line to standard error, after the name of the program. Control characters are escaped. */
  log(line: string): void
  /** For text on standard output. Honors `NO_COLOR` and `FORCE_COLOR`. */
  readonly style: StyleText
}

export function processTerminal(): Terminal {
  const { stdout, stderr } = process
  // Without a listener, an `error` event ends the process. A failing standard error cannot be reported
  // anywhere; a failing standard output is reported by the write that failed.
  stderr.on('error', () => {})
  stdout.on('error', () => {})
  return {
    stdout,
    log: (line) => void stderr.write(`dynamodb-stream-iterator: ${escapeText(line)}\n`),
    style: (format, text) => styleText(format, text, { stream: stdout }),
  }
}
