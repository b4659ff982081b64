import { endSentence } from '../core/end-sentence.ts'
import { StreamError } from '../core/errors.ts'
import type { OpenContext } from './open-context.ts'
import { openStreamDefaults } from './open-stream-options.ts'

/** A timer that fires later than this, in ms, was delayed because the process was suspended. */
const SUSPENDED_MS = 1_000

/** The response that is awaited. */
export interface FirstResponse {
  /** The service or store, as named in the error message. */
  readonly from: string
  /** Returns whether there was a response other than the errors that `retry` events report. */
  readonly hasResponse?: () => boolean
}

/**
 * Runs `connect`, and aborts it if there is no response within `connectTimeoutMs`: with a misspelled region,
 * a wrong endpoint or without a route to the service it would be retried forever. Errors returned by the
 * service count as responses.
 *
 * @throws StreamError `service.unreachable` if there was no response in time.
 */
export async function withConnectTimeout<T>(
  { options, clock, events, signal }: OpenContext,
  { from, hasResponse = () => false }: FirstResponse,
  connect: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeoutMs = options.connectTimeoutMs ?? openStreamDefaults.connectTimeoutMs
  if (timeoutMs === 0) return connect(signal)
  const timeout = new AbortController()
  let lastError: unknown
  let hasResponded = false
  const onRetry = ({ error }: { readonly error: unknown }) => {
    lastError = error
    hasResponded ||= isResponse(error)
  }
  const stopListening = [events.on('retry', onRetry), events.on('checkpointRetry', onRetry)]
  let cancelTimer = () => {}
  const wait = () => {
    const dueAt = clock.monotonic() + timeoutMs
    cancelTimer = clock.setTimer(timeoutMs, () => {
      if (hasResponded || hasResponse()) return
      // The process was suspended, so a response that has arrived may not have been read yet.
      if (clock.monotonic() - dueAt >= SUSPENDED_MS) wait()
      else timeout.abort(unreachable(from, timeoutMs, lastError))
    })
  }
  wait()
  try {
    return await connect(AbortSignal.any([signal, timeout.signal]))
  } catch (error) {
    timeout.signal.throwIfAborted()
    throw error
  } finally {
    cancelTimer()
    for (const stop of stopListening) stop()
  }
}

/**
 * Every error of the service has `$fault`, and every response of it has a request id. The page of a proxy, or
 * of a web server at a wrong endpoint, has neither.
 */
function isResponse(error: unknown): boolean {
  return Reflect.has(Object(error), '$fault') || metadataOf(error, 'requestId') !== undefined
}

function metadataOf(error: unknown, name: 'requestId' | 'httpStatusCode'): unknown {
  return Reflect.get(Object(Reflect.get(Object(error), '$metadata')), name)
}

function unreachable(
  from: string,
  timeoutMs: number,
  lastError: unknown,
): StreamError<'service.unreachable'> {
  const status = metadataOf(lastError, 'httpStatusCode')
  let reason = lastError instanceof Error ? `: ${lastError.message}` : ''
  if (status !== undefined) reason = `: the endpoint responds with HTTP ${status}, but not as DynamoDB does`
  const message =
    `${endSentence(`No response from ${from} within ${timeoutMs / 1000} s${reason}`)} ` +
    'Check the region, the endpoint and the network. To wait longer, increase connectTimeoutMs.'
  return new StreamError('service.unreachable', message, { timeoutMs }, lastError)
}
