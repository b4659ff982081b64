import { Checkpointer } from '../checkpoints/checkpointer.ts'
import { type AcquiredLease, leaseCheckpoint, releaseCheckpoint } from '../checkpoints/lease.ts'
import type { CheckpointStore } from '../checkpoints/store.ts'
import { checkReadingOptions } from '../coordinator/options.ts'
import { abortable } from '../core/abortable.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { Emitter } from '../core/emitter.ts'
import { endSentence } from '../core/end-sentence.ts'
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
 * - `checkpoint.failed`: the checkpoint could not be loaded, or the start position could not be saved;
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
    leased =
      checkpoint &&
      (await withConnectTimeout(context, { from: 'the checkpoint store' }, (signal) =>
        leaseAndLoad(checkpoint, context.clock, signal),
      ))
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

interface CheckedCheckpoint {
  readonly store: CheckpointStore
  readonly name: string
  readonly everyRecords: number
  readonly everyMs: number
}

/** Checks all options before any call is made. */
function checkOptions(options: OpenStreamOptions): CheckedCheckpoint | undefined {
  checkNames('', options, openStreamOptionNames, {
    call: 'openStream',
    options: "{ tableName: 'orders' }",
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

function checkCheckpoint(options: CheckpointOptions): CheckedCheckpoint {
  if (isStore(options)) {
    throw invalidOption('checkpoint', options, '{ store, name }', 'a checkpoint store')
  }
  checkNames('checkpoint', options, checkpointOptionNames)
  const { store, name, everyRecords, everyMs } = options
  if (!isStore(store)) {
    throw invalidOption('checkpoint.store', store, 'a checkpoint store (an object with load() and save())')
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

function isStore(value: unknown): boolean {
  const { load, save } = Object(value)
  return typeof load === 'function' && typeof save === 'function'
}

/** A checkpoint with its lease and the token that was saved before. */
interface LeasedCheckpoint extends CheckedCheckpoint {
  readonly lease: AcquiredLease
  readonly saved: StreamToken | undefined
}

/** Acquires the lease of the checkpoint and parses the saved token. */
async function leaseAndLoad(
  checkpoint: CheckedCheckpoint,
  clock: Clock,
  signal: AbortSignal,
): Promise<LeasedCheckpoint> {
  const { store, name } = checkpoint
  const leasing = leaseCheckpoint(store, name, signal)
  const lease = await abortable(leasing, signal).catch((error: unknown) => {
    if (signal.aborted) {
      // The lease may still be granted later; release it then.
      leasing.then((late) => late.release()).catch(() => {})
      signal.throwIfAborted()
    }
    // Credential and permission errors are rethrown unchanged, as elsewhere.
    if (isStreamError(error) || isServiceError(error)) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new StreamError(
      'checkpoint.failed',
      endSentence(`The checkpoint "${name}" could not be loaded: ${reason}`),
      { name, operation: 'load' },
      error,
    )
  })
  try {
    return { ...checkpoint, lease, saved: savedToken(lease, name) }
  } catch (error) {
    await releaseCheckpoint(lease, clock)
    throw error
  }
}

function savedToken({ token }: AcquiredLease, name: string): StreamToken | undefined {
  // Custom stores may return null if nothing has been saved.
  if (token === undefined || token === null) return undefined
  return parseToken(token, `The checkpoint "${name}"`)
}

function isServiceError(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  return '$metadata' in error || (error instanceof Error && error.name === 'CredentialsProviderError')
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
      onRetry: (retry) => events.emit('checkpointRetry', { name, ...retry }),
    })
}
