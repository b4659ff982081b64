import { Checkpointer } from '../checkpoints/checkpointer.ts'
import { leaseCheckpoint, releaseCheckpoint } from '../checkpoints/lease.ts'
import type { CheckpointLease, CheckpointStore } from '../checkpoints/store.ts'
import { checkReadingOptions } from '../coordinator/options.ts'
import { abortable } from '../core/abortable.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { Emitter } from '../core/emitter.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import { checkNames, integer, invalidOption } from '../core/options.ts'
import { checkStreamArn } from '../core/stream-arn.ts'
import { parseToken } from '../position/parse-token.ts'
import { parsePosition } from '../position/position.ts'
import type { StreamToken } from '../position/token.ts'
import type { PlainItem } from '../records/stream-record.ts'
import { checkStreamsClient, isStreamsApi } from '../streams-api/make-client.ts'
import { withConnectTimeout } from './connect-timeout.ts'
import { type StreamEvents, streamEventNames } from './events.ts'
import type { OpenContext } from './open-context.ts'
import {
  type CheckpointOptions,
  checkpointDefaults,
  checkpointOptionNames,
  type OpenStreamOptions,
  openStreamDefaults,
  openStreamOptionNames,
} from './open-stream-options.ts'
import { followTable, resumeOrStart } from './resume.ts'
import { DynamoDBStream, type StreamParts } from './stream.ts'
import { tableStreams } from './table-streams.ts'

/**
 * Opens a stream to iterate over, at its checkpoint or else at `startAt`.
 *
 * ```ts
 * await using stream = await openStream({ tableName: 'orders' })
 * for await (const record of stream) console.log(record.eventName, record.newImage)
 * ```
 *
 * In JavaScript, `await using` needs Node.js 24; before, close the stream by hand:
 *
 * ```ts
 * const stream = await openStream({ tableName: 'orders' })
 * try {
 *   for await (const record of stream) console.log(record.eventName, record.newImage)
 * } finally {
 *   await stream.close()
 * }
 * ```
 *
 * One loop at a time reads a stream; a second one rejects with `stream.busy`. Several streams may be open at once, each with
 * a checkpoint name of its own.
 *
 * @typeParam Image - the type of the table's items; it is not checked.
 * @throws StreamError `options.invalid`, `position.invalid`, `token.invalid` (also for a checkpoint that is no token),
 * `token.streamMismatch` for a checkpoint of another stream, `checkpoint.failed`, `stream.notFound`, `stream.notEnabled`,
 * `service.unreachable` (see `connectTimeoutMs`).
 * Errors of credentials and permissions as the SDK gives them; the signal's reason when it aborts meanwhile.
 */
export async function openStream<Image = PlainItem>(
  options: OpenStreamOptions,
): Promise<DynamoDBStream<Image>> {
  const checkpoint = checkOptions(options)
  options.signal?.throwIfAborted()
  const opening = await prepare(options)
  let held: LeasedCheckpoint | undefined
  try {
    held =
      checkpoint &&
      (await withConnectTimeout(opening, { from: 'the checkpoint store' }, (signal) =>
        leaseAndLoad(checkpoint, opening.clock, signal),
      ))
    const coordinator = await resumeOrStart(opening, held?.saved)
    const stream = new DynamoDBStream<Image>({
      coordinator,
      clock: opening.clock,
      events: opening.events,
      signal: options.signal,
      makeCheckpointer: checkpointerOf(opening, held),
      follow: followTable(opening),
      dispose: () => opening.tables?.close(),
    })
    if (held?.saved === undefined) await stream.saveStart()
    return stream
  } catch (error) {
    opening.tables?.close()
    if (held) await releaseCheckpoint(held.lease, opening.clock)
    options.signal?.throwIfAborted()
    throw error
  }
}

async function prepare(options: OpenStreamOptions): Promise<OpenContext> {
  const { clock = systemClock, random = Math.random, signal = new AbortController().signal } = options
  const events = new Emitter<StreamEvents>(streamEventNames)
  for (const [name, listener] of Object.entries(options.listeners ?? {})) {
    if (listener) events.on(name as keyof StreamEvents, listener as () => void)
  }
  const around = { clock, random, events }
  const { tableName, tableClient, client } = options
  const tables =
    tableName === undefined
      ? undefined
      : await tableStreams(tableName, { table: tableClient, streams: client }, around)
  return { options, ...around, tables, signal }
}

interface CheckedCheckpoint {
  readonly store: CheckpointStore
  readonly name: string
  readonly everyRecords: number
  readonly everyMs: number
}

