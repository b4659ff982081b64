import { drawShardTree, type LabeledShard, shortShardId } from '../format-shards.ts'
import type { StyleText } from '../terminal.ts'
import { formatDuration, noBreak, pluralize, wrapText } from '../text.ts'
import type { Verdict } from './verify.ts'

export interface ShardProgress {
  readonly shardId: string
  readonly parentId: string | undefined
  /** `idle`: not finished, and not being read since the last worker was killed. */
  readonly state: 'idle' | 'reading' | 'finished'
  /** Number of records processed, repeated ones included. */
  readonly records: number
}

/** What the view shows. */
export interface DemoState {
  readonly elapsedMs: number
  readonly written: number
  /** Distinct records processed. */
  readonly delivered: number
  readonly writtenPerSecond: number
  readonly deliveredPerSecond: number
  /** Records written and not processed yet. */
  readonly behind: number
  /** The time since the oldest of them was written. */
  readonly behindMs: number
  /** Distinct processed records that the last checkpoint covers. */
  readonly saved: number
  /** The state of the worker, such as `running, process 7, run 2`. */
  readonly worker: string
  readonly shards: readonly ShardProgress[]
}

/** The width of the labels in front of the figures. */
const LABEL_WIDTH = 'processed  '.length

/** Returns the lines of the live view. They fit into a terminal of that size, with the cursor below them. */
export function frame(state: DemoState, { columns, rows }: { columns: number; rows: number }): string[] {
  const { written, delivered, writtenPerSecond, deliveredPerSecond, saved, worker, shards } = state
  const figures = [
    `${formatElapsed(state.elapsedMs)}   worker ${worker}`,
    `written    ${padCount(written)}   ${padCount(writtenPerSecond)}/s`,
    `processed  ${padCount(delivered)}   ${padCount(deliveredPerSecond)}/s   ${noBreak(describeLag(state))}`,
    `saved      ${padCount(saved)}`,
    `shards     ${['● being read', '○ not being read', '✓ read to its end'].map(noBreak).join('   ')}`,
  ].flatMap((line) => wrapText(line, columns, LABEL_WIDTH))
  // Two lines are reserved: the one that counts the omitted lines, and that of the cursor.
  const room = Math.max(0, rows - figures.length - 2)
  const tree = drawShardTree(shards.map(labelShard)).map((line) => shortenChain(line, columns))
  const shown = tree.length > room ? [`… ${tree.length - room} more lines`, ...tree.slice(-room)] : tree
  return [...figures, ...shown].map((line) =>
    line.length > columns ? `${line.slice(0, columns - 1)}…` : line,
  )
}

/** Shortens a chain of shards at its start: the last shard is the one that is being read. */
function shortenChain(line: string, columns: number): string {
  if (line.length <= columns) return line
  const branch = /^[│├└─ ]*/.exec(line)?.[0] ?? ''
  const chain = line.slice(branch.length).split(' → ')
  const shortened = () => `${branch}… → ${chain.join(' → ')}`
  while (chain.length > 1 && shortened().length > columns) chain.shift()
  return shortened()
}

/** Returns the state as one line, for logs. */
export function summaryLine(state: DemoState): string {
  const { elapsedMs, written, delivered, deliveredPerSecond, worker, shards } = state
  const reading = shards.filter((shard) => shard.state === 'reading').length
  return (
    `${formatElapsed(elapsedMs)}  written ${written}, processed ${delivered} (${deliveredPerSecond}/s), ` +
    `${describeLag(state)}; ${pluralize(shards.length, 'shard')}, ${reading} being read; worker ${worker}`
  )
}

/** Returns the verdict as lines of at most `columns`. */
export function verdictLines(verdict: Verdict, style: StyleText, columns: number): string[] {
  const { written, delivered, lost, outOfOrder, repeated, unexpectedDuplicates, unknown, unsaved, isGood } =
    verdict
  const rows: readonly (readonly [string, number, string, boolean])[] = [
    ['written', written, '', true],
    ['delivered', delivered, 'distinct records that the worker processed', delivered > 0],
    ['lost', lost, 'never processed', lost === 0],
    ['out of order', outOfOrder, 'within a shard or an item, or a child before its parent', outOfOrder === 0],
    ['repeated', repeated, 'processed after the last checkpoint before a kill, and again after it', true],
    [
      'unexpected duplicates',
      unexpectedDuplicates,
      'repeated although a checkpoint covered them',
      unexpectedDuplicates === 0,
    ],
    ['unknown', unknown, 'never written', unknown === 0],
    ['not saved', unsaved, 'not covered by the final checkpoint', unsaved === 0],
  ]
  const conclusion = isGood
    ? 'Nothing was lost or out of order, and only records after a checkpoint were repeated.'
    : 'This should not happen. Please report it, with this output.'
  return [
    '',
    ...rows.flatMap(([name, count, meaning, isExpected]) => {
      const figure = `${name.padEnd(21)}${padCount(count)}`
      const styled = isExpected ? figure : style('red', figure)
      const line = meaning === '' ? styled : `${styled}  ${style('dim', meaning)}`
      return wrapText(line, columns, figure.length + 2)
    }),
    '',
    ...wrapText(conclusion, columns).map((line) => style(isGood ? 'green' : 'red', line)),
  ]
}

/** Formats the time since the start, in front of each line. */
export function formatElapsed(elapsedMs: number): string {
  return `${(elapsedMs / 1_000).toFixed(1).padStart(5)} s`
}

function describeLag({ behind, behindMs }: DemoState): string {
  // At least 0.1 s, because 0.0 s would contradict the number of records.
  const time = behind === 0 ? '' : `, ${formatDuration(Math.max(100, behindMs))}`
  return `behind ${pluralize(behind, 'record')}${time}`
}

function labelShard({ shardId, parentId, state, records }: ShardProgress): LabeledShard {
  const mark = { idle: '○', reading: '●', finished: '✓' }[state]
  return { shardId, parentId, label: `${shortShardId(shardId)} ${mark} ${records}` }
}

function padCount(count: number): string {
  return String(Math.round(count)).padStart(6)
}
