import { Coordinator } from '../../coordinator/coordinator.ts'
import type { StreamLag } from '../../coordinator/lag.ts'
import { abortable } from '../../core/abortable.ts'
import { systemClock } from '../../core/clock.ts'
import type { Position } from '../../position/position.ts'
import { RETENTION_MS } from '../../shards/retention.ts'
import type { LagOptions } from '../arguments.ts'
import { explainStreamMismatch, readCheckpointFile } from '../checkpoint-file.ts'
import { CliError, exitCodes } from '../errors.ts'
import { formatShardTime } from '../format-shards.ts'
import { writeText } from '../standard-output.ts'
import { parseStartPosition } from '../start-position.ts'
import type { StyleText } from '../terminal.ts'
import { escapeText, formatDuration } from '../text.ts'
import type { CommandContext } from './context.ts'

/** Prints how far a position is behind the tip of the stream. */
export async function lag(options: LagOptions, context: CommandContext): Promise<void> {
  const { connection, terminal, notices, interrupt } = context
  const { firstResponse, streamsClient } = connection
  const signal = AbortSignal.any([interrupt, firstResponse.signal])
  const position = await abortable(loadPosition(options), signal)
  const streamArn = await connection.streamArn(signal, notices.retry)
  await using coordinator = new Coordinator({
    client: streamsClient,
    streamArn,
    // A trimmed position has a lag, too: that of the oldest retained record.
    onGap: 'continue',
  })
  coordinator.on('retry', notices.retry)
  coordinator.on('shardStalled', notices.shardStalled)
  const measured = await abortable(measure(coordinator, position), signal).catch((error: unknown) => {
    const { checkpoint, from } = options
    const file = checkpoint === undefined ? `--from ${from}` : `--checkpoint ${checkpoint}`
    throw explainStreamMismatch(error, { file, advice: 'Use a token of this stream' })
  })
  const text = options.json
    ? JSON.stringify({ streamArn, ...measured })
    : describe(escapeText(options.checkpoint ?? options.from), measured, terminal.style).join('\n')
  await writeText(terminal.stdout, `${text}\n`)
}

async function loadPosition({ checkpoint, from }: LagOptions): Promise<Position> {
  if (checkpoint === undefined) return parseStartPosition(from)
  const token = await readCheckpointFile(checkpoint)
  if (token !== undefined) return token
  throw new CliError('checkpoint.failed', `--checkpoint ${checkpoint} does not exist`, exitCodes.checkpoint)
}

interface MeasuredLag extends StreamLag {
  /** Whether records after the position have been trimmed. */
  readonly hasGap: boolean
}

/**
 * Reads a page of every shard. `next` returns the oldest record, which then no longer counts in
 * `coordinator.lag()`, so its age is added here.
 */
async function measure(coordinator: Coordinator, position: Position): Promise<MeasuredLag> {
  let hasGap = false
  coordinator.on('gap', () => {
    hasGap = true
  })
  await coordinator.moveTo(position)
  const oldest = await coordinator.next()
  const { millisBehindLatest, retentionHeadroomMs, shards } = coordinator.lag()
  if (!oldest) return { millisBehindLatest, retentionHeadroomMs, shards, hasGap }
  const age = Math.max(0, systemClock.now() - oldest.createdAt.getTime())
  const others = shards.filter(({ shardId }) => shardId !== oldest.shardId)
  return {
    millisBehindLatest: Math.max(millisBehindLatest, age),
    retentionHeadroomMs: Math.min(retentionHeadroomMs, Math.max(0, RETENTION_MS - age)),
    shards: [{ shardId: oldest.shardId, millisBehindLatest: age }, ...others],
    hasGap,
  }
}

function describe(
  position: string,
  { millisBehindLatest, retentionHeadroomMs, shards, hasGap }: MeasuredLag,
  style: StyleText,
): string[] {
  const expiry = `the oldest unread record expires in at least ${formatDuration(retentionHeadroomMs)}`
  const summary =
    millisBehindLatest === 0
      ? `${position} is at the tip`
      : `${position} is ${formatDuration(millisBehindLatest)} behind the tip; ${expiry}`
  const gap = hasGap ? [style('red', 'gap: records after this position have already been trimmed')] : []
  const rows = shards.map(({ shardId, millisBehindLatest: behind }) => {
    const time = formatShardTime(shardId)
    const created = time === undefined ? '' : style('dim', `  shard created ${time}`)
    return `${shardId}  ${behind === 0 ? 'at the tip' : `${formatDuration(behind)} behind`}${created}`
  })
  return [style('bold', summary), ...gap, ...rows]
}
