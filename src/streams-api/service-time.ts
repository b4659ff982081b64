import type { DescribeStreamCommand } from '@aws-sdk/client-dynamodb-streams'

/**
 * Captures the service's time from the `Date` header of the response to a command, with a middleware that is
 * added to that command's stack. Call the returned function once the response has been received. It returns
 * the time in ms since 1970, truncated to the second; undefined if the response has no such header, or if
 * there was no HTTP response (from a mocked client).
 */
export function captureServiceTime(
  stack: DescribeStreamCommand['middlewareStack'],
): () => number | undefined {
  let time: number | undefined
  stack.add(
    (next) => async (args) => {
      const result = await next(args)
      time = serviceTimeOf(result.response)
      return result
    },
    { name: 'captureServiceTime', step: 'initialize', priority: 'low' },
  )
  return () => time
}

/** The `Date` header that was parsed last. Many responses arrive within the same second. */
let lastParsed: { readonly header: string; readonly time: number | undefined } | undefined

/**
 * Returns the service's time in ms since 1970, truncated to the second, from the `Date` header of a response.
 * The response may be from a custom request handler, so its type is not known.
 */
export function serviceTimeOf(response: unknown): number | undefined {
  const header = dateHeader(response)
  if (typeof header !== 'string') return undefined
  if (lastParsed?.header !== header) {
    const time = Date.parse(header)
    lastParsed = { header, time: Number.isNaN(time) ? undefined : time }
  }
  return lastParsed.time
}

function dateHeader(response: unknown): unknown {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined
  const { headers } = response
  if (typeof headers !== 'object' || headers === null) return undefined
  for (const name in headers) if (name.toLowerCase() === 'date') return Reflect.get(headers, name)
  return undefined
}
