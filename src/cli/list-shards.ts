import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { streamNotFound } from '../coordinator/blocking-errors.ts'
import { systemClock } from '../core/clock.ts'
import { ServiceClock } from '../core/service-clock.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { listAllShards } from '../streams-api/list-all-shards.ts'
import { rateLimit } from '../streams-api/rate-limit.ts'
import { sdkStreamsApi } from '../streams-api/sdk-streams-api.ts'
import type { ShardDescription, StreamStatus } from '../streams-api/streams-api.ts'

/** A stream as DescribeStream shows it. */
export interface Listing {
  readonly status: StreamStatus | undefined
  readonly shards: readonly ShardDescription[]
}

/**
 * Lists all shards of a stream, trying as long as it takes.
 * @param onRetry hears the errors meanwhile
 */
export async function listShards(
  client: DynamoDBStreamsClient,
  streamArn: string,
  signal: AbortSignal,
  onRetry: (error: unknown) => void,
): Promise<Listing> {
  const shards: ShardDescription[] = []
  let status: StreamStatus | undefined
  const context = {
    api: sdkStreamsApi(client),
    streamArn,
    limit: rateLimit(systemClock, 5),
    clock: systemClock,
    serviceClock: new ServiceClock(systemClock),
    random: Math.random,
    signal,
    onRetry: ({ error }: { error: unknown }) => onRetry(error),
  }
  try {
    for await (const page of listAllShards(context)) {
      status = page.status
      shards.push(...page.shards)
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw classifyError(error) === 'notFound' ? streamNotFound(streamArn, error) : error
  }
  return { status, shards }
}
