import { ShardReader, type SharedContext } from '../../../src/reader/shard-reader.ts'
import type { Outcome } from '../../../src/reader/step.ts'
import { ShardNode } from '../../../src/shards/shard.ts'

/** When the first shard was created. */
export const NOW: number = Date.UTC(2026, 0, 1)

/** The context of a step at `now` (ms), with defaults for what a test does not set. */
export const contextAt = (now: number, context: Partial<SharedContext> = {}): SharedContext => ({
  now,
  presentSince: now,
  serviceNow: NOW + now,
  serviceNowAtMost: NOW + now,
  random: () => 0.5,
  idlePollMs: { min: 200, max: 1_000 },
  awaitedAfter: undefined,
  isPrefetched: false,
  ...context,
})

/** A reader of a shard that was created `ageMs` ago. */
export function readerOf(
  name = 'a',
  {
    ageMs = 0,
    isHeld = false,
    onChange = () => {},
  }: { ageMs?: number; isHeld?: boolean; onChange?: (reader: ShardReader) => void } = {},
): ShardReader {
  const shardId = `shardId-${String(NOW - ageMs).padStart(20, '0')}-0000000${name}`
  return new ShardReader(new ShardNode(shardId, 0), {
    isHeld,
    serviceNow: NOW,
    timeGranularityMs: 1_000,
    onChange,
  })
}

let sequenceNumber = 0

/** Adds `count` records to a reader's queue. */
export function queue(reader: ShardReader, count: number): void {
  const records = Array.from({ length: count }, () => ({
    dynamodb: { SequenceNumber: String(++sequenceNumber), ApproximateCreationDateTime: NOW / 1_000 },
  }))
  const context = { shardId: reader.node.shardId, decode: undefined, unmarshallOptions: undefined }
  reader.queue.push({ records, first: 0, bytes: 100 * count, context })
}

export const emptyPage: Extract<Outcome, { kind: 'page' }> = {
  kind: 'page',
  records: 0,
  admitted: 0,
  isFull: false,
  newestAt: undefined,
  nextIterator: 'next',
}
