import {
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  GetShardIteratorCommand,
  type Shard,
} from '@aws-sdk/client-dynamodb-streams'
import { abortable } from '../core/abortable.ts'
import { fastGetRecords } from './fast-get-records.ts'
import { captureServiceTime } from './service-time.ts'
import type { ShardDescription, StreamsApi } from './streams-api.ts'

/**
 * Creates a {@link StreamsApi} that calls DynamoDB Streams with an SDK client. The client itself is not
 * modified.
 *
 * @param onFallback - called once, with a readable reason, if this version of the SDK does not support the
 * fast path of GetRecords. Reading continues, but is slower.
 */
export function sdkStreamsApi(
  client: DynamoDBStreamsClient,
  onFallback: (reason: string) => void = () => {},
): StreamsApi {
  return {
    async listShards({ streamArn, exclusiveStartShardId, childrenOf }, signal) {
      const command = new DescribeStreamCommand({
        StreamArn: streamArn,
        ...(exclusiveStartShardId !== undefined && { ExclusiveStartShardId: exclusiveStartShardId }),
        ...(childrenOf !== undefined && { ShardFilter: { Type: 'CHILD_SHARDS', ShardId: childrenOf } }),
      })
      const serviceTime = captureServiceTime(command.middlewareStack)
      const response = await abortable(client.send(command, { abortSignal: signal }), signal)
      const stream = response?.StreamDescription
      return {
        status: stream?.StreamStatus,
        shards: describeShards(stream?.Shards ?? []),
        lastEvaluatedShardId: stream?.LastEvaluatedShardId || undefined,
        serviceTime: serviceTime(),
      }
    },

    async openIterator({ streamArn, shardId, start }, signal) {
      const command = new GetShardIteratorCommand({
        StreamArn: streamArn,
        ShardId: shardId,
        ShardIteratorType: start.type,
        ...('sequenceNumber' in start && { SequenceNumber: start.sequenceNumber }),
      })
      const response = await abortable(client.send(command, { abortSignal: signal }), signal)
      if (!response?.ShardIterator) throw missingIterator(shardId)
      return response.ShardIterator
    },

    readRecords: fastGetRecords(client, onFallback),
  }
}

function describeShards(shards: readonly Shard[]): ShardDescription[] {
  // A shard without an id cannot be read. The model allows one, but the service never sends it.
  return shards.flatMap(({ ShardId, ParentShardId, SequenceNumberRange }) =>
    ShardId
      ? {
          shardId: ShardId,
          parentShardId: ParentShardId || undefined,
          startingSequenceNumber: SequenceNumberRange?.StartingSequenceNumber || undefined,
          endingSequenceNumber: SequenceNumberRange?.EndingSequenceNumber || undefined,
        }
      : [],
  )
}

/** The model allows a response without an iterator. Only a retry can help, so the error is retryable. */
function missingIterator(shardId: string): Error {
  const error = new Error(`GetShardIterator returned no iterator for shard ${shardId}`)
  return Object.assign(error, { name: 'MissingShardIterator', $retryable: {} })
}
