import { invalidOption } from '../core/options.ts'

/**
 * Returns `queueUrl` if it is the URL of a queue.
 *
 * @throws StreamError `options.invalid`
 */
export function checkQueueUrl(queueUrl: unknown): string {
  if (typeof queueUrl === 'string' && URL.canParse(queueUrl)) {
    const { protocol, pathname } = new URL(queueUrl)
    if (/^https?:$/.test(protocol) && pathname !== '/') return queueUrl
  }
  throw invalidOption(
    'queueUrl',
    queueUrl,
    'the URL of a queue, as in https://sqs.eu-west-1.amazonaws.com/123456789012/failed-orders',
  )
}

/** Whether the queue is a FIFO queue, whose name ends with `.fifo`. */
export function isFifoQueue(queueUrl: string): boolean {
  return new URL(queueUrl).pathname.endsWith('.fifo')
}

/**
 * Returns the region in the host name of a queue's URL, which can be `sqs.<region>.…`, that of a VPC endpoint
 * (`vpce-….sqs.<region>.vpce.…`), or, in old URLs, `<region>.queue.…`. Emulators use the first form as well.
 * @see https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
 */
export function regionOfQueue(queueUrl: string): string | undefined {
  const { hostname } = new URL(queueUrl)
  const match = /(?:^|\.)sqs(?:-fips)?\.([a-z0-9-]+)\.|^([a-z0-9-]+)\.queue\./.exec(hostname)
  return match?.[1] ?? match?.[2]
}
