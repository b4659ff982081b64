import fc from 'fast-check'
import type { ShardPosition, ShardToken, StreamToken } from '../../../src/position/token.ts'

export const STREAM_ARN =
  'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000'

const sequenceNumber = fc.stringMatching(/^\d{21,40}$/)

const position: fc.Arbitrary<ShardPosition> = fc.oneof(
  fc.constant('start' as const),
  sequenceNumber.map((after) => ({ after })),
  fc.integer({ min: 0, max: 8.64e15 }).map((since) => ({ since })),
  fc.option(sequenceNumber, { nil: null }).map((end) => ({ end })),
)

const shardId = fc.oneof(
  { weight: 5, arbitrary: fc.stringMatching(/^shardId-\d{20}-[0-9a-f]{8}$/) },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', '0') },
)

/** Valid tokens with up to eight shards in a random forest. */
export const validToken: fc.Arbitrary<StreamToken> = fc
  .uniqueArray(
    fc.record({
      shardId,
      at: position,
      state: fc.constantFrom(undefined, 'skipped' as const, 'pending' as const),
      parent: fc.option(fc.nat(100), { nil: undefined }),
    }),
    { selector: (shard) => shard.shardId, maxLength: 8 },
  )
  .map((shards) => ({
    version: 1,
    streamArn: STREAM_ARN,
    shards: shards.map(({ shardId, at, state, parent }, index): ShardToken => {
      // The parent is always an earlier shard, so that there are no cycles.
      const parentId = parent === undefined || index === 0 ? undefined : shards[parent % index]?.shardId
      const hasState = state !== undefined && typeof at === 'object' && 'since' in at
      return { shardId, ...(parentId !== undefined && { parentId }), at, ...(hasState && { state }) }
    }),
  }))
