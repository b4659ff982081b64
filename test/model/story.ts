import type { Model } from './check.ts'

/** Plays a history and tells it, a line a step, with what went wrong in the end. */
export async function tellStory<H extends { readonly setup: unknown }>(
  history: H,
  play: Model<H>['play'],
): Promise<string> {
  const lines: string[] = [JSON.stringify(history.setup)]
  try {
    await play(history, (line) => lines.push(line()))
    lines.push('all promises were kept')
  } catch (error) {
    lines.push(
      String(error),
      ...(error instanceof Error && error.cause instanceof Error ? [String(error.cause.stack)] : []),
    )
  }
  return lines.join('\n')
}
