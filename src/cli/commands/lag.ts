import { Coordinator } from '../../coordinator/coordinator.ts'
import type { StreamLag } from '../../coordinator/lag.ts'
import { systemClock } from '../../core/clock.ts'
import type { Position } from '../../position/position.ts'
import type { LagOptions } from '../arguments.ts'
import { usageError } from '../cli-error.ts'
import type { Connection } from '../connect.ts'
import { durationText } from '../duration-text.ts'
import type { Paint } from '../paint.ts'
import { shardTime } from '../short-ids.ts'
import { writeText } from '../standard-output.ts'
import { checkpointFile, nameForeignToken, startPosition } from '../start-position.ts'
import type { Terminal } from '../terminal.ts'
import { unlessAborted } from '../unless-aborted.ts'

/** Tells how far a position is behind the end of the stream. */
export async function lag(
  options: LagOptions,
  connection: Connection,
  terminal: Terminal,
  interrupt: AbortSignal,
): Promise<void> {
  const signal = AbortSignal.any([interrupt, connection.noAnswer])
  const position = await unlessAborted(positionOf(options), signal)
  const streamArn = await connection.streamArn(signal)
  await using coordinator = new Coordinator({
    client: connection.streams,
    streamArn,
    // A position that is lost altogether is behind by all that there is.
    onGap: 'continue',
  })
  coordinator.on('retry', ({ error }) => connection.blame(error))
  const found = await unlessAborted(measure(coordinator, position), signal).catch((error: unknown) => {
    const { checkpoint, from } = options
    throw nameForeignToken(error, checkpoint === undefined ? `--from ${from}` : `--checkpoint ${checkpoint}`)
  })
  const text = options.json
    ? JSON.stringify({ streamArn, ...found })
    : describe(found, terminal.paint).join('\n')
  await writeText(terminal.stdout, `${text}\n`)
}

async function positionOf({ checkpoint, from }: LagOptions): Promise<Position> {
  if (checkpoint === undefined) return startPosition(from)
  const file = checkpointFile(checkpoint)
  const token = await file.load(file.name)
  if (token === undefined) throw usageError(`--checkpoint: there is no file ${checkpoint}`)
  return token as Position
}

interface Measured extends StreamLag {
  /** Whether records between the position and the oldest that is left are gone. */
  readonly hasGap: boolean
}

/** Asks every shard once. The one record that this takes out is the oldest one, and is counted in. */
async function measure(coordinator: Coordinator, position: Position): Promise<Measured> {
  let hasGap = false
  coordinator.on('gap', () => {
    hasGap = true
  })
  await coordinator.moveTo(position)
  const oldest = await coordinator.next()
  const { millisBehindLatest, retentionHeadroomMs, shards } = coordinator.lag()
  if (!oldest) return { millisBehindLatest, retentionHeadroomMs, shards, hasGap }
  const behind = Math.max(0, systemClock.now() - oldest.createdAt.getTime())
  const others = shards.filter(({ shardId }) => shardId !== oldest.shardId)
  return {
    millisBehindLatest: Math.max(millisBehindLatest, behind),
    retentionHeadroomMs: Math.min(retentionHeadroomMs, Math.max(0, 24 * 3_600_000 - behind)),
    shards: [{ shardId: oldest.shardId, millisBehindLatest: behind }, ...others],
    hasGap,
  }
}

function describe(
  { millisBehindLatest, retentionHeadroomMs, shards, hasGap }: Measured,
  paint: Paint,
): string[] {
  const headroom = `its oldest record is trimmed in ${durationText(retentionHeadroomMs)} or more`
  const summary =
    millisBehindLatest === 0
      ? 'at the tip'
      : `${durationText(millisBehindLatest)} behind the tip; ${headroom}`
  const gap = hasGap ? [paint('red', 'records after this position were trimmed already: there is a gap')] : []
  const rows = shards.map(
    ({ shardId, millisBehindLatest: behind }) =>
      `${shardId}  ${behind === 0 ? 'at the tip' : durationText(behind)}${madeAt(shardId, paint)}`,
  )
  return [paint('bold', summary), ...gap, ...rows]
}

function madeAt(shardId: string, paint: Paint): string {
  const time = shardTime(shardId)
  return time === undefined ? '' : paint('dim', `  made ${time}`)
}
