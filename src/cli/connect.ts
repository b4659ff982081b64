import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { regionOf } from '../core/stream-arn.ts'
import { createStreamsClient } from '../streams-api/make-client.ts'
import type { SourceOptions } from './arguments.ts'
import { CliError, usageError } from './cli-error.ts'
import { noAnswer } from './failure.ts'
import { findStream } from './find-stream.ts'
import { unlessAborted } from './unless-aborted.ts'

/** The clients for one command, and what it knows of the other side. */
export interface Connection extends AsyncDisposable {
  readonly streams: DynamoDBStreamsClient
  /** Only with `--table`. */
  readonly tables: DynamoDBClient | undefined
  /** What the other side is called in messages: a region, or an endpoint. */
  readonly place: string
  /** Aborts with a `CliError` when the time for the first answer is over. */
  readonly noAnswer: AbortSignal
  readonly hasAnswered: boolean
  /** When the service answered first, by its own clock (to the second), in ms; by ours if it did not say. */
  readonly firstAnswerAt: number
  /** Why there is no answer yet, for the message. */
  blame(error: unknown): void
  /** The ARN that was given, or that of the table's stream. Rejects when `signal` aborts. */
  streamArn(signal: AbortSignal): Promise<string>
}

interface AnswerTimer {
  readonly signal: AbortSignal
  readonly hasAnswered: boolean
  readonly firstAnswerAt: number
  answered(date: string | undefined): void
  stop(): void
  blame(error: unknown): void
}

/** What DynamoDB Local and the emulator are content with. */
const dummyCredentials = { accessKeyId: 'local', secretAccessKey: 'local' } as const
const localRegion = 'us-east-1'

/** Makes the clients. Credentials and region are looked for, but no call of the service is made. */
export async function connect(options: SourceOptions): Promise<Connection> {
  const { table, arn, endpoint, timeoutMs } = options
  const isLocal = endpoint !== undefined && isOnThisMachine(endpoint)
  // The metadata service of EC2 is the last place that the SDK looks for credentials in, and slow where there is none.
  if (isLocal) process.env.AWS_EC2_METADATA_DISABLED ??= 'true'
  const region = await findRegion(options, isLocal)
  const credentials = isLocal && !(await hasCredentials(region)) ? dummyCredentials : undefined
  const settings = { ...(endpoint && { endpoint }), region, ...(credentials && { credentials }) }
  const streams = createStreamsClient(settings)
  const tables = table === undefined ? undefined : await createTableClient(settings)
  const place = endpoint === undefined ? `region ${region}` : withoutPassword(endpoint)

  const timer = answerTimer(timeoutMs, place)
  for (const client of tables ? [streams, tables] : [streams]) noteAnswers(client, timer.answered)
  return {
    streams,
    tables,
    place,
    noAnswer: timer.signal,
    blame: timer.blame,
    get hasAnswered() {
      return timer.hasAnswered
    },
    get firstAnswerAt() {
      return timer.firstAnswerAt
    },
    async streamArn(signal) {
      if (arn !== undefined) return arn
      return unlessAborted(findStream(tables, table ?? '', signal, timer.blame), signal)
    },
    async [Symbol.asyncDispose]() {
      timer.stop()
      streams.destroy()
      tables?.destroy()
    },
  }
}

/** The endpoint as it may be printed. */
function withoutPassword(endpoint: string): string {
  const url = new URL(endpoint)
  if (url.username === '' && url.password === '') return endpoint
  url.username = url.password = ''
  return url.href
}

/** Whether an endpoint is on the loopback interface. */
export function isOnThisMachine(endpoint: string): boolean {
  const { hostname } = new URL(endpoint)
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}

async function findRegion({ arn, endpoint, region }: SourceOptions, isLocal: boolean): Promise<string> {
  if (region !== undefined) return region
  const regionOfStream = arn === undefined ? undefined : regionOf(arn)
  if (regionOfStream !== undefined && endpoint === undefined) return regionOfStream
  const probe = createStreamsClient()
  try {
    return await probe.config.region()
  } catch {
    if (isLocal) return localRegion
    throw usageError('No region is configured: give --region, or set AWS_REGION')
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

/** Calls `answered` with the time at each answer of the service, also when it is an error. */
function noteAnswers(
  client: DynamoDBStreamsClient | DynamoDBClient,
  answered: AnswerTimer['answered'],
): void {
  // The middleware next to the transport: what comes back here has an HTTP status.
  const stack = (client as DynamoDBStreamsClient).middlewareStack
  stack.add(
    (next) => async (args) => {
      const result = await next(args)
      const { response } = result as { response?: { headers?: Record<string, string> } }
      answered(response?.headers?.date)
      return result
    },
    { name: 'noteAnswers', step: 'deserialize', priority: 'low' },
  )
}

/** The library tries for ever to reach a service, which is right for a worker and wrong for a typing error. */
function answerTimer(timeoutMs: number, place: string): AnswerTimer {
  const controller = new AbortController()
  let firstAnswerAt: number | undefined
  let reason = 'nothing came back'
  const timer = setTimeout(() => {
    const { code, message, exitCode } = noAnswer(place, `tried for ${timeoutMs / 1_000} s: ${reason}`)
    controller.abort(new CliError(code, message, exitCode))
  }, timeoutMs)
  return {
    signal: controller.signal,
    get hasAnswered() {
      return firstAnswerAt !== undefined
    },
    get firstAnswerAt() {
      return firstAnswerAt ?? Date.now()
    },
    answered: (date) => {
      firstAnswerAt ??= Date.parse(date ?? '') || Date.now()
      clearTimeout(timer)
    },
    stop: () => clearTimeout(timer),
    blame: (error) => {
      if (error instanceof Error) reason = error.message || error.name
    },
  }
}
