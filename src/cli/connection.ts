import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { abortable } from '../core/abortable.ts'
import { systemClock } from '../core/clock.ts'
import { Emitter } from '../core/emitter.ts'
import { regionOf } from '../core/stream-arn.ts'
import { type StreamEvents, streamEventNames } from '../stream/events.ts'
import { tableStreams } from '../stream/table-streams.ts'
import { createStreamsClient } from '../streams-api/make-client.ts'
import type { SourceOptions } from './arguments.ts'
import { clientSettings, withoutPassword } from './client-settings.ts'
import { type ResponseTimer, startResponseTimer } from './response-timer.ts'

/** The SDK clients of one command. */
export interface Connection extends AsyncDisposable {
  readonly streamsClient: DynamoDBStreamsClient
  /** Only with `--table`. */
  readonly tableClient: DynamoDBClient | undefined
  /** The region or the endpoint, for messages. */
  readonly place: string
  readonly firstResponse: Omit<ResponseTimer, 'watch' | 'stop'>
  /**
   * Returns the ARN of `--arn`, or of the stream of the table. Rejects when `signal` aborts.
   *
   * @param onRetry - called before each retry.
   */
  streamArn(signal: AbortSignal, onRetry: RetryListener): Promise<string>
}

/** Receives each call that will be retried, and its error. */
export type RetryListener = (retry: StreamEvents['retry']) => void

/** Creates the clients and resolves the region and the credentials, without calling DynamoDB. */
export async function connect(options: SourceOptions): Promise<Connection> {
  const { table, arn, endpoint, timeoutMs } = options
  const regionOfStream = arn === undefined || endpoint !== undefined ? undefined : regionOf(arn)
  const settings = await clientSettings({ endpoint, region: options.region ?? regionOfStream })
  const streamsClient = createStreamsClient(settings)
  const tableClient = table === undefined ? undefined : await createTableClient(settings)
  const place = endpoint === undefined ? `region ${settings.region}` : withoutPassword(endpoint)

  const timer = startResponseTimer(timeoutMs, place)
  timer.watch(streamsClient)
  if (tableClient) timer.watch(tableClient)
  return {
    streamsClient,
    tableClient,
    place,
    firstResponse: timer,
    async streamArn(signal, onRetry) {
      if (arn !== undefined) return arn
      return abortable(findStream(tableClient, table ?? '', signal, onRetry), signal)
    },
    async [Symbol.asyncDispose]() {
      timer.stop()
      streamsClient.destroy()
      tableClient?.destroy()
    },
  }
}

/**
 * Returns the ARN of the latest stream of a table. Retries indefinitely.
 *
 * @param onRetry - called before each retry.
 */
export async function findStream(
  client: DynamoDBClient | undefined,
  tableName: string,
  signal: AbortSignal,
  onRetry: RetryListener,
): Promise<string> {
  const events = new Emitter<StreamEvents>(streamEventNames)
  events.on('retry', onRetry)
  const streams = await tableStreams(
    tableName,
    { table: client },
    { clock: systemClock, random: Math.random, events },
  )
  return streams.latestStreamArn(signal)
}

async function createTableClient(settings: { region: string }): Promise<DynamoDBClient> {
  const { DynamoDBClient } = await import('@aws-sdk/client-dynamodb')
  return new DynamoDBClient({
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 30_000 },
    ...settings,
  })
}
