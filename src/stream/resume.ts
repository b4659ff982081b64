import { Coordinator } from '../coordinator/coordinator.ts'
import { coordinatorEventNames } from '../coordinator/events.ts'
import {
  type CoordinatorOptions,
  checkReadingOptions,
  coordinatorOptionNames,
} from '../coordinator/options.ts'
import { sleep } from '../core/clock.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import { checkStreamArn, tableArnOf } from '../core/stream-arn.ts'
import type { Position } from '../position/position.ts'
import type { StreamToken } from '../position/token.ts'
import { withConnectTimeout } from './connect-timeout.ts'
import type { OpenContext } from './open-context.ts'
import { type OpenStreamOptions, openStreamDefaults } from './open-stream-options.ts'
import type { StreamParts } from './stream.ts'
import { nextStreamOf, streamNotEnabled } from './table-streams.ts'

/** After how long a stream that a table names and DescribeStream does not know is tried once more, in ms. */
const NOT_FOUND_AGAIN_MS = 1_000

/** Finds the stream, and goes to the checkpoint or the start. */
export async function resumeOrStart(
  opening: OpenContext,
  saved: StreamToken | undefined,
): Promise<Coordinator> {
  const { options, tables } = opening
  const { startAt = openStreamDefaults.startAt } = options
  const latest = tables
    ? await withConnectTimeout(opening, { from: 'DynamoDB' }, (signal) => tables.latestStreamArn(signal))
    : checkStreamArn(options.streamArn)
  if (!saved) {
    return connect(opening, latest, startAt).catch((error: unknown) => {
      // The ARN of a stream that was switched off stays at the table when the stream itself is long gone.
      throw tables && isStreamError(error, 'stream.notFound')
        ? streamNotEnabled(tables.tableName, error)
        : error
    })
  }
  if (saved.streamArn === latest) return connect(opening, latest, saved)
  if (!options.followTable || tableArnOf(saved.streamArn) !== tableArnOf(latest)) {
    throw streamMismatch(options.checkpoint?.name, latest, saved.streamArn)
  }
  // Of the stream that the table had before: what is left of it comes first.
  return connect(opening, saved.streamArn, saved).catch(async (error: unknown) => {
    if (!isStreamError(error, 'stream.notFound') || options.onGap !== 'continue') throw error
    for (const { shardId, at } of saved.shards) {
      const after = typeof at === 'object' && 'after' in at ? at.after : undefined
      opening.events.emit('gap', { shardId, after, reason: 'shard-vanished' })
    }
    const next = await tables?.streamArnAfter(saved.streamArn, opening.signal)
    return connect(opening, next ?? latest, 'trim_horizon')
  })
}

/** Begins with the limit on the time until the first answer. */
function connect(opening: OpenContext, streamArn: string, position: Position): Promise<Coordinator> {
  const coordinator = createCoordinator(opening, streamArn)
  const first = { from: 'DynamoDB Streams', hasAnswer: () => coordinator.hasAnswer }
  return withConnectTimeout(opening, first, (signal) => moveTo(coordinator, position, signal))
}

/** Creates a Coordinator whose events are the stream's. */
function createCoordinator({ options, events }: OpenContext, streamArn: string): Coordinator {
  const coordinator = new Coordinator({ ...readingOptionsOf(options), streamArn })
  for (const name of coordinatorEventNames) coordinator.on(name, (event) => events.emit(name, event))
  return coordinator
}

/** Moves a Coordinator, and closes it if that fails. */
async function moveTo(
  coordinator: Coordinator,
  position: Position,
  signal: AbortSignal,
): Promise<Coordinator> {
  const stop = () => void coordinator.close()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    await coordinator.moveTo(position)
    return coordinator
  } catch (error) {
    await coordinator.close()
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** What a Coordinator is to know of the options. The signal ends a loop with a last checkpoint, so it is not passed on. */
function readingOptionsOf(options: OpenStreamOptions): Omit<CoordinatorOptions, 'streamArn'> {
  // By name: options may be inherited, or have getters.
  const names = coordinatorOptionNames.filter((name) => name !== 'streamArn' && name !== 'signal')
  return Object.fromEntries(names.map((name) => [name, options[name]]))
}

/** What goes on with the table's next stream, if the table is to be followed. */
export function followTable(opening: OpenContext): StreamParts['follow'] {
  const { options, tables, clock, signal } = opening
  if (!options.followTable || !tables) return undefined
  const { discoveryIntervalMs } = checkReadingOptions(options)
  return async (current, leaving) => {
    const either = AbortSignal.any([signal, leaving])
    const streamArn = await nextStreamOf(tables, current, {
      clock,
      pollMs: discoveryIntervalMs,
      signal: either,
    })
    if (streamArn === undefined) return undefined
    const beginNext = () => moveTo(createCoordinator(opening, streamArn), 'trim_horizon', either)
    return beginNext()
      .catch(async (error: unknown) => {
        // The table names it already: a stream that was just enabled may not be known everywhere.
        if (either.aborted || !isStreamError(error, 'stream.notFound')) throw error
        await sleep(clock, NOT_FOUND_AGAIN_MS, either)
        return beginNext()
      })
      .catch((error: unknown) => {
        if (either.aborted) return undefined
        throw error
      })
  }
}

function streamMismatch(
  name: string | undefined,
  expected: string,
  actual: string,
): StreamError<'token.streamMismatch'> {
  return new StreamError(
    'token.streamMismatch',
    `The checkpoint "${name}" is of the stream ${actual}, but this is ${expected}. ` +
      'Take another name, or remove the checkpoint to begin anew; with followTable the old stream is read to its end first.',
    { expected, actual },
  )
}
