import { StreamError } from '../core/errors.ts'
import type { OpenContext } from './open-context.ts'
import { openStreamDefaults } from './open-stream-options.ts'

/** A timer that is later than this (ms) was held up by a suspension of the process. */
const SUSPENDED_MS = 1_000

/** What is waited for. */
export interface FirstAnswer {
  /** As the error names it. */
  readonly from: string
  /** Whether there was an answer, besides the errors of which `retry` events tell. */
  readonly hasAnswer?: () => boolean
}

/**
 * Runs `connect`. Without any answer within `connectTimeoutMs` it is aborted: a misspelt region or a network without a route
 * would be tried again for ever. An answer is all that came over the network, errors of the service included.
 *
 * @throws StreamError `service.unreachable`
 */
export async function withConnectTimeout<T>(
  { options, clock, events, signal }: OpenContext,
  { from, hasAnswer = () => false }: FirstAnswer,
  connect: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeoutMs = options.connectTimeoutMs ?? openStreamDefaults.connectTimeoutMs
  if (timeoutMs === 0) return connect(signal)
  const timeout = new AbortController()
  let lastError: unknown
  let isAnswered = false
  const stopListening = events.on('retry', ({ error }) => {
    lastError = error
    isAnswered ||= isAnswer(error)
  })
  let cancelTimer = () => {}
  const wait = () => {
    const dueAt = clock.monotonic() + timeoutMs
    cancelTimer = clock.setTimer(timeoutMs, () => {
      if (isAnswered || hasAnswer()) return
      // The process was suspended: an answer that came meanwhile has not been read yet.
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
    stopListening()
  }
}

function isAnswer(error: unknown): boolean {
  // Every error that the service's model names has `$fault`.
  if (Reflect.has(Object(error), '$fault')) return true
  const metadata: unknown = Reflect.get(Object(error), '$metadata')
  return Reflect.get(Object(metadata), 'httpStatusCode') !== undefined
}

function unreachable(
  from: string,
  timeoutMs: number,
  lastError: unknown,
): StreamError<'service.unreachable'> {
  const why = lastError instanceof Error ? `: ${lastError.message}` : ''
  const message =
    `No answer from ${from} within ${timeoutMs / 1000} s${why}. ` +
    'Check the region, the endpoint and the network. The option connectTimeoutMs sets how long to wait.'
  return new StreamError('service.unreachable', message, { timeoutMs }, lastError)
}
