import type { ParsedPosition } from '../position/position.ts'
import { type AdoptedStart, seekLatest, seekTime, seekToken, seekTrimHorizon } from '../shards/seek.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { ForestReader, type Surroundings } from './forest-reader.ts'
import { streamNotFound } from './trouble.ts'

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
    const now = (await reading.list()) ?? around.clock.now()
    const { lineage } = reading
    const isLatest = position.kind === 'latest' || (position.kind === 'time' && position.since > now)
    reading.begin(isLatest ? seekLatest(lineage, secondOf(now)) : seek(position, reading, now))
    if (isLatest) await reading.openAtLatest()
    return reading
  } catch (error) {
    reading.stop(error)
    throw classifyError(error) === 'notFound' ? streamNotFound(around.streamArn, error) : error
  }
}

function seek(position: ParsedPosition, { lineage }: ForestReader, now: number): AdoptedStart {
  switch (position.kind) {
    case 'token':
      return seekToken(lineage, position.token)
    case 'time':
      return seekTime(lineage, position.since)
    default:
      return seekTrimHorizon(lineage, now)
  }
}

/** The service's clock and the records' times are cut to the second. */
function secondOf(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000
}
