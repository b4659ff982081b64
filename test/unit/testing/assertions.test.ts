import { expect, test } from 'vitest'
import {
  compareDelivery,
  expectAtMostCalls,
  expectAtMostDescribeCalls,
  expectDelivered,
  expectParentsBeforeChildren,
} from '../../../src/testing/index.ts'
import { describe, open, read, root, setUp, write } from './helpers.ts'

async function familyOfTwo() {
  const { clock, emulator } = setUp()
  write(emulator, 2)
  const parent = root(emulator)
  const child = emulator.roll()
  write(emulator, 2)
  return { clock, emulator, parent, child }
}

test('expectParentsBeforeChildren() accepts a child that is read after the end of its parent', async () => {
  const { emulator, parent, child } = await familyOfTwo()
  const { nextIterator } = await read(emulator, await open(emulator, parent), 1)
  const ofChild = await open(emulator, child)
  await read(emulator, nextIterator, 1)
  await read(emulator, ofChild)
  expectParentsBeforeChildren(emulator.log, { everyParent: true })
})

test('expectParentsBeforeChildren() throws if a child is read before the end of its parent', async () => {
  const { emulator, parent, child } = await familyOfTwo()
  await read(emulator, await open(emulator, parent), 1)
  await read(emulator, await open(emulator, child))
  expect(() => expectParentsBeforeChildren(emulator.log)).toThrow(
    `${child.shardId} was read before the end of its parent ${parent.shardId}`,
  )
})

test('the end of a parent does not count if the response with its last page was lost', async () => {
  const { emulator, parent, child } = await familyOfTwo()
  emulator.on('GetRecords', {}, { reset: 'after' })
  await read(emulator, await open(emulator, parent)).catch(() => {})
  await read(emulator, await open(emulator, child))
  expect(() => expectParentsBeforeChildren(emulator.log)).toThrow('before the end of its parent')
})

test('a parent that was never opened is reported only with everyParent', async () => {
  const { emulator, child } = await familyOfTwo()
  await read(emulator, await open(emulator, child))
  expectParentsBeforeChildren(emulator.log)
  expect(() => expectParentsBeforeChildren(emulator.log, { everyParent: true })).toThrow('before the end')
})

test('a parent that is read after its child is reported, unless the consumer was restarted', async () => {
  const { emulator, parent, child } = await familyOfTwo()
  await read(emulator, await open(emulator, parent))
  await read(emulator, await open(emulator, child))
  const restart = emulator.log.length
  emulator.consumerRestarted()
  await read(emulator, await open(emulator, parent))
  expectParentsBeforeChildren(emulator.log)
  const withoutRestart = emulator.log.filter((_, index) => index !== restart)
  expect(() => expectParentsBeforeChildren(withoutRestart)).toThrow('was read after its child')
})

test('expectAtMostDescribeCalls() throws for too many calls within any second', async () => {
  const { clock, emulator } = setUp()
  for (let call = 0; call < 5; call++) {
    await describe(emulator)
    clock.jump(200)
  }
  await open(emulator, root(emulator))
  expectAtMostDescribeCalls(emulator.log, 5)
  clock.jump(-1)
  await describe(emulator)
  expect(() => expectAtMostDescribeCalls(emulator.log, 5)).toThrow(
    'DescribeStream was called more than 5 times',
  )
  expectAtMostCalls(emulator.log, 'GetShardIterator', 1)
})

test('expectDelivered() accepts a complete delivery in any order of shards', () => {
  const { emulator } = setUp({ shards: 4 })
  write(emulator, 50)
  const byShard = emulator.records.toSorted((a, b) =>
    a.shardId < b.shardId ? -1 : a.shardId > b.shardId ? 1 : 0,
  )
  expectDelivered(emulator.records, byShard)
})

test('compareDelivery() reports lost, repeated, out-of-order and never written records', () => {
  const { emulator } = setUp()
  for (let n = 0; n < 5; n++) emulator.put({ id: 'a', n })
  const [r0, r1, r2, r3, r4] = emulator.records as [never, never, never, never, never]
  const unknown = { shardId: 'shardId-x', sequenceNumber: '1' }
  const report = compareDelivery(emulator.records, [r0, r2, r1, r2, r4, unknown])
  expect(report).toEqual({
    written: 5,
    delivered: 6,
    lost: [r3],
    repeated: [r2],
    outOfOrder: [r1],
    unknown: [unknown],
  })
  expect(() => expectDelivered(emulator.records, [r0, r2, r1, r2, r4])).toThrow('1 lost')
  expect(() => expectDelivered(emulator.records, [r0, r1, r2, r3, r4, r4])).toThrow('1 repeated')
  expectDelivered(emulator.records, [r0, r1, r2, r3, r4, r4], { repetitions: 'allowed' })
})

test('compareDelivery() checks the order of an item across a split', () => {
  const { emulator } = setUp()
  emulator.put({ id: 'a', n: 1 })
  emulator.split()
  emulator.put({ id: 'a', n: 2 })
  expect(compareDelivery(emulator.records, emulator.records.toReversed()).outOfOrder).toHaveLength(1)
})

test('a record that was trimmed before it was read is not reported as lost', () => {
  const { emulator } = setUp()
  write(emulator, 2)
  emulator.trim({ shard: root(emulator) })
  expectDelivered(emulator.records, [])
})
