import { expect, test } from 'vitest'
import { hour, listedIds, minute, open, read, root, sequenceNumbers, setUp, write } from './helpers.ts'

test('TRIM_HORIZON reads from the first record, LATEST only what comes after', async () => {
  const { emulator } = setUp()
  const before = write(emulator, 3)
  const latest = await open(emulator, root(emulator), { type: 'LATEST' })
  const after = write(emulator, 2)
  const all = await read(emulator, await open(emulator, root(emulator)))
  expect(sequenceNumbers(all)).toEqual([...before, ...after])
  const page = await read(emulator, latest)
  expect(sequenceNumbers(page)).toEqual(after)
  expect(sequenceNumbers(await read(emulator, page.nextIterator))).toEqual([])
})

test("the answer has the service's clock, truncated to the second", async () => {
  const { clock, emulator } = setUp({ behavior: { clockSkewMs: 60_000 } })
  const iterator = await open(emulator, root(emulator))
  clock.jump(1_500)
  expect((await read(emulator, iterator)).serviceTime).toBe(Date.UTC(2026, 0, 1, 0, 1, 1))
})

test('AT begins with a sequence number, AFTER behind it, also where no record has it', async () => {
  const { emulator } = setUp({ sequenceNumbers: { maxGap: 1000 } })
  const written = write(emulator, 4)
  const from = async (type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER', sequenceNumber: string) =>
    sequenceNumbers(await read(emulator, await open(emulator, root(emulator), { type, sequenceNumber })))
  const second = written[1] ?? ''
  const between = String(BigInt(second) + 1n)
  expect(await from('AT_SEQUENCE_NUMBER', second)).toEqual(written.slice(1))
  expect(await from('AFTER_SEQUENCE_NUMBER', second)).toEqual(written.slice(2))
  expect(await from('AT_SEQUENCE_NUMBER', between)).toEqual(written.slice(2))
  expect(await from('AFTER_SEQUENCE_NUMBER', `000${second}`)).toEqual(written.slice(2))
})

test('a sequence number must have 21 to 40 digits, so its leading zeros must not be cut off', async () => {
  const { emulator } = setUp({ profile: 'local' })
  const written = write(emulator, 2)
  expect(written[0]).toMatch(/^0{20}\d$/)
  const from = (sequenceNumber: string) =>
    open(emulator, root(emulator), { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber })
  expect(sequenceNumbers(await read(emulator, await from(written[0] ?? '')))).toEqual(written.slice(1))
  for (const wrong of [String(BigInt(written[0] ?? '')), 'abc', '1'.repeat(41)]) {
    await expect(from(wrong)).rejects.toMatchObject({ name: 'ValidationException' })
  }
})

test('LATEST can point slightly before the end', async () => {
  const { emulator } = setUp({ behavior: { latestOffset: 2 } })
  const written = write(emulator, 5)
  const page = await read(emulator, await open(emulator, root(emulator), { type: 'LATEST' }))
  expect(sequenceNumbers(page)).toEqual(written.slice(3))
})

test('an iterator is good for 15 minutes, each for itself', async () => {
  const { clock, emulator } = setUp()
  const first = await open(emulator, root(emulator))
  clock.jump(14 * minute)
  const { nextIterator } = await read(emulator, first)
  clock.jump(1 * minute)
  await expect(read(emulator, first)).rejects.toMatchObject({ name: 'ExpiredIteratorException' })
  clock.jump(14 * minute - 1)
  await expect(read(emulator, nextIterator)).resolves.toBeDefined()
})

test('iterators can be made to expire now, all or those of one shard', async () => {
  const { emulator } = setUp({ shards: 2 })
  const [first = '', second = ''] = emulator.shards
  const ofFirst = await open(emulator, first)
  const ofSecond = await open(emulator, second)
  emulator.expireIterators(first)
  await expect(read(emulator, ofFirst)).rejects.toMatchObject({ name: 'ExpiredIteratorException' })
  const { nextIterator } = await read(emulator, ofSecond)
  emulator.expireIterators()
  await expect(read(emulator, nextIterator)).rejects.toMatchObject({ name: 'ExpiredIteratorException' })
  await expect(read(emulator, await open(emulator, first))).resolves.toBeDefined()
})

test('an iterator can be used again and gives the same', async () => {
  const { emulator } = setUp()
  const written = write(emulator, 3)
  const iterator = await open(emulator, root(emulator))
  expect(sequenceNumbers(await read(emulator, iterator, 2))).toEqual(written.slice(0, 2))
  expect(sequenceNumbers(await read(emulator, iterator, 2))).toEqual(written.slice(0, 2))
})

test.each(['', 'nonsense', 'arn|1|', 'arn|1|AAAA', 'arn|1|0.0.0.0.0.'])(
  'the iterator "%s" is refused',
  async (iterator) => {
    const { emulator } = setUp()
    await expect(read(emulator, iterator)).rejects.toMatchObject({ name: 'ValidationException' })
  },
)

test.each([0, 1001, 1.5])('the limit %d is refused', async (limit) => {
  const { emulator } = setUp()
  const iterator = await open(emulator, root(emulator))
  await expect(read(emulator, iterator, limit)).rejects.toMatchObject({ name: 'ValidationException' })
})

test('a page ends after 1000 records', async () => {
  const { emulator } = setUp()
  emulator.fill({ records: 1_500, bytes: 50 })
  const first = await read(emulator, await open(emulator, root(emulator)))
  expect(first.records).toHaveLength(1_000)
  expect((await read(emulator, first.nextIterator)).records).toHaveLength(500)
})

test('a page ends before 1 MB, and in the local profile it does not', async () => {
  const aws = setUp().emulator
  aws.fill({ records: 8, bytes: 400_000 })
  const sizes: number[] = []
  for (let iterator: string | undefined = await open(aws, root(aws)); sizes.length < 5; ) {
    const page = await read(aws, iterator)
    sizes.push(page.records.length)
    expect(page.bytes).toBeLessThanOrEqual(1024 * 1024)
    iterator = page.nextIterator
  }
  expect(sizes).toEqual([2, 2, 2, 2, 0])
  const local = setUp({ profile: 'local' }).emulator
  local.fill({ records: 8, bytes: 400_000 })
  expect((await read(local, await open(local, root(local)))).records).toHaveLength(8)
})

test('a record larger than a page comes alone', async () => {
  const { emulator } = setUp({ behavior: { bytesPerPage: 100 } })
  emulator.fill({ records: 2, bytes: 500 })
  expect((await read(emulator, await open(emulator, root(emulator)))).records).toHaveLength(1)
})

test('the last page of a closed shard has its records and no next iterator', async () => {
  const { emulator } = setUp()
  const written = write(emulator, 3)
  const iterator = await open(emulator, root(emulator))
  emulator.roll()
  const first = await read(emulator, iterator, 2)
  const last = await read(emulator, first.nextIterator, 2)
  expect(sequenceNumbers(last)).toEqual(written.slice(2))
  expect(last.nextIterator).toBeUndefined()
  expect(first.nextIterator).toBeDefined()
})

test('the end of a shard can come on one more empty page', async () => {
  const { emulator } = setUp({ behavior: { shardEnd: 'after-empty-page' } })
  write(emulator, 1)
  emulator.roll()
  const page = await read(emulator, await open(emulator, root(emulator)))
  expect(page.records).toHaveLength(1)
  expect(await read(emulator, page.nextIterator)).toMatchObject({ records: [], nextIterator: undefined })
})

test('a shard that was rolled while idle ends at once', async () => {
  const { emulator } = setUp()
  const iterator = await open(emulator, root(emulator), { type: 'LATEST' })
  emulator.roll()
  expect(await read(emulator, iterator)).toMatchObject({ records: [], nextIterator: undefined })
})

test('a child can be read before its parent is', async () => {
  const { emulator } = setUp()
  write(emulator, 1)
  const child = emulator.roll()
  const written = write(emulator, 2)
  expect(sequenceNumbers(await read(emulator, await open(emulator, child)))).toEqual(written)
})

test('an open shard can leave out the next iterator, while closed ones with more records give it', async () => {
  const { emulator } = setUp({ behavior: { openShardNextIterator: 'absent' } })
  write(emulator, 2)
  const iterator = await open(emulator, root(emulator))
  expect((await read(emulator, iterator)).nextIterator).toBeUndefined()
  emulator.roll()
  expect((await read(emulator, iterator, 1)).nextIterator).toBeDefined()
})

test('an iterator crosses empty pages before it reaches data, also at the end of a shard', async () => {
  const { emulator } = setUp({ behavior: { emptyPagesAtStart: 2 } })
  write(emulator, 1)
  emulator.roll()
  const sizes: number[] = []
  for (let next: string | undefined = await open(emulator, root(emulator)); next !== undefined; ) {
    const page = await read(emulator, next)
    sizes.push(page.records.length)
    next = page.nextIterator
  }
  expect(sizes).toEqual([0, 0, 1])
})

test('an idle shard that was closed ends only behind its empty pages', async () => {
  const { emulator } = setUp({ behavior: { emptyPagesAtStart: 1 } })
  emulator.roll()
  const crossed = await read(emulator, await open(emulator, root(emulator)))
  expect(crossed.nextIterator).toBeDefined()
  expect((await read(emulator, crossed.nextIterator)).nextIterator).toBeUndefined()
})

test('a record can be read only after the read lag, and the shard ends no sooner', async () => {
  const { clock, emulator } = setUp({ behavior: { readLagMs: 500 } })
  write(emulator, 1)
  emulator.roll()
  const early = await read(emulator, await open(emulator, root(emulator)))
  expect(early.records).toHaveLength(0)
  clock.jump(500)
  const late = await read(emulator, early.nextIterator)
  expect([late.records.length, late.nextIterator]).toEqual([1, undefined])
})

test('records are trimmed after 24 hours, and a closed shard is forgotten with its last', async () => {
  const { clock, emulator } = setUp()
  const [first = ''] = write(emulator, 1)
  clock.jump(1 * hour)
  const [second] = write(emulator, 1)
  const parent = root(emulator)
  const iterator = await open(emulator, parent)
  emulator.roll()
  clock.jump(23 * hour + 1)
  emulator.setBehavior({ iteratorLifeMs: Number.POSITIVE_INFINITY })
  const after = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: first } as const
  expect(sequenceNumbers(await read(emulator, await open(emulator, parent)))).toEqual([second])
  expect(sequenceNumbers(await read(emulator, await open(emulator, parent, after)))).toEqual([second])
  expect(emulator.records.map(({ trimmed }) => trimmed)).toEqual([true, false])
  await expect(read(emulator, iterator)).rejects.toMatchObject({ name: 'TrimmedDataAccessException' })
  expect(await listedIds(emulator)).toHaveLength(2)
  clock.jump(1 * hour)
  expect(await listedIds(emulator)).toHaveLength(1)
  await expect(open(emulator, parent)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
})

test('a position before what is trimmed is told at GetShardIterator, or only at GetRecords', async () => {
  const { emulator } = setUp()
  const written = write(emulator, 4)
  emulator.trim({ shard: root(emulator), through: written[1] })
  const start = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: written[0] ?? '' } as const
  await expect(open(emulator, root(emulator), start)).rejects.toMatchObject({
    name: 'TrimmedDataAccessException',
  })
  emulator.setBehavior({ trimmedErrorAt: 'at-records' })
  const iterator = await open(emulator, root(emulator), start)
  await expect(read(emulator, iterator)).rejects.toMatchObject({ name: 'TrimmedDataAccessException' })
})

