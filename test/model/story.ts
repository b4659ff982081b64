import { play } from './play.ts'
import type { History } from './steps.ts'
import type { MakeSubject } from './subject.ts'
import { makeCoordinator } from './subject.ts'

/** Plays a history and tells it, a line a step, with what went wrong in the end. */
export async function tellStory(history: History, make: MakeSubject = makeCoordinator): Promise<string> {
  const lines: string[] = [JSON.stringify(history.setup)]
  try {
    await play(history, make, (line) => lines.push(line()))
    lines.push('all promises were kept')
  } catch (error) {
    lines.push(
      String(error),
      ...(error instanceof Error && error.cause instanceof Error ? [String(error.cause.stack)] : []),
    )
  }
  return lines.join('\n')
}
