import { outputError } from '../standard-output.ts'
import type { Output } from '../terminal.ts'
import { wrapText } from '../wrap-text.ts'

/** Where the demo is seen. Once a write has failed, all of it throws `CliError` `output`. */
export interface Screen extends Disposable {
  /** A line that stays; on a terminal wrapped to its width, with `indent` spaces in front of each line but the first. */
  line(text: string, indent?: number): void
  /** The view as it is now; shown in place of the one before. */
  show(lines: readonly string[]): void
  /** The view stays as it is; what comes next is below it. */
  keep(): void
  /** Resolves when all of it has left the process. */
  flush(): Promise<void>
  /** Whether views are redrawn in place. If not, `show` does nothing. */
  readonly isLive: boolean
  readonly size: { readonly columns: number; readonly rows: number }
}

/** A terminal that may be drawn on, which one without colours or in a CI run is not taken for. */
export function canRedraw(stdout: Output, env: NodeJS.ProcessEnv): boolean {
  return stdout.isTTY === true && !env.NO_COLOR && !env.CI && env.TERM !== 'dumb'
}

export function createScreen(stdout: Output, isLive: boolean): Screen {
  let shown: readonly string[] = []
  let failure: Error | undefined
  // Up to the first line of the view, and all from there away.
  const erase = () => (shown.length > 0 ? `\x1b[${shown.length}A\x1b[0J` : '')
  const draw = (before: string, lines: readonly string[]) => {
    if (failure) throw outputError(failure)
    stdout.write(before + lines.map((line) => `${line}\n`).join(''), (error) => {
      failure ??= error ?? undefined
    })
    shown = lines
  }
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
      if (isLive) stdout.write('\x1b[?25h')
    },
  }
}
