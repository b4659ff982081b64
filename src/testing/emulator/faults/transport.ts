/** The connection was reset, so there is no response. */
export class ConnectionReset extends Error {
  override readonly name = 'ConnectionReset'

  constructor() {
    super('socket hang up')
  }
}

/**
 * The response cannot be parsed. `result` is the intact result of the call, which the wire layer truncates.
 */
export class BrokenBody extends Error {
  override readonly name = 'BrokenBody'
  readonly kind: 'truncated' | 'html'
  readonly statusCode: number
  readonly result: unknown

  constructor(kind: 'truncated' | 'html', statusCode: number, result: unknown) {
    super(kind)
    this.kind = kind
    this.statusCode = statusCode
    this.result = result
  }
}

export const htmlPage = '<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>'

/** The error with which the SDK's request handlers reject when their signal aborts. */
export function abortError(): Error {
  return Object.assign(new Error('Request aborted'), { name: 'AbortError' })
}

/** Never resolves; rejects when `signal` aborts. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(abortError())
    signal.addEventListener('abort', () => reject(abortError()), { once: true })
  })
}