test('records can be trimmed between two calls', async () => {
  const { emulator } = setUp()
  const written = write(emulator, 4)
  const { nextIterator } = await read(emulator, await open(emulator, root(emulator)), 1)
  expect(emulator.trim({ shard: root(emulator), through: written[2] })).toBe(3)
  await expect(read(emulator, nextIterator)).rejects.toMatchObject({ name: 'TrimmedDataAccessException' })
  expect(sequenceNumbers(await read(emulator, await open(emulator, root(emulator))))).toEqual(
    written.slice(3),
  )
})

test('trimming by time takes records and closed shards of before', async () => {
  const { clock, emulator } = setUp()
  write(emulator, 2)
  const old = root(emulator)
  emulator.roll()
  clock.jump(10 * minute)
  write(emulator, 1)
  expect(emulator.trim({ before: clock.now() })).toBe(2)
  expect(emulator.shard(old).removed).toBe(true)
  expect(await listedIds(emulator)).toHaveLength(1)
})

test('a shard whose records are all trimmed can be read on', async () => {
  const { emulator } = setUp()
  write(emulator, 2)
  emulator.trim({ shard: root(emulator) })
  expect((await read(emulator, await open(emulator, root(emulator)))).records).toEqual([])
})

test('where it is refused, there is no iterator for it until the next write', async () => {
  const { emulator } = setUp({ behavior: { fullyTrimmedShard: 'refused' } })
  write(emulator, 2)
  emulator.trim({ shard: root(emulator) })
  for (const type of ['TRIM_HORIZON', 'LATEST'] as const) {
    await expect(open(emulator, root(emulator), { type })).rejects.toMatchObject({
      name: 'TrimmedDataAccessException',
    })
  }
  const written = write(emulator, 1)
  expect(sequenceNumbers(await read(emulator, await open(emulator, root(emulator))))).toEqual(written)
})

