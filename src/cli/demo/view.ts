import { countText } from '../count-text.ts'
import { durationText } from '../duration-text.ts'
import { type DrawnShard, drawLineage } from '../lineage-text.ts'
import { shortShardId } from '../short-ids.ts'
import { keepTogether, wrapText } from '../wrap-text.ts'

export interface SeenShard {
  readonly shardId: string
  readonly parentId: string | undefined
  /** `idle`: not finished, and read by no worker since the last one was killed. */
  readonly state: 'idle' | 'read' | 'finished'
  /** Records of it that were processed. */
  readonly records: number
}

/** Everything that the view shows. */
export interface DemoState {
  readonly elapsedMs: number
  readonly written: number
  readonly delivered: number
  readonly writtenPerSecond: number
  readonly deliveredPerSecond: number
  readonly lagMs: number | undefined
  /** Different records at the last checkpoint. */
  readonly saved: number
  /** In words: running, killed, … */
  readonly worker: string
  readonly shards: readonly SeenShard[]
}

/** The view for terminals, redrawn in place: as many lines as `rows` at most. */
export function frame(state: DemoState, { columns, rows }: { columns: number; rows: number }): string[] {
  const { written, delivered, writtenPerSecond, deliveredPerSecond, saved, worker, shards } = state
  const figures = [
    `${(state.elapsedMs / 1_000).toFixed(1).padStart(5)} s   worker ${worker}`,
    `written    ${count(written)}   ${count(writtenPerSecond)}/s`,
    `processed  ${count(delivered)}   ${count(deliveredPerSecond)}/s   ${keepTogether(behind(state))}`,
    `saved      ${count(saved)}`,
    `shards     ${['● being read', '○ not being read', '✓ read to its end'].map(keepTogether).join('   ')}`,
  ].flatMap((line) => wrapText(line, columns, FIGURE_INDENT))
  // Beside the lines of the lineage: the mark of the cut, and the line that the cursor is on.
  const room = Math.max(0, rows - figures.length - 2)
  const lineage = drawLineage(shards.map(drawn)).map((line) => shortenChain(line, columns))
  const cut =
    lineage.length > room ? [`… ${lineage.length - room} more lines`, ...lineage.slice(-room)] : lineage
  return [...figures, ...cut].map((line) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line))
}

/** Where the figures begin. */
const FIGURE_INDENT = 'processed  '.length

/** Leaves out the first shards of a chain that does not fit: the last one is the one that is read. */
function shortenChain(line: string, columns: number): string {
  if (line.length <= columns) return line
  const branch = /^[│├└─ ]*/.exec(line)?.[0] ?? ''
  const chain = line.slice(branch.length).split(' → ')
  const shortened = () => `${branch}… → ${chain.join(' → ')}`
  while (chain.length > 1 && shortened().length > columns) chain.shift()
  return shortened()
}

/** The same in one line, for logs. */
export function summaryLine(state: DemoState): string {
  const { written, delivered, deliveredPerSecond, worker, shards } = state
  const read = shards.filter(({ state }) => state === 'read').length
  return (
    `${(state.elapsedMs / 1_000).toFixed(1).padStart(5)} s  written ${written}, processed ${delivered} ` +
    `(${deliveredPerSecond}/s), ${behind(state)}; ${countText(shards.length, 'shard')}, ${read} being read; worker ${worker}`
  )
}

function behind({ written, delivered, lagMs }: DemoState): string {
  const time = lagMs === undefined ? '' : `, ${durationText(lagMs)}`
  return `behind ${countText(written - delivered, 'record')}${time}`
}

function drawn({ shardId, parentId, state, records }: SeenShard): DrawnShard {
  const mark = { idle: '○', read: '●', finished: '✓' }[state]
  return { shardId, parentId, label: `${shortShardId(shardId)} ${mark} ${records}` }
}

function count(value: number): string {
  return String(Math.round(value)).padStart(6)
}
