/**
 * Settles like `call`, or rejects with an `AbortError` as soon as `signal` aborts. On abort, the SDK cancels
 * the request, but neither the delay before its next attempt nor a credentials lookup. `close()` must not
 * wait for those.
 */
export function abortable<T>(call: T | Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortError(signal))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    // After an abort, these handlers only keep a late rejection of the call from being unhandled.
    Promise.resolve(call)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function abortError(signal: AbortSignal): Error {
  const error = new Error('The call was aborted', { cause: signal.reason })
  error.name = 'AbortError'
  return error
}
