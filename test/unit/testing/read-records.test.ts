import { expect, test } from 'vitest'
import { hour, listedIds, minute, open, read, root, sequenceNumbers, setUp, write } from './helpers.ts'

test('TRIM_HORIZON reads from the first record, and LATEST reads only later records', async () => {
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

test("the serviceTime of a page is the time on the service's clock, truncated to the second", async () => {
  const { clock, emulator } = setUp({ behavior: { clockSkewMs: 60_000 } })
  const iterator = await open(emulator, root(emulator))
  clock.jump(1_500)
  expect((await read(emulator, iterator)).serviceTime).toBe(Date.UTC(2026, 0, 1, 0, 1, 1))
})

test('AT_SEQUENCE_NUMBER starts at a number and AFTER_SEQUENCE_NUMBER after it, even if no record has it', async () => {
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

test('a sequence number must have 21 to 40 digits, including its leading zeros', async () => {
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

test('LATEST can start before the end of the shard', async () => {
  const { emulator } = setUp({ behavior: { latestOffset: 2 } })
  const written = write(emulator, 5)
  const page = await read(emulator, await open(emulator, root(emulator), { type: 'LATEST' }))
  expect(sequenceNumbers(page)).toEqual(written.slice(3))
})

test('every iterator expires 15 minutes after it was issued', async () => {
  const { clock, emulator } = setUp()
  const first = await open(emulator, root(emulator))
  clock.jump(14 * minute)
  const { nextIterator } = await read(emulator, first)
  clock.jump(1 * minute)
  await expect(read(emulator, first)).rejects.toMatchObject({ name: 'ExpiredIteratorException' })
  clock.jump(14 * minute - 1)
  await expect(read(emulator, nextIterator)).resolves.toBeDefined()
})

test('expireIterators() expires all iterators or those of one shard', async () => {
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

test('an iterator can be used again and returns the same records', async () => {
  const { emulator } = setUp()
  const written = write(emulator, 3)
  const iterator = await open(emulator, root(emulator))
  expect(sequenceNumbers(await read(emulator, iterator, 2))).toEqual(written.slice(0, 2))
  expect(sequenceNumbers(await read(emulator, iterator, 2))).toEqual(written.slice(0, 2))
})

test.each(['', 'nonsense', 'arn|1|', 'arn|1|AAAA', 'arn|1|0.0.0.0.0.'])(
  'the invalid iterator "%s" is refused',
  async (iterator) => {
    const { emulator } = setUp()
    await expect(read(emulator, iterator)).rejects.toMatchObject({ name: 'ValidationException' })
  },
)

test.each([0, 1001, 1.5])('GetRecords refuses the limit %d', async (limit) => {
  const { emulator } = setUp()
  const iterator = await open(emulator, root(emulator))
  await expect(read(emulator, iterator, limit)).rejects.toMatchObject({ name: 'ValidationException' })
})

test('a page has at most 1000 records', async () => {
  const { emulator } = setUp()
  emulator.fill({ records: 1_500, bytes: 50 })
  const first = await read(emulator, await open(emulator, root(emulator)))
  expect(first.records).toHaveLength(1_000)
  expect((await read(emulator, first.nextIterator)).records).toHaveLength(500)
})

test('a page has at most 1 MiB, except in the local profile', async () => {
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

test('a record that is larger than a page is returned by itself', async () => {
  const { emulator } = setUp({ behavior: { bytesPerPage: 100 } })
  emulator.fill({ records: 2, bytes: 500 })
  expect((await read(emulator, await open(emulator, root(emulator)))).records).toHaveLength(1)
})

test('the page with the last records of a closed shard has no next iterator', async () => {
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

test('the end of a shard can be indicated by one more, empty page', async () => {
  const { emulator } = setUp({ behavior: { shardEnd: 'after-empty-page' } })
  write(emulator, 1)
  emulator.roll()
  const page = await read(emulator, await open(emulator, root(emulator)))
  expect(page.records).toHaveLength(1)
  expect(await read(emulator, page.nextIterator)).toMatchObject({ records: [], nextIterator: undefined })
})

test('a shard that was rolled while idle ends on the next page', async () => {
  const { emulator } = setUp()
  const iterator = await open(emulator, root(emulator), { type: 'LATEST' })
  emulator.roll()
  expect(await read(emulator, iterator)).toMatchObject({ records: [], nextIterator: undefined })
})

test('a child shard can be read before its parent', async () => {
  const { emulator } = setUp()
  write(emulator, 1)
  const child = emulator.roll()
  const written = write(emulator, 2)
  expect(sequenceNumbers(await read(emulator, await open(emulator, child)))).toEqual(written)
})

test('the next iterator of an open shard can be absent, but not that of a closed shard with more records', async () => {
  const { emulator } = setUp({ behavior: { openShardNextIterator: 'absent' } })
  write(emulator, 2)
  const iterator = await open(emulator, root(emulator))
  expect((await read(emulator, iterator)).nextIterator).toBeUndefined()
  emulator.roll()
  expect((await read(emulator, iterator, 1)).nextIterator).toBeDefined()
})

test('an iterator returns emptyPagesAtStart empty pages before the records, also in a closed shard', async () => {
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

test('a closed shard without records ends only after its empty pages', async () => {
  const { emulator } = setUp({ behavior: { emptyPagesAtStart: 1 } })
  emulator.roll()
  const emptyPage = await read(emulator, await open(emulator, root(emulator)))
  expect(emptyPage.nextIterator).toBeDefined()
  expect((await read(emulator, emptyPage.nextIterator)).nextIterator).toBeUndefined()
})

test('a record becomes readable after readLagMs, and the shard does not end before', async () => {
  const { clock, emulator } = setUp({ behavior: { readLagMs: 500 } })
  write(emulator, 1)
  emulator.roll()
  const early = await read(emulator, await open(emulator, root(emulator)))
  expect(early.records).toHaveLength(0)
  clock.jump(500)
  const late = await read(emulator, early.nextIterator)
  expect([late.records.length, late.nextIterator]).toEqual([1, undefined])
})

test('records are trimmed after 24 hours, and a closed shard expires with its last record', async () => {
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

test('a trimmed sequence number is refused by GetShardIterator or, if configured, by GetRecords', async () => {
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

test('an iterator fails if its records are trimmed between two calls', async () => {
  const { emulator } = setUp()
  const written = write(emulator, 4)
  const { nextIterator } = await read(emulator, await open(emulator, root(emulator)), 1)
  expect(emulator.trim({ shard: root(emulator), through: written[2] })).toBe(3)
  await expect(read(emulator, nextIterator)).rejects.toMatchObject({ name: 'TrimmedDataAccessException' })
  expect(sequenceNumbers(await read(emulator, await open(emulator, root(emulator))))).toEqual(
    written.slice(3),
  )
})

test('trim() by time trims older records and expires shards that were closed before', async () => {
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

test('an open shard whose records have all been trimmed can still be read', async () => {
  const { emulator } = setUp()
  write(emulator, 2)
  emulator.trim({ shard: root(emulator) })
  expect((await read(emulator, await open(emulator, root(emulator)))).records).toEqual([])
})

test('with fullyTrimmedShard refused, GetShardIterator fails until the next write', async () => {
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

test('a fully trimmed shard in the local profile cannot be read until the next write, even at the tip', async () => {
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

test('showAgain() lists an expired shard again, but the shard cannot be read', async () => {
  const { emulator } = setUp()
  const old = root(emulator)
  emulator.roll()
  emulator.trim({ shard: old })
  expect(await listedIds(emulator)).not.toContain(old.shardId)
  emulator.showAgain(old)
  expect(await listedIds(emulator)).toContain(old.shardId)
  await expect(open(emulator, old)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
})

test('the local profile still lists expired shards', async () => {
  const { clock, emulator } = setUp({ profile: 'local' })
  const old = root(emulator)
  emulator.roll()
  clock.jump(25 * hour)
  expect(await listedIds(emulator)).toContain(old.shardId)
  const iterator = await open(emulator, old)
  await expect(read(emulator, iterator)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
})

test('a clock that is set back expires no iterator and loses no record', async () => {
  const { clock, emulator } = setUp()
  const written = write(emulator, 1)
  const iterator = await open(emulator, root(emulator))
  clock.jump(-2 * hour)
  written.push(...write(emulator, 1))
  expect(sequenceNumbers(await read(emulator, iterator))).toEqual(written)
  expect(emulator.records[1]?.createdAt).toBeLessThan(emulator.records[0]?.createdAt ?? 0)
})

test("the service's clock can be ahead of the local clock", async () => {
  const { clock, emulator } = setUp({ behavior: { clockSkewMs: 10 * minute } })
  expect(emulator.put({ id: 'a' })?.createdAt).toBe(clock.now() + 10 * minute)
  const iterator = await open(emulator, root(emulator))
  emulator.setBehavior({ clockSkewMs: 26 * minute })
  await expect(read(emulator, iterator)).rejects.toMatchObject({ name: 'ExpiredIteratorException' })
})
