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
import { usageError } from './errors.ts'
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

/** DynamoDB Local and the emulator accept any credentials and region. */
const localCredentials = { accessKeyId: 'local', secretAccessKey: 'local' } as const
const localRegion = 'us-east-1'

/** Creates the clients and resolves the region and the credentials, without calling DynamoDB. */
export async function connect(options: SourceOptions): Promise<Connection> {
  const { table, arn, endpoint, timeoutMs } = options
  const isLocal = endpoint !== undefined && isLoopback(endpoint)
  // The SDK looks for credentials in the metadata service of EC2 last, and is slow to give up on other
  // machines.
  if (isLocal) process.env.AWS_EC2_METADATA_DISABLED ??= 'true'
  const region = await resolveRegion(options, isLocal)
  const credentials = isLocal && !(await hasCredentials(region)) ? localCredentials : undefined
  const settings = { ...(endpoint && { endpoint }), region, ...(credentials && { credentials }) }
  const streamsClient = createStreamsClient(settings)
  const tableClient = table === undefined ? undefined : await createTableClient(settings)
  const place = endpoint === undefined ? `region ${region}` : withoutPassword(endpoint)

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

function withoutPassword(endpoint: string): string {
  const url = new URL(endpoint)
  if (url.username === '' && url.password === '') return endpoint
  url.username = url.password = ''
  return url.href
}

function isLoopback(endpoint: string): boolean {
  const { hostname } = new URL(endpoint)
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}

async function resolveRegion({ arn, endpoint, region }: SourceOptions, isLocal: boolean): Promise<string> {
  if (region !== undefined) return region
  const regionOfStream = arn === undefined ? undefined : regionOf(arn)
  if (regionOfStream !== undefined && endpoint === undefined) return regionOfStream
  const probe = createStreamsClient()
  try {
    return await probe.config.region()
  } catch {
    if (isLocal) return localRegion
    throw usageError('No region is configured: use --region, or set AWS_REGION')
  } finally {
    probe.destroy()
  }
}

async function hasCredentials(region: string): Promise<boolean> {
  const probe = createStreamsClient({ region })
  try {
    await probe.config.credentials()
    return true
  } catch {
    return false
  } finally {
    probe.destroy()
  }
}

async function createTableClient(settings: { region: string }): Promise<DynamoDBClient> {
  const { DynamoDBClient } = await import('@aws-sdk/client-dynamodb')
  return new DynamoDBClient({
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 30_000 },
    ...settings,
  })
}
