import type { IteratorStart, RecordPage, ShardPage } from '../../../src/streams-api/streams-api.ts'
import { ManualClock, type ShardRef, StreamEmulator } from '../../../src/testing/index.ts'

export const never: AbortSignal = new AbortController().signal

export const minute = 60_000
export const hour: number = 60 * minute

type Options = NonNullable<ConstructorParameters<typeof StreamEmulator>[0]>

export function setUp(options: Options = {}): { clock: ManualClock; emulator: StreamEmulator } {
  const clock = new ManualClock()
  return { clock, emulator: new StreamEmulator({ clock, ...options }) }
}

const idOf = (shard: ShardRef) => (typeof shard === 'string' ? shard : shard.shardId)

export function open(
  emulator: StreamEmulator,
  shard: ShardRef,
  start: IteratorStart = { type: 'TRIM_HORIZON' },
): Promise<string> {
  return emulator.api.openIterator({ streamArn: emulator.streamArn, shardId: idOf(shard), start }, never)
}

export function read(
  emulator: StreamEmulator,
  iterator: string | undefined,
  limit = 1000,
): Promise<RecordPage> {
  if (iterator === undefined) throw new Error('The previous page has no next iterator')
  return emulator.api.readRecords({ iterator, limit }, never)
}

export function describe(
  emulator: StreamEmulator,
  request: { exclusiveStartShardId?: string; childrenOf?: string } = {},
): Promise<ShardPage> {
  return emulator.api.listShards({ streamArn: emulator.streamArn, ...request }, never)
}

export async function listedIds(emulator: StreamEmulator): Promise<string[]> {
  return (await describe(emulator)).shards.map(({ shardId }) => shardId)
}

export const sequenceNumbers = (page: RecordPage): (string | undefined)[] =>
  page.records.map(({ dynamodb }) => dynamodb?.SequenceNumber)

/** Returns the first shard of the stream. */
export function root(emulator: StreamEmulator): ShardRef & object {
  const [first] = emulator.shards
  if (!first) throw new Error('The stream has no shard')
  return first
}

/** Writes new items and returns the sequence numbers of their records. */
export function write(emulator: StreamEmulator, count: number): string[] {
  const start = emulator.records.length
  for (let n = 0; n < count; n++) emulator.put({ id: `written-${start + n}` })
  return emulator.records.slice(start).map(({ sequenceNumber }) => sequenceNumber)
}
