import type { ParsedPosition } from '../position/position.ts'
import { shardCreatedAt } from '../position/shard-id.ts'
import { type AdoptedStart, seekLatest, seekTime, seekToken, seekTrimHorizon } from '../shards/seek.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { ForestReader, type Surroundings } from './forest-reader.ts'
import { streamNotFound } from './trouble.ts'

/** A time is in the future when it is further ahead than this (ms): the service's clock is cut to the second. */
const FUTURE_MS = 5_000

/**
 * Begins to read at a position: lists the shards, places the lineage, and for `latest` opens the iterators, so that
 * everything that is written after this resolves will be given out.
 */
export async function beginReading(
  position: ParsedPosition,
  around: Surroundings,
  onMade: (reading: ForestReader) => void,
): Promise<ForestReader> {
  const reading = new ForestReader(around)
  onMade(reading)
  try {
    const askedAt = around.clock.now()
    const now = (await reading.list(position.kind === 'trim_horizon')) ?? askedAt
    const isLatest =
      position.kind === 'latest' || (position.kind === 'time' && position.since > now + FUTURE_MS)
    reading.begin(
      isLatest ? seekLatest(reading.lineage, secondOf(now)) : seek(position, reading, now),
      newestKnown(position, now),
    )
    if (isLatest) await reading.openAtLatest()
    const tookMs = around.clock.now() - askedAt
    if (!isLatest || position.kind === 'latest' || position.since > now + tookMs + FUTURE_MS) return reading
    // The time has come while the iterators were being opened: some of its records may lie before them.
    reading.stop(undefined)
    return beginReading(position, around, onMade)
  } catch (error) {
    reading.stop(error)
    throw classifyError(error) === 'notFound' ? streamNotFound(around.streamArn, error) : error
  }
}

/** Shards that were made later were not there when the position was taken. */
function newestKnown(position: ParsedPosition, now: number): number | undefined {
  if (position.kind !== 'token') return now
  const times = position.token.shards.map(({ shardId }) => shardCreatedAt(shardId) ?? Number.NaN)
  const newest = Math.max(...times)
  return Number.isFinite(newest) ? newest : undefined
}

function seek(position: ParsedPosition, { lineage }: ForestReader, now: number): AdoptedStart {
  switch (position.kind) {
    case 'token':
      return seekToken(lineage, position.token)
    case 'time':
      return seekTime(lineage, position.since, now)
    default:
      return seekTrimHorizon(lineage, now)
  }
}

/** The service's clock and the records' times are cut to the second. */
function secondOf(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000
}
