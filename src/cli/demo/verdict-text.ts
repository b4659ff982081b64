import type { Paint } from '../paint.ts'
import { wrapText } from '../wrap-text.ts'
import type { Verdict } from './evidence.ts'

/** The verdict, figure by figure, in lines of at most `columns`. */
export function verdictLines(verdict: Verdict, paint: Paint, columns: number): string[] {
  const { written, delivered, lost, outOfOrder, repeated, repeatedInVain, unknown, unsaved, isGood } = verdict
  const rows: readonly (readonly [string, number, string, boolean])[] = [
    ['written', written, '', true],
    ['delivered', delivered, 'different records that the worker has processed', delivered > 0],
    ['lost', lost, '', lost === 0],
    ['out of order', outOfOrder, 'in a shard, of an item, or a child before its parent', outOfOrder === 0],
    ['repeated', repeated, 'processed after the last checkpoint before a kill, and again after it', true],
    ['repeated in vain', repeatedInVain, 'though a checkpoint covered them', repeatedInVain === 0],
    ['unknown', unknown, 'never written', unknown === 0],
    ['not saved', unsaved, 'not covered by the checkpoint that was left at the end', unsaved === 0],
  ]
  return [
    '',
    ...rows.flatMap(([name, count, meaning, isRight]) => {
      const figure = `${name.padEnd(17)}${String(count).padStart(6)}`
      const shown = isRight ? figure : paint('red', figure)
      const line = meaning === '' ? shown : `${shown}  ${paint('dim', meaning)}`
      return wrapText(line, columns, figure.length + 2)
    }),
    '',
    ...wrapText(
      isGood
        ? 'Nothing lost, nothing out of order, nothing repeated but what was after a checkpoint.'
        : 'That is not how it should be. Please report it, with this output.',
      columns,
    ).map((line) => paint(isGood ? 'green' : 'red', line)),
  ]
}
