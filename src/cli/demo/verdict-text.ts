import type { Paint } from '../paint.ts'
import type { Verdict } from './evidence.ts'

/** The verdict, figure by figure. */
export function verdictLines(verdict: Verdict, paint: Paint): string[] {
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
    ...rows.map(([name, count, meaning, isRight]) => {
      const figure = `${name.padEnd(17)}${String(count).padStart(6)}`
      return `${isRight ? figure : paint('red', figure)}  ${paint('dim', meaning)}`.trimEnd()
    }),
    '',
    isGood
      ? paint(
          'green',
          'Nothing lost, nothing out of order, nothing repeated but what was after a checkpoint.',
        )
      : paint('red', 'That is not how it should be. Please report it, with this output.'),
  ]
}
