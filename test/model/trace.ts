import type { Model } from './check.ts'

/** Runs a history and returns its trace: one line per step, and the violation at the end. */
export async function traceRun<H extends { readonly setup: unknown }>(
  history: H,
  play: Model<H>['play'],
): Promise<string> {
  const lines: string[] = [JSON.stringify(history.setup)]
  try {
    await play(history, (line) => lines.push(line()))
    lines.push('no guarantee was violated')
  } catch (error) {
    lines.push(
      String(error),
      ...(error instanceof Error && error.cause instanceof Error ? [String(error.cause.stack)] : []),
    )
  }
  return lines.join('\n')
}
