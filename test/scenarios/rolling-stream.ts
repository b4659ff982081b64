import { Coordinator, type CoordinatorOptions } from '../../src/index.ts'
import type { ShardDescription, StreamsApi } from '../../src/streams-api/streams-api.ts'
import { ManualClock } from '../../src/testing/index.ts'

const HOUR = 3_600_000

/** Shards are listed for this long after they were created (ms), and by then have no records left. */
const LISTED_MS = 28 * HOUR

/** The id of a shard created at `createdAt` (ms). `n` distinguishes shards of the same millisecond. */
export function shardIdAt(createdAt: number, n: number): string {
  return `shardId-${String(createdAt).padStart(20, '0')}-${(n + 0x1000).toString(16)}`
}

export interface RollingStream {
  readonly clock: ManualClock
  open(options?: Partial<CoordinatorOptions>): Coordinator
}

/**
 * A stream without records that can run for weeks: chains of shards that all roll at the same time.
 * The oldest listed shards name trimmed parents.
 */
export function rollingStream({
  chains,
  shardLifeMs,
  clock = new ManualClock(),
  listed,
}: {
  chains: number
  shardLifeMs: number
  clock?: ManualClock
  /** Shards to list instead of the chains. */
  listed?: readonly ShardDescription[]
}): RollingStream {
  const startedAt = clock.now()
  const idOf = (chain: number, generation: number) =>
    shardIdAt(startedAt + generation * shardLifeMs + chain, chain)
  const generationNow = () => Math.floor((clock.now() - startedAt - chains) / shardLifeMs)

  const list = (): ShardDescription[] => {
    const newest = Math.max(0, generationNow())
    const oldest = Math.max(0, newest - Math.ceil(LISTED_MS / shardLifeMs))
    const shards: ShardDescription[] = []
    for (let generation = oldest; generation <= newest; generation++) {
      for (let chain = 0; chain < chains; chain++) {
        shards.push({
          shardId: idOf(chain, generation),
          parentShardId: generation === 0 ? undefined : idOf(chain, generation - 1),
          startingSequenceNumber: `1${String(generation * 10).padStart(20, '0')}`,
          endingSequenceNumber:
            generation === newest ? undefined : `1${String(generation * 10 + 9).padStart(20, '0')}`,
        })
      }
    }
    return shards
  }

  const api: StreamsApi = {
    listShards: async ({ childrenOf }) => ({
      status: 'ENABLED',
      shards: (listed ?? list()).filter(
        ({ parentShardId }) => childrenOf === undefined || parentShardId === childrenOf,
      ),
      lastEvaluatedShardId: undefined,
      serviceTime: Math.floor(clock.now() / 1_000) * 1_000,
    }),
    openIterator: async ({ shardId }) => shardId,
    readRecords: async ({ iterator }) => {
      const isOpen = list().some(
        ({ shardId, endingSequenceNumber }) => shardId === iterator && endingSequenceNumber === undefined,
      )
      return { records: [], decode: undefined, nextIterator: isOpen ? iterator : undefined, bytes: 20 }
    },
  }
  const streamArn = 'arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2026-01-01T00:00:00.000'
  return {
    clock,
    open: (options) => new Coordinator({ client: api, streamArn, clock, random: () => 0.5, ...options }),
  }
}
