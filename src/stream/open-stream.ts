import { Checkpointer } from '../checkpoints/checkpointer.ts'
import { releaseCheckpoint } from '../checkpoints/lease.ts'
import { checkReadingOptions } from '../coordinator/options.ts'
import { clientHint } from '../core/client-hint.ts'
import { systemClock } from '../core/clock.ts'
import { Emitter } from '../core/emitter.ts'
import { StreamError } from '../core/errors.ts'
import { checkNames, integer, invalidOption } from '../core/options.ts'
import { checkStreamArn } from '../core/stream-arn.ts'
import { parsePosition } from '../position/position.ts'
import type { PlainItem } from '../records/stream-record.ts'
import { checkStreamsClient, isStreamsApi } from '../streams-api/make-client.ts'
import { type CheckedCheckpoint, checkCheckpoint } from './check-checkpoint.ts'
import { type StreamEvents, streamEventNames } from './events.ts'
import { type LeasedCheckpoint, leaseAndLoad } from './lease-and-load.ts'
import type { OpenContext } from './open-context.ts'
import { type OpenStreamOptions, openStreamDefaults, openStreamOptionNames } from './open-stream-options.ts'
import { resumeOrStart, tableFollower } from './resume.ts'
import { DynamoDBStream, type StreamParts } from './stream.ts'
import { tableStreams } from './table-streams.ts'

/**
 * Opens a stream at its checkpoint, or at `startAt` without one, and returns it as an async iterable.
 *
 * ```ts
 * await using stream = await openStream({ tableName: 'orders' })
 * for await (const record of stream) console.log(record.eventName, record.newImage)
 * ```
 *
 * In JavaScript, `await using` requires Node.js 24. In earlier versions, close the stream explicitly:
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
 * A stream is read by one loop at a time; a second loop rejects with `stream.busy`. Several streams can be
 * open at the same time, each with its own checkpoint name.
 *
 * Rejects with a `StreamError` with one of these codes:
 * - `options.invalid`, `position.invalid`: an option is invalid; no call has been made, unless the invalid
 *   option is a checkpoint table that already exists with other keys;
 * - `token.invalid`: `startAt` or the checkpoint is not a valid token;
 * - `token.streamMismatch`: the checkpoint belongs to another stream;
 * - `checkpoint.failed`: the checkpoint could not be loaded, the start position could not be saved, or, with
 *   `standby`, the lease could not be renewed;
 * - `checkpoint.conflict`: another worker acquired the checkpoint while the stream was being opened;
 * - `stream.notFound`, `stream.notEnabled`: the table or stream does not exist, or the table has no stream;
 * - `service.unreachable`: there was no response within `connectTimeoutMs`;
 * - `service.invalidResponse`: DescribeStream returned a list of shards that never ends.
 *
 * Credential and permission errors of the SDK are rethrown unchanged. If `signal` aborts before the
 * stream is open, `openStream` rejects with `signal.reason`.
 *
 * @typeParam Image - the type of the table's items; it is not checked at run time.
 */
export async function openStream<Image = PlainItem>(
  options: OpenStreamOptions,
): Promise<DynamoDBStream<Image>> {
  const checkpoint = checkOptions(options)
  options.signal?.throwIfAborted()
  const context = await createContext(options)
  let leased: LeasedCheckpoint | undefined
  try {
    leased = checkpoint && (await leaseAndLoad(context, checkpoint))
    const start = await resumeOrStart(context, leased?.saved)
    const stream = new DynamoDBStream<Image>({
      ...start,
      clock: context.clock,
      random: context.random,
      events: context.events,
      signal: options.signal,
      createCheckpointer: checkpointerFactory(context, leased),
      follow: tableFollower(context),
      dispose: () => context.tables?.close(),
    })
    if (leased?.saved === undefined) await stream.saveStart()
    return stream
  } catch (error) {
    context.tables?.close()
    if (leased) await releaseCheckpoint(leased.lease, context.clock)
    options.signal?.throwIfAborted()
    throw error
  }
}

async function createContext(options: OpenStreamOptions): Promise<OpenContext> {
  const { clock = systemClock, random = Math.random, signal = new AbortController().signal } = options
  const events = new Emitter<StreamEvents>(streamEventNames)
  for (const [name, listener] of Object.entries(options.listeners ?? {})) {
    if (listener) events.on(name as keyof StreamEvents, listener as () => void)
  }
  const deps = { clock, random, events }
  const { tableName, tableClient, client } = options
  const tables =
    tableName === undefined
      ? undefined
      : await tableStreams(tableName, { table: tableClient, streams: client }, deps)
  return { options, ...deps, tables, signal }
}

/** Checks all options before any call is made. */
function checkOptions(options: OpenStreamOptions): CheckedCheckpoint | undefined {
  checkNames('', options, openStreamOptionNames, {
    call: 'openStream',
    options: "{ tableName: 'orders' }",
    hint: clientHint('DynamoDBStreamsClient'),
  })
  checkReadingOptions(options)
  const { client, streamArn, tableName, startAt, connectTimeoutMs, checkpoint } = options
  integer('connectTimeoutMs', connectTimeoutMs ?? openStreamDefaults.connectTimeoutMs, 0, 3_600_000)
  if ((streamArn === undefined) === (tableName === undefined)) {
    const problem = streamArn === undefined ? '' : ', not both'
    const details = {
      option: 'streamArn',
      value: streamArn,
      expected: 'exactly one of streamArn and tableName',
    }
    throw new StreamError('options.invalid', `Provide streamArn or tableName${problem}.`, details)
  }
  if (streamArn !== undefined) checkStreamArn(streamArn)
  if (tableName !== undefined && (typeof tableName !== 'string' || tableName === '')) {
    throw invalidOption('tableName', tableName, 'a table name')
  }
  if (tableName?.includes('/stream/')) {
    throw invalidOption('tableName', tableName, 'a table name; use streamArn for the ARN of a stream')
  }
  const { listeners } = options
  if (listeners !== undefined && (typeof listeners !== 'object' || !listeners || Array.isArray(listeners))) {
    throw invalidOption('listeners', listeners, 'an object with a function for each event name')
  }
  const { followTable } = options
  if (followTable !== undefined && typeof followTable !== 'boolean') {
    throw invalidOption('followTable', followTable, 'true or false')
  }
  if (followTable && tableName === undefined) {
    const details = { option: 'followTable', value: followTable, expected: 'used with tableName' }
    throw new StreamError('options.invalid', 'Option followTable requires tableName.', details)
  }
  if (startAt !== undefined) parsePosition(startAt)
  if (client !== undefined && !isStreamsApi(client)) checkStreamsClient(client)
  return checkpoint === undefined ? undefined : checkCheckpoint(checkpoint)
}

function checkpointerFactory(
  { clock, random, events }: OpenContext,
  leased: LeasedCheckpoint | undefined,
): StreamParts['createCheckpointer'] {
  if (leased === undefined) return undefined
  const { name } = leased
  return (tokenOf) =>
    new Checkpointer({
      ...leased,
      clock,
      random,
      tokenOf,
      onSaved: (token) => events.emit('checkpointSaved', { name, token }),
      onRetry: (retry) => events.emit('checkpointRetry', { name, operation: 'save', ...retry }),
    })
}
