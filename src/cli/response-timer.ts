import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { unreachableError } from './errors.ts'

/**
 * Waits for the first response of the service. The library retries network errors indefinitely, which is
 * right for a worker, but not for a mistyped endpoint.
 */
export interface ResponseTimer {
  /** Aborts with a `CliError` if the service has not responded in time. */
  readonly signal: AbortSignal
  readonly hasResponded: boolean
  /**
   * The service's time (ms, truncated to the second) at its first response; the local time if it did not send
   * one.
   */
  readonly firstResponseAt: number
  /** Starts to watch the responses to a client. An error with an HTTP status is a response, too. */
  watch(client: DynamoDBStreamsClient | DynamoDBClient): void
  /** Remembers the error of a failed call, for the message if no response arrives. */
  noteLastError(error: unknown): void
  stop(): void
}

/** @param place - the region or the endpoint, for the message. */
export function startResponseTimer(timeoutMs: number, place: string): ResponseTimer {
  const controller = new AbortController()
  let firstResponseAt: number | undefined
  let lastError = ''
  const timer = setTimeout(() => {
    controller.abort(unreachableError(place, `tried for ${timeoutMs / 1_000} s${lastError}`))
  }, timeoutMs)

  const onResponse = (date: string | undefined) => {
    firstResponseAt ??= Date.parse(date ?? '') || Date.now()
    clearTimeout(timer)
  }
  return {
    signal: controller.signal,
    get hasResponded() {
      return firstResponseAt !== undefined
    },
    get firstResponseAt() {
      return firstResponseAt ?? Date.now()
    },
    watch: (client) => onEachResponse(client, onResponse),
    noteLastError: (error) => {
      if (error instanceof Error) lastError = `: ${error.message || error.name}`
    },
    stop: () => clearTimeout(timer),
  }
}

/** Calls `listener` with the `Date` header of each response. */
function onEachResponse(
  client: DynamoDBStreamsClient | DynamoDBClient,
  listener: (date: string | undefined) => void,
): void {
  const stack = (client as DynamoDBStreamsClient).middlewareStack
  stack.add(
    (next) => async (args) => {
      const result = await next(args)
      const { response } = result as { response?: { headers?: Record<string, string> } }
      listener(response?.headers?.date)
      return result
    },
    // Next to the transport: inside the deserializer, which throws for an HTTP status of 400 or more.
    { name: 'onEachResponse', step: 'deserialize', priority: 'low' },
  )
}
