import type { DescribeStreamCommand } from '@aws-sdk/client-dynamodb-streams'

/**
 * Captures the service's clock from the `Date` header of the answer to one command, by a middleware of that command alone.
 * The returned function returns it in milliseconds, truncated to the second, once the command was sent; `undefined` if the
 * answer had no such header, or if there was no real answer (a mocked client).
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

/** The `Date` header that was parsed last. Many answers come within a second. */
let known: { readonly header: string; readonly time: number | undefined } | undefined

/** The service's clock in ms, truncated to the second, from the `Date` header. Any request handler may have made the answer. */
export function serviceTimeOf(response: unknown): number | undefined {
  const header = dateHeader(response)
  if (typeof header !== 'string') return undefined
  if (known?.header !== header) {
    const time = Date.parse(header)
    known = { header, time: Number.isNaN(time) ? undefined : time }
  }
  return known.time
}

function dateHeader(response: unknown): unknown {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined
  const { headers } = response
  if (typeof headers !== 'object' || headers === null) return undefined
  for (const name in headers) if (name.toLowerCase() === 'date') return Reflect.get(headers, name)
  return undefined
}
