/**
 * Settles as `call` does, or rejects with an `AbortError` as soon as `signal` aborts. The SDK gives up a request on
 * abort, but not its pauses between two attempts, nor the fetching of credentials: closing must not wait for those.
 */
export function abortable<T>(call: T | Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortError(signal))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    // After an abort these do nothing, but they keep a late failure of the call from being an unhandled rejection.
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
