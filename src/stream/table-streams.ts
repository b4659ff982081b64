import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import type { StreamsOperation } from '../coordinator/events.ts'
import { abortable } from '../core/abortable.ts'
import { type Clock, sleep, systemClock } from '../core/clock.ts'
import { Emitter } from '../core/emitter.ts'
import { StreamError } from '../core/errors.ts'
import { checkSdkClient, type SdkClient } from '../core/sdk-client.ts'
import { enabledAt } from '../core/stream-arn.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { listStreamArns } from '../streams-api/list-streams.ts'
import { checkStreamsClient, createClientFor, isStreamsApi } from '../streams-api/make-client.ts'
import { callWithRetries, callWithTimeout } from '../streams-api/retry.ts'
import type { StreamsApi } from '../streams-api/streams-api.ts'
import { type StreamEvents, streamEventNames } from './events.ts'

/** Finds the streams of one table. */
export interface TableStreams {
  readonly tableName: string
  /**
   * Returns the ARN of the table's latest stream, which may be disabled. Failed calls are retried
   * indefinitely.
   * @throws StreamError `stream.notFound` if the table does not exist, `stream.notEnabled` if it has never
   * had a stream.
   */
  latestStreamArn(signal?: AbortSignal): Promise<string>
  /**
   * Returns the ARN of the stream that was enabled after `streamArn`, or undefined if that is the latest one.
   * A stream that has been disabled since can still be read while the service lists it.
   */
  streamArnAfter(streamArn: string, signal?: AbortSignal): Promise<string | undefined>
  close(): void
}

/**
 * Finds the streams of a table with the SDK's clients. `@aws-sdk/client-dynamodb` is imported here, so it is
 * loaded only if a table is used.
 *
 * @param clients.streams - lists the streams of a table. A `StreamsApi` cannot list streams: then only the
 * latest one is found.
 */
export async function tableStreams(
  tableName: string,
  clients: {
    readonly table: SdkClient | undefined
    readonly streams?: SdkClient | StreamsApi | undefined
  },
  deps: {
    readonly clock: Clock
    readonly random: () => number
    readonly events: Emitter<StreamEvents>
  } = { clock: systemClock, random: Math.random, events: new Emitter(streamEventNames) },
): Promise<TableStreams> {
  const { DescribeTableCommand, DynamoDBClient } = await import('@aws-sdk/client-dynamodb')
  if (clients.table !== undefined) {
    const command = new DescribeTableCommand({ TableName: tableName })
    checkSdkClient('tableClient', clients.table, 'DynamoDB', command)
  }
  const table = (clients.table as DynamoDBClient | undefined) ?? new DynamoDBClient()
  let ownStreams: DynamoDBStreamsClient | undefined
  const neverAborts = new AbortController().signal

  const call = <T>(
    operation: StreamsOperation,
    send: (abortSignal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> =>
    callWithRetries(
      () => callWithTimeout((limited) => abortable(send(limited), limited), { clock: deps.clock, signal }),
      { ...deps, signal },
      (retry) => deps.events.emit('retry', { operation, shardId: undefined, ...retry }),
    )

  const latestStreamArn = async (signal = neverAborts): Promise<string> => {
    const command = new DescribeTableCommand({ TableName: tableName })
    const response = await call(
      'DescribeTable',
      (abortSignal) => table.send(command, { abortSignal }),
      signal,
    ).catch((error: unknown) => {
      throw classifyError(error) === 'notFound' ? tableNotFound(tableName, error) : error
    })
    const streamArn = response.Table?.LatestStreamArn
    if (!streamArn) throw streamNotEnabled(tableName)
    return streamArn
  }

  /** Returns the ARNs of the streams of the table that the service lists. */
  const readableStreamArns = async (latest: string, signal: AbortSignal): Promise<string[]> => {
    if (isStreamsApi(clients.streams)) return []
    if (clients.streams === undefined) ownStreams ??= createClientFor(latest)
    else checkStreamsClient(clients.streams)
    return listStreamArns(ownStreams ?? (clients.streams as DynamoDBStreamsClient), tableName, (send) =>
      call('ListStreams', send, signal),
    )
  }

  return {
    tableName,
    latestStreamArn,
    async streamArnAfter(streamArn, signal = neverAborts) {
      const latest = await latestStreamArn(signal)
      if (latest === streamArn) return undefined
      const later = (await readableStreamArns(latest, signal)).filter(
        (arn) => enabledAt(arn) > enabledAt(streamArn),
      )
      return later.sort((a, b) => enabledAt(a) - enabledAt(b))[0] ?? latest
    },
    close() {
      if (clients.table === undefined) table.destroy()
      ownStreams?.destroy()
    },
  }
}

/**
 * Returns the ARN of the table's next stream after `current`, and polls until there is one. Returns
 * `undefined` if the wait is aborted.
 */
export async function nextStreamOf(
  tables: TableStreams,
  current: string,
  wait: { readonly clock: Clock; readonly pollMs: number; readonly signal: AbortSignal },
): Promise<string | undefined> {
  try {
    for (;;) {
      const next = await tables.streamArnAfter(current, wait.signal)
      if (next !== undefined) return next
      await sleep(wait.clock, wait.pollMs, wait.signal)
      wait.signal.throwIfAborted()
    }
  } catch (error) {
    if (wait.signal.aborted) return undefined
    throw error
  }
}

function tableNotFound(tableName: string, cause: unknown): StreamError<'stream.notFound'> {
  return new StreamError(
    'stream.notFound',
    `There is no table "${tableName}" in this region and account. Check its name, the region and the credentials.`,
    { tableName },
    cause,
  )
}

export function streamNotEnabled(tableName: string, cause?: unknown): StreamError<'stream.notEnabled'> {
  return new StreamError(
    'stream.notEnabled',
    `The table "${tableName}" has no stream. Enable one with "aws dynamodb update-table --table-name ${tableName} ` +
      '--stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES".',
    { tableName },
    cause,
  )
}
