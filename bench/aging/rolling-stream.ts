import type { Clock, StreamsApi } from '../../src/index.ts'
import type { ShardDescription } from '../../src/streams-api/streams-api.ts'
import { sequenceNumber } from '../support/sample-records.ts'

const HOUR_MS = 3_600_000
const LISTED_MS = 24 * HOUR_MS
/** How long a shard is open, in ms. */
const LIFE_MS = 4 * HOUR_MS
const RECORDS_PER_SHARD = 3
/** A page of DescribeStream has at most 100 shards: those of 14 chains with 7 shards each. */
const CHAINS_PER_PAGE = 14
const CALL_MS = 5

/**
 * Shards that are each replaced by a child after four hours, evenly spread over time, and are listed for 24
 * hours after they were closed. The oldest listed ones name a parent that is not listed, as on AWS. The
 * stream has no state: listings and records are computed from the time.
 */
export function rollingStream(chains: number, clock: Clock): StreamsApi {
  const startedAt = clock.now() - LISTED_MS - LIFE_MS
  const offsetOf = (chain: number) => Math.floor((chain * LIFE_MS) / chains)
  const createdAt = (chain: number, generation: number) => startedAt + offsetOf(chain) + generation * LIFE_MS
  const shardIdOf = (chain: number, generation: number) => {
    const digits = String(createdAt(chain, generation)).padStart(20, '0')
    return `shardId-${digits}-${(0x10000000 + chain).toString(16)}`
  }
  const numberIn = (generation: number, index: number) => sequenceNumber(generation * 1_000 + index)
  const chainOf = (shardId: string) => Number.parseInt(shardId.slice(-8), 16) - 0x10000000
  const generationOf = (shardId: string) =>
    (Number(shardId.slice(8, 28)) - startedAt - offsetOf(chainOf(shardId))) / LIFE_MS
  const newest = (chain: number) => Math.floor((clock.now() - startedAt - offsetOf(chain)) / LIFE_MS)
  const isClosed = (chain: number, generation: number) => newest(chain) > generation

  const describe = (chain: number, generation: number): ShardDescription => ({
    shardId: shardIdOf(chain, generation),
    parentShardId: shardIdOf(chain, generation - 1),
    startingSequenceNumber: numberIn(generation, 0),
    endingSequenceNumber: isClosed(chain, generation) ? numberIn(generation, 999) : undefined,
  })
  const listedOf = (chain: number) => {
    const last = newest(chain)
    const listed: ShardDescription[] = []
    for (let generation = last - LISTED_MS / LIFE_MS; generation <= last; generation++) {
      if (generation >= 0) listed.push(describe(chain, generation))
    }
    return listed
  }

  const call = () => new Promise<void>((resolve) => clock.setTimer(CALL_MS, resolve))
  return {
    listShards: async ({ exclusiveStartShardId, childrenOf }) => {
      await call()
      const serviceTime = clock.now()
      const response = { status: 'ENABLED', lastEvaluatedShardId: undefined, serviceTime } as const
      if (childrenOf !== undefined) {
        const chain = chainOf(childrenOf)
        const child = generationOf(childrenOf) + 1
        return { ...response, shards: child <= newest(chain) ? [describe(chain, child)] : [] }
      }
      const first = exclusiveStartShardId === undefined ? 0 : chainOf(exclusiveStartShardId) + 1
      const end = Math.min(chains, first + CHAINS_PER_PAGE)
      const shards = Array.from({ length: end - first }, (_, index) => listedOf(first + index)).flat()
      return { ...response, shards, lastEvaluatedShardId: end < chains ? shards.at(-1)?.shardId : undefined }
    },
    openIterator: async ({ shardId, start }) => {
      await call()
      if (!('sequenceNumber' in start)) {
        return `${shardId} ${start.type === 'LATEST' ? RECORDS_PER_SHARD : 0}`
      }
      const index = Number(start.sequenceNumber.slice(1)) % 1_000
      return `${shardId} ${start.type === 'AFTER_SEQUENCE_NUMBER' ? index + 1 : index}`
    },
    readRecords: async ({ iterator }) => {
      await call()
      const [shardId = '', first = ''] = iterator.split(' ')
      const generation = generationOf(shardId)
      const createdAtMs = Number(shardId.slice(8, 28))
      const records = []
      for (let index = Number(first); index < RECORDS_PER_SHARD; index++) {
        const writtenAt = createdAtMs + index * HOUR_MS
        if (writtenAt > clock.now()) break
        const seconds = Math.floor(writtenAt / 1_000)
        const SequenceNumber = numberIn(generation, index)
        records.push({
          eventName: 'INSERT',
          dynamodb: { ApproximateCreationDateTime: seconds, SequenceNumber, SizeBytes: 20 },
        })
      }
      const isAtEnd = isClosed(chainOf(shardId), generation)
      return {
        records,
        decode: undefined,
        nextIterator: isAtEnd ? undefined : `${shardId} ${Number(first) + records.length}`,
        bytes: 60 + records.length * 300,
      }
    },
  }
}
