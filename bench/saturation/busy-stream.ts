import type { Clock, StreamsApi } from '../../src/index.ts'
import { sequenceNumber } from '../support/sample-records.ts'

export interface BusyStreamInput {
  readonly shards: number
  /** Records that each shard receives per second, evenly spaced, with a different phase for each shard. */
  readonly recordsPerSecond: number
  /** CPU time that a call costs the reader, in ms: calls complete one at a time, each after this time. */
  readonly callMs: number
  readonly clock: Clock
}

/**
 * Open shards that are written to continuously, for a reader that cannot make calls as fast as they are due.
 */
export function busyStream({ shards, recordsPerSecond, callMs, clock }: BusyStreamInput): StreamsApi {
  const startedAt = clock.now()
  const periodMs = 1_000 / recordsPerSecond
  const shardIds = Array.from({ length: shards }, (_, shard) => {
    const createdAt = String(startedAt - 3_600_000 + shard).padStart(20, '0')
    return `shardId-${createdAt}-${(0x10000000 + shard).toString(16)}`
  })
  const shardOf = new Map(shardIds.map((shardId, shard) => [shardId, shard]))
  const firstAt = (shard: number) => startedAt + ((shard * 0.618034) % 1) * periodMs
  const writtenTo = (shard: number) => Math.max(0, Math.floor((clock.now() - firstAt(shard)) / periodMs) + 1)

  const recordAt = (shard: number, index: number) => {
    const writtenAt = Math.ceil(firstAt(shard) + index * periodMs)
    return {
      eventID: `${shard}-${index}`,
      eventName: 'MODIFY',
      dynamodb: {
        // Truncated to the second, as the service does.
        ApproximateCreationDateTime: Math.floor(writtenAt / 1_000),
        SequenceNumber: sequenceNumber(index),
        SizeBytes: 100,
        Keys: { id: { S: String(shard) } },
        NewImage: { id: { S: String(shard) }, writtenAt: { N: String(writtenAt) } },
      },
    }
  }

  let freeAt = clock.monotonic()
  const call = () => {
    freeAt = Math.max(clock.monotonic(), freeAt) + callMs
    const waitMs = freeAt - clock.monotonic()
    return new Promise<void>((resolve) => clock.setTimer(waitMs, resolve))
  }

  return {
    listShards: async ({ exclusiveStartShardId = '' }) => {
      await call()
      const first = (shardOf.get(exclusiveStartShardId) ?? -1) + 1
      const page = shardIds.slice(first, first + 100)
      return {
        status: 'ENABLED',
        shards: page.map((shardId) => ({
          shardId,
          parentShardId: undefined,
          startingSequenceNumber: sequenceNumber(0),
          endingSequenceNumber: undefined,
        })),
        lastEvaluatedShardId: first + page.length < shards ? page.at(-1) : undefined,
        serviceTime: clock.now(),
      }
    },
    openIterator: async ({ shardId, start }) => {
      await call()
      const shard = shardOf.get(shardId) ?? 0
      if (!('sequenceNumber' in start)) {
        return `${shard} ${start.type === 'LATEST' ? writtenTo(shard) : 0}`
      }
      const index = Number(start.sequenceNumber.slice(1))
      return `${shard} ${start.type === 'AFTER_SEQUENCE_NUMBER' ? index + 1 : index}`
    },
    readRecords: async ({ iterator, limit }) => {
      await call()
      const [shard = 0, first = 0] = iterator.split(' ').map(Number)
      const count = Math.max(0, Math.min(limit, writtenTo(shard) - first))
      return {
        records: Array.from({ length: count }, (_, index) => recordAt(shard, first + index)),
        decode: undefined,
        nextIterator: `${shard} ${first + count}`,
        bytes: 60 + count * 400,
      }
    },
  }
}
