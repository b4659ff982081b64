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

/**
 * The delay before a stream that DescribeTable returns but DescribeStream does not find is tried once more,
 * in ms.
 */
const NOT_FOUND_RETRY_MS = 1_000

/** Finds the stream, and opens it at the checkpoint or at `startAt`. */
export async function resumeOrStart(
  context: OpenContext,
  saved: StreamToken | undefined,
): Promise<Pick<StreamParts, 'coordinator' | 'lost'>> {
  const connected = (coordinator: Coordinator) => ({ coordinator, lost: 0 })
  const { options, tables } = context
  const { startAt = openStreamDefaults.startAt } = options
  const latest = tables
    ? await withConnectTimeout(context, { from: 'DynamoDB' }, (signal) => tables.latestStreamArn(signal))
    : checkStreamArn(options.streamArn)
  if (!saved) {
    return connect(context, latest, startAt).then(connected, (error: unknown) => {
      // DescribeTable still returns the ARN of a disabled stream after the stream itself has been deleted.
      throw tables && isStreamError(error, 'stream.notFound')
        ? streamNotEnabled(tables.tableName, error)
        : error
    })
  }
  if (saved.streamArn === latest) return connected(await connect(context, latest, saved))
  if (!options.followTable || tableArnOf(saved.streamArn) !== tableArnOf(latest)) {
    throw streamMismatch(options, latest, saved.streamArn)
  }
  // The checkpoint belongs to an earlier stream of the table: read the rest of that stream first.
  return connect(context, saved.streamArn, saved).then(connected, async (error: unknown) => {
    if (!isStreamError(error, 'stream.notFound') || options.onGap !== 'continue') throw error
    let lost = 0
    for (const { shardId, at, unsettled = [] } of saved.shards) {
      lost += unsettled.length
      const after = typeof at === 'object' && 'after' in at ? at.after : undefined
      context.events.emit('gap', { shardId, after, reason: 'shard-vanished' })
    }
    const next = await tables?.streamArnAfter(saved.streamArn, context.signal)
    return { coordinator: await connect(context, next ?? latest, 'trim_horizon'), lost }
  })
}

/** Creates a Coordinator and moves it to `position`, with a time limit on the first response. */
function connect(context: OpenContext, streamArn: string, position: Position): Promise<Coordinator> {
  const coordinator = createCoordinator(context, streamArn)
  const first = { from: 'DynamoDB Streams', hasResponse: () => coordinator.hasResponse }
  return withConnectTimeout(context, first, (signal) => moveTo(coordinator, position, signal))
}

/** Creates a Coordinator whose events are emitted on the stream. */
function createCoordinator({ options, events }: OpenContext, streamArn: string): Coordinator {
  const coordinator = new Coordinator({ ...readingOptionsOf(options), streamArn })
  for (const name of coordinatorEventNames) coordinator.on(name, (event) => events.emit(name, event))
  return coordinator
}

/** Moves a Coordinator, and closes it if the move fails. */
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

/**
 * Returns the options of the Coordinator. The signal is left out, because the stream handles it: it ends the
 * loop and saves a last checkpoint.
 */
function readingOptionsOf(options: OpenStreamOptions): Omit<CoordinatorOptions, 'streamArn'> {
  // Copied by name, because options may be inherited or be getters.
  const names = coordinatorOptionNames.filter((name) => name !== 'streamArn' && name !== 'signal')
  return Object.fromEntries(names.map((name) => [name, options[name]]))
}

/** Returns the function that opens the table's next stream, or undefined without `followTable`. */
export function tableFollower(context: OpenContext): StreamParts['follow'] {
  const { options, tables, clock, signal } = context
  if (!options.followTable || !tables) return undefined
  const { discoveryIntervalMs } = checkReadingOptions(options)
  return async (current, abandoned) => {
    const either = AbortSignal.any([signal, abandoned])
    const streamArn = await nextStreamOf(tables, current, {
      clock,
      pollMs: discoveryIntervalMs,
      signal: either,
    })
    if (streamArn === undefined) return undefined
    const openNext = () => moveTo(createCoordinator(context, streamArn), 'trim_horizon', either)
    return openNext()
      .catch(async (error: unknown) => {
        // DescribeTable returned the stream, but a stream that was just enabled may not be visible to
        // DescribeStream yet.
        if (either.aborted || !isStreamError(error, 'stream.notFound')) throw error
        await sleep(clock, NOT_FOUND_RETRY_MS, either)
        return openNext()
      })
      .catch((error: unknown) => {
        if (either.aborted) return undefined
        throw error
      })
  }
}

function streamMismatch(
  { checkpoint, followTable }: OpenStreamOptions,
  expected: string,
  actual: string,
): StreamError<'token.streamMismatch'> {
  const canFollow = !followTable && tableArnOf(actual) === tableArnOf(expected)
  const advice = canFollow
    ? 'Both are streams of one table: set tableName and followTable to read the earlier one to its end first, use'
    : 'Use'
  return new StreamError(
    'token.streamMismatch',
    `The checkpoint "${checkpoint?.name}" belongs to the stream ${actual}, not to ${expected}. ` +
      `${advice} another checkpoint name, or delete the checkpoint to start over.`,
    { expected, actual },
  )
}
