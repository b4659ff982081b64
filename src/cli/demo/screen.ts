import { outputError } from '../standard-output.ts'
import type { Output } from '../terminal.ts'
import { wrapText } from '../text.ts'

/** The output of the demo. After a failed write, its methods throw `CliError` `output`. */
export interface Screen extends Disposable {
  /** Prints a permanent line. On a terminal it is wrapped, and all lines but the first are indented. */
  line(text: string, indent?: number): void
  /** Shows the view, in place of the previous one. Does nothing unless the screen {@link isLive}. */
  show(lines: readonly string[]): void
  /** Keeps the current view. Later output is printed below it. */
  keep(): void
  /** Resolves when everything has been written. */
  flush(): Promise<void>
  /** Whether views are redrawn in place. */
  readonly isLive: boolean
  readonly size: { readonly columns: number; readonly rows: number }
}

/**
 * Whether the output is a terminal that supports cursor movements. Not in CI, nor where colors are disabled.
 */
export function canRedraw(stdout: Output, env: NodeJS.ProcessEnv): boolean {
  return stdout.isTTY === true && !env.NO_COLOR && !env.CI && env.TERM !== 'dumb'
}

export function createScreen(stdout: Output, isLive: boolean): Screen {
  let shown: readonly string[] = []
  let failure: Error | undefined
  // Moves the cursor to the first line of the view, and erases everything below.
  const erase = () => (shown.length > 0 ? `\x1b[${shown.length}A\x1b[0J` : '')
  const draw = (before: string, lines: readonly string[]) => {
    if (failure) throw outputError(failure)
    stdout.write(before + lines.map((line) => `${line}\n`).join(''), (error) => {
      failure ??= error ?? undefined
    })
    shown = lines
  }
  // Hides the cursor.
  if (isLive) stdout.write('\x1b[?25l')
  return {
    isLive,
    get size() {
      return { columns: stdout.columns || 80, rows: stdout.rows || 24 }
    },
    line: (text, indent = 0) => {
      const lines = stdout.isTTY ? wrapText(text, stdout.columns || 80, indent) : [text]
      draw(`${isLive ? erase() : ''}${lines.join('\n')}\n`, isLive ? shown : [])
    },
    show: (lines) => {
      if (isLive) draw(erase(), lines)
    },
    keep: () => {
      shown = []
    },
    async flush() {
      await new Promise<void>((resolve) => stdout.write('', () => resolve()))
      if (failure) throw outputError(failure)
    },
    [Symbol.dispose]() {
      // Shows the cursor again.
      if (isLive) stdout.write('\x1b[?25h')
    },
  }
}
