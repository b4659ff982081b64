import { StreamError } from './errors.ts'

/** The error for a stream that DescribeStream does not find. */
export function streamNotFound(streamArn: string, cause: unknown): StreamError<'stream.notFound'> {
  return new StreamError(
    'stream.notFound',
    `Stream ${streamArn} does not exist, or no longer exists. Its table may have been deleted, the stream may have ` +
      'been disabled more than 24 hours ago, or the client is configured for another region or account.',
    { streamArn },
    cause,
  )
}