test('in the local profile it cannot be read, also at the tip, until the next write', async () => {
  const { emulator } = setUp({ profile: 'local' })
  write(emulator, 2)
  const tip = (await read(emulator, await open(emulator, root(emulator)))).nextIterator
  emulator.trim({ shard: root(emulator) })
  for (const start of [await open(emulator, root(emulator)), tip]) {
    await expect(read(emulator, start)).rejects.toMatchObject({ name: 'TrimmedDataAccessException' })
  }
  const written = write(emulator, 1)
  expect(sequenceNumbers(await read(emulator, tip))).toEqual(written)
})

test('a forgotten shard can be shown again, and cannot be read', async () => {
  const { emulator } = setUp()
  const old = root(emulator)
  emulator.roll()
  emulator.trim({ shard: old })
  expect(await listedIds(emulator)).not.toContain(old.shardId)
  emulator.showAgain(old)
  expect(await listedIds(emulator)).toContain(old.shardId)
  await expect(open(emulator, old)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
})

test('the local profile lists expired shards on', async () => {
  const { clock, emulator } = setUp({ profile: 'local' })
  const old = root(emulator)
  emulator.roll()
  clock.jump(25 * hour)
  expect(await listedIds(emulator)).toContain(old.shardId)
  const iterator = await open(emulator, old)
  await expect(read(emulator, iterator)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
})

test('a clock that is set back lets nothing expire and loses nothing', async () => {
  const { clock, emulator } = setUp()
  const written = write(emulator, 1)
  const iterator = await open(emulator, root(emulator))
  clock.jump(-2 * hour)
  written.push(...write(emulator, 1))
  expect(sequenceNumbers(await read(emulator, iterator))).toEqual(written)
  expect(emulator.records[1]?.createdAt).toBeLessThan(emulator.records[0]?.createdAt ?? 0)
})

test("the service's clock can be ahead of ours", async () => {
  const { clock, emulator } = setUp({ behavior: { clockSkewMs: 10 * minute } })
  expect(emulator.put({ id: 'a' })?.createdAt).toBe(clock.now() + 10 * minute)
  const iterator = await open(emulator, root(emulator))
  emulator.setBehavior({ clockSkewMs: 26 * minute })
  await expect(read(emulator, iterator)).rejects.toMatchObject({ name: 'ExpiredIteratorException' })
})
