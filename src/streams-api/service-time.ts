import type { DescribeStreamCommand } from '@aws-sdk/client-dynamodb-streams'

/**
 * Notes the service's clock from the `Date` header of the answer to one command, by a middleware of that command
 * alone. The returned function gives it in milliseconds, to the second, once the command was sent; `undefined` when
 * the answer had no such header, or when there was no real answer (a mocked client).
 */
export function captureServiceTime(
  stack: DescribeStreamCommand['middlewareStack'],
): () => number | undefined {
  let header: unknown
  stack.add(
    (next) => async (args) => {
      const result = await next(args)
      header = dateHeader(result.response)
      return result
    },
    { name: 'captureServiceTime', step: 'initialize', priority: 'low' },
  )
  return () => {
    const time = typeof header === 'string' ? Date.parse(header) : Number.NaN
    return Number.isNaN(time) ? undefined : time
  }
}

/** The transport's answer is unknown to the SDK's types: any request handler may have made it. */
function dateHeader(response: unknown): unknown {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined
  const { headers } = response
  if (typeof headers !== 'object' || headers === null) return undefined
  const name = Object.keys(headers).find((key) => key.toLowerCase() === 'date')
  return name === undefined ? undefined : Reflect.get(headers, name)
}
