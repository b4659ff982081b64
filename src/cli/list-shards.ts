import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { systemClock } from '../core/clock.ts'
import { ServiceClock } from '../core/service-clock.ts'
import { streamNotFound } from '../core/stream-not-found.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { DESCRIBE_CALLS_PER_SECOND, listAllShards } from '../streams-api/list-all-shards.ts'
import { rateLimit } from '../streams-api/rate-limit.ts'
import { sdkStreamsApi } from '../streams-api/sdk-streams-api.ts'
import type { ShardDescription, StreamStatus } from '../streams-api/streams-api.ts'
import type { RetryListener } from './connection.ts'

/** A stream as described by DescribeStream, all pages together. */
export interface ShardListing {
  readonly status: StreamStatus | undefined
  readonly shards: readonly ShardDescription[]
}

/**
 * Lists all shards of a stream. Retries indefinitely.
 *
 * @param onRetry - called before each retry.
 */
export async function listShards(
  client: DynamoDBStreamsClient,
  streamArn: string,
  signal: AbortSignal,
  onRetry: RetryListener,
): Promise<ShardListing> {
  const shards: ShardDescription[] = []
  let status: StreamStatus | undefined
  const pages = listAllShards({
    api: sdkStreamsApi(client),
    streamArn,
    limit: rateLimit(systemClock, DESCRIBE_CALLS_PER_SECOND),
    clock: systemClock,
    serviceClock: new ServiceClock(systemClock),
    random: Math.random,
    signal,
    onRetry: (retry) => onRetry({ operation: 'DescribeStream', ...retry }),
  })
  try {
    for await (const page of pages) {
      status = page.status
      shards.push(...page.shards)
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw classifyError(error) === 'notFound' ? streamNotFound(streamArn, error) : error
  }
  return { status, shards }
}
