import { Coordinator, type StreamsApi, type StreamToken } from '../../src/index.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import type { Contender } from '../support/measure.ts'
import { sequenceNumber, streamArn } from '../support/sample-records.ts'
import { watchBlocks } from '../support/watch-blocks.ts'

export interface MoveInput {
  readonly shards: number
  readonly position: 'trim_horizon' | 'token'
}

const HOUR_MS = 3_600_000
const ROUNDS = 5

/** Runs `moveTo` on open shards whose parents are all trimmed, as on a stream that is older than a day. */
const move: Contender<MoveInput> = async ({ shards, position }) => {
  // The first round compiles the code.
  await moveOnce(shards, position)
  const rounds = []
  for (let round = 0; round < ROUNDS; round++) rounds.push(await moveOnce(shards, position))
  // The minimum of several rounds, as other load on the machine can only increase the time.
  const lowest = (values: number[]) => Math.min(...values)
  return {
    records: shards,
    details: {
      cpuMs: lowest(rounds.map(({ cpuMs }) => cpuMs)),
      blockMs: lowest(rounds.map(({ blockMs }) => blockMs)),
    },
  }
}

async function moveOnce(
  shards: number,
  position: MoveInput['position'],
): Promise<{ cpuMs: number; blockMs: number }> {
  const clock = new ManualClock()
  const client = agedStream(shards, clock.now())
  const token: StreamToken = { version: 1, streamArn, shards: describeAll(shards, clock.now()) }
  const coordinator = new Coordinator({ client, streamArn, clock })
  globalThis.gc?.()
  const watch = watchBlocks()
  const before = process.cpuUsage()
  await clock.run(coordinator.moveTo(position === 'token' ? token : position))
  const { user, system } = process.cpuUsage(before)
  // Include work that `moveTo` schedules for the next turns of the event loop.
  for (let turn = 0; turn < 10; turn++) await nextTurn()
  const blockMs = watch.stop()
  await coordinator.close()
  return { cpuMs: (user + system) / 1_000, blockMs }
}

const shardIdOf = (shard: number, createdAt: number) =>
  `shardId-${String(createdAt + shard).padStart(20, '0')}-${(0x10000000 + shard).toString(16)}`
const shardOf = (shardId: string) => Number.parseInt(shardId.slice(-8), 16) - 0x10000000
const childIdOf = (shard: number, now: number) => shardIdOf(shard, now - 3 * HOUR_MS)
const parentIdOf = (shard: number, now: number) => shardIdOf(shard, now - 30 * HOUR_MS)

function describeAll(shards: number, now: number): StreamToken['shards'] {
  return Array.from({ length: shards }, (_, shard) => ({
    shardId: childIdOf(shard, now),
    parentId: parentIdOf(shard, now),
    at: { after: sequenceNumber(shard) },
  }))
}

/** Open shards without records. A page of a listing has 100 shards, as on AWS. */
function agedStream(shards: number, now: number): StreamsApi {
  return {
    listShards: async ({ exclusiveStartShardId }) => {
      await nextTurn()
      const first = exclusiveStartShardId === undefined ? 0 : shardOf(exclusiveStartShardId) + 1
      const count = Math.min(100, shards - first)
      return {
        status: 'ENABLED',
        shards: Array.from({ length: count }, (_, index) => ({
          shardId: childIdOf(first + index, now),
          parentShardId: parentIdOf(first + index, now),
          startingSequenceNumber: sequenceNumber(first + index),
          endingSequenceNumber: undefined,
        })),
        lastEvaluatedShardId: first + count < shards ? childIdOf(first + count - 1, now) : undefined,
        serviceTime: undefined,
      }
    },
    openIterator: async ({ shardId }) => {
      await nextTurn()
      return shardId
    },
    readRecords: async ({ iterator }) => {
      await nextTurn()
      return { records: [], decode: undefined, nextIterator: iterator, bytes: 60 }
    },
  }
}

/** Responses arrive in the next turn of the event loop, like those of a socket. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export const contenders: Record<string, Contender<never>> = { move: move as Contender<never> }