/** Checks all options before any call is made. */
function checkOptions(options: OpenStreamOptions): CheckedCheckpoint | undefined {
  checkNames('', options, openStreamOptionNames)
  checkReadingOptions(options)
  const { client, streamArn, tableName, startAt, connectTimeoutMs, checkpoint } = options
  integer('connectTimeoutMs', connectTimeoutMs ?? openStreamDefaults.connectTimeoutMs, 0, 3_600_000)
  if ((streamArn === undefined) === (tableName === undefined)) {
    const problem = streamArn === undefined ? '' : ', not both'
    const details = { option: 'streamArn', value: streamArn, expected: 'given, or tableName, and not both' }
    throw new StreamError('options.invalid', `Give streamArn or tableName${problem}.`, details)
  }
  if (streamArn !== undefined) checkStreamArn(streamArn)
  if (tableName !== undefined && (typeof tableName !== 'string' || tableName === '')) {
    throw invalidOption('tableName', tableName, 'the name of a table')
  }
  if (tableName?.includes('/stream/')) {
    throw invalidOption('tableName', tableName, 'the name of a table; pass the ARN of a stream as streamArn')
  }
  const { listeners } = options
  if (listeners !== undefined && (typeof listeners !== 'object' || !listeners || Array.isArray(listeners))) {
    throw invalidOption('listeners', listeners, 'an object of functions by the name of the event')
  }
  if (options.followTable && tableName === undefined) {
    throw invalidOption('followTable', true, 'used with tableName')
  }
  if (startAt !== undefined) parsePosition(startAt)
  if (client !== undefined && !isStreamsApi(client)) checkStreamsClient(client)
  return checkpoint === undefined ? undefined : checkCheckpoint(checkpoint)
}

function checkCheckpoint(options: CheckpointOptions): CheckedCheckpoint {
  checkNames('checkpoint', options, checkpointOptionNames)
  const { store, name, everyRecords, everyMs } = options
  if (typeof store?.load !== 'function' || typeof store?.save !== 'function') {
    throw invalidOption('checkpoint.store', store, 'a store with load and save, as of fileCheckpointStore')
  }
  if (typeof name !== 'string' || name.length < 1 || name.length > 255 || !name.isWellFormed()) {
    throw invalidOption('checkpoint.name', name, 'a well-formed string of 1 to 255 characters')
  }
  return {
    store,
    name,
    everyRecords: integer(
      'checkpoint.everyRecords',
      everyRecords ?? checkpointDefaults.everyRecords,
      1,
      1_000_000,
    ),
    everyMs: integer('checkpoint.everyMs', everyMs ?? checkpointDefaults.everyMs, 10, 3_600_000),
  }
}

/** The checkpoint that a stream saves to, and what was saved before. */
interface LeasedCheckpoint extends CheckedCheckpoint {
  readonly lease: CheckpointLease
  readonly saved: StreamToken | undefined
}

/** Takes the checkpoint over. */
async function leaseAndLoad(
  checkpoint: CheckedCheckpoint,
  clock: Clock,
  signal: AbortSignal,
): Promise<LeasedCheckpoint> {
  const { store, name } = checkpoint
  const leasing = leaseCheckpoint(store, name, signal)
  const lease = await abortable(leasing, signal).catch((error: unknown) => {
    if (signal.aborted) {
      // It may be granted late, and is not used then.
      leasing.then((late) => late.release()).catch(() => {})
      signal.throwIfAborted()
    }
    // Errors of credentials and permissions are rethrown unchanged, as everywhere.
    if (isStreamError(error) || isServiceError(error)) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new StreamError(
      'checkpoint.failed',
      `The checkpoint "${name}" could not be loaded: ${why}`,
      { name, operation: 'load' },
      error,
    )
  })
  try {
    return { ...checkpoint, lease, saved: savedIn(lease, name) }
  } catch (error) {
    await releaseCheckpoint(lease, clock)
    throw error
  }
}

function savedIn({ token }: CheckpointLease, name: string): StreamToken | undefined {
  // Custom stores may return null, too, where nothing was saved.
  if (token === undefined || token === null) return undefined
  return parseToken(token, `The checkpoint "${name}"`)
}

function isServiceError(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  return '$metadata' in error || (error instanceof Error && error.name === 'CredentialsProviderError')
}

function checkpointerOf(
  { clock, random, events }: OpenContext,
  held: LeasedCheckpoint | undefined,
): StreamParts['makeCheckpointer'] {
  if (held === undefined) return undefined
  const { name } = held
  return (tokenOf) =>
    new Checkpointer({
      ...held,
      clock,
      random,
      tokenOf,
      onSaved: (token) => events.emit('checkpointSaved', { name, token }),
      onRetry: (retry) => events.emit('checkpointRetry', { name, ...retry }),
    })
}
