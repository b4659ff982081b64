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
 * The three-call view of DynamoDB Streams, on the SDK's client. The client itself is never changed.
 *
 * @param onFallback - called once, with the reason in words, if this version of the SDK does not allow the fast path of
 * GetRecords. Reading continues as before, only slower.
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
      const answer = await abortable(client.send(command, { abortSignal: signal }), signal)
      const stream = answer?.StreamDescription
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
      const answer = await abortable(client.send(command, { abortSignal: signal }), signal)
      if (!answer?.ShardIterator) throw missingIterator(shardId)
      return answer.ShardIterator
    },

    readRecords: fastGetRecords(client, onFallback),
  }
}

function describeShards(shards: readonly Shard[]): ShardDescription[] {
  // A shard without an id cannot be read. The model allows it, the service never sends one.
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

/** The model allows an answer without an iterator. All that can be done is to retry, so the error is marked as retryable. */
function missingIterator(shardId: string): Error {
  const error = new Error(`GetShardIterator gave no iterator for shard ${shardId}`)
  return Object.assign(error, { name: 'MissingShardIterator', $retryable: {} })
}
