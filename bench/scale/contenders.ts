import { Coordinator, type StreamsApi } from '../../src/index.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { type Contender, heapMiB } from '../support/measure.ts'
import { streamArn } from '../support/sample-records.ts'

export interface IdleInput {
  readonly shards: number
}

/**
 * The cost of shards without records: the rate-limited listing, their memory, and the token that contains
 * them all.
 */
const idleShards: Contender<IdleInput> = async ({ shards }) => {
  const clock = new ManualClock()
  const client = idleStream(shards, clock.now() - 3_600_000)
  const restingMiB = heapMiB()
  const start = clock.now()
  await using coordinator = new Coordinator({ client, streamArn, clock })
  await clock.run(coordinator.moveTo(new Date(start - 60_000)))
  const listingSeconds = (clock.now() - start) / 1_000
  const tokenBytes = JSON.stringify(coordinator.token).length
  const heap = heapMiB() - restingMiB
  const { length } = coordinator.active
  return { records: length, details: { listingSeconds, heapMiB: heap, tokenBytes } }
}

/**
 * Open shards without records. Shards are created for each page, as they are when a real response is parsed.
 */
function idleStream(shards: number, createdAt: number): StreamsApi {
  const digits = String(createdAt).padStart(20, '0')
  const idOf = (shard: number) => `shardId-${digits}-${shard.toString(16).padStart(8, '0')}`
  return {
    listShards: async ({ exclusiveStartShardId }) => {
      const first =
        exclusiveStartShardId === undefined ? 0 : Number.parseInt(exclusiveStartShardId.slice(-8), 16) + 1
      const count = Math.min(100, shards - first)
      return {
        status: 'ENABLED',
        shards: Array.from({ length: count }, (_, index) => ({
          shardId: idOf(first + index),
          parentShardId: undefined,
          startingSequenceNumber: `${4e9 + first + index}00000000000000`,
          endingSequenceNumber: undefined,
        })),
        lastEvaluatedShardId: first + count < shards ? idOf(first + count - 1) : undefined,
        serviceTime: undefined,
      }
    },
    openIterator: async ({ shardId }) => shardId,
    readRecords: async ({ iterator }) => ({
      records: [],
      decode: undefined,
      nextIterator: iterator,
      bytes: 60,
    }),
  }
}

export const contenders: Record<string, Contender<IdleInput>> = {
  '1000': idleShards,
  '10000': idleShards,
  '100000': idleShards,
}
