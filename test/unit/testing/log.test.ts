import { expect, test } from 'vitest'
import type { StreamEmulator } from '../../../src/testing/index.ts'
import { describe, open, read, root, setUp, write } from './helpers.ts'

/** Runs a scenario that uses every random choice of the emulator. */
async function play(seed: number | string): Promise<StreamEmulator> {
  const { clock, emulator } = setUp({
    seed,
    shards: 3,
    behavior: { listingOrder: 'shuffled', timestampJitterMs: 5_000 },
  })
  emulator.on('*', { chance: 0.2 }, { fail: 'ThrottlingException' })
  emulator.on('GetRecords', { nth: 4 }, () => void emulator.split())
  for (let round = 0; round < 10; round++) {
    for (let n = 0; n < 20; n++) emulator.put({ id: `item-${n}`, round })
    emulator.split(undefined, 1 + (round % 3), { hidden: { calls: round % 2 } })
    clock.jump(700)
    await describe(emulator).catch(() => {})
    for (const shard of emulator.shards) {
      const iterator = await open(emulator, shard).catch(() => undefined)
      if (iterator !== undefined) await read(emulator, iterator, 7).catch(() => {})
    }
  }
  return emulator
}

test('the same seed produces the same log and the same records, byte for byte', async () => {
  const [one, other] = [await play(42), await play(42)]
  expect(JSON.stringify(one.log)).toBe(JSON.stringify(other.log))
  expect(JSON.stringify(one.records.map(({ raw }) => raw))).toBe(
    JSON.stringify(other.records.map(({ raw }) => raw)),
  )
  expect(one.log.some(({ error }) => error === 'ThrottlingException')).toBe(true)
})

test('a different seed produces a different log', async () => {
  expect(JSON.stringify((await play('a')).log)).not.toBe(JSON.stringify((await play('b')).log))
})

test('calls through the SDK client and through emulator.api produce the same log', async () => {
  const { DescribeStreamCommand, GetRecordsCommand, GetShardIteratorCommand } = await import(
    '@aws-sdk/client-dynamodb-streams'
  )
  const direct = setUp({ seed: 5 }).emulator
  write(direct, 3)
  await describe(direct)
  await read(direct, await open(direct, root(direct)), 2)
  const wired = setUp({ seed: 5 }).emulator
  write(wired, 3)
  const client = wired.client()
  const StreamArn = wired.streamArn
  await client.send(new DescribeStreamCommand({ StreamArn }))
  const { shardId: ShardId } = root(wired)
  const { ShardIterator } = await client.send(
    new GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
  )
  await client.send(new GetRecordsCommand({ ShardIterator, Limit: 2 }))
  expect(JSON.stringify(wired.log)).toBe(JSON.stringify(direct.log))
})

test('the log contains writes, calls, results, and the effects of rules', async () => {
  const { clock, emulator } = setUp()
  const [shardId, at] = [root(emulator).shardId, clock.now()]
  const [first, second] = write(emulator, 2)
  const iterator = await open(emulator, shardId)
  const { nextIterator } = await read(emulator, iterator, 1)
  const child = emulator.roll()
  emulator.on('GetRecords', {}, { fail: 'ThrottlingException' })
  await read(emulator, nextIterator).catch(() => {})
  clock.jump(5)
  await read(emulator, nextIterator)
  await open(emulator, shardId, { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: second ?? '' })
  await describe(emulator, { childrenOf: shardId })
  expect(JSON.parse(JSON.stringify(emulator.log))).toEqual([
    { at, op: 'put', shard: shardId, position: first },
    { at, op: 'put', shard: shardId, position: second },
    { at, op: 'GetShardIterator', shard: shardId, position: 'TRIM_HORIZON' },
    { at, op: 'GetRecords', shard: shardId, position: 'start', records: 1, through: first },
    { at, op: 'roll', shard: shardId, shards: [child.shardId] },
    {
      at,
      op: 'GetRecords',
      shard: shardId,
      effect: 'fail=ThrottlingException',
      error: 'ThrottlingException',
    },
    { at: at + 5, op: 'GetRecords', shard: shardId, position: first, records: 1, through: second, end: true },
    { at: at + 5, op: 'GetShardIterator', shard: shardId, position: `AFTER_SEQUENCE_NUMBER ${second}` },
    { at: at + 5, op: 'DescribeStream', shard: shardId, shards: [child.shardId] },
  ])
})
