import { expect, test } from 'vitest'
import { root, setUp, write } from './helpers.ts'

test('after a split, a key belongs to exactly one of the children', () => {
  const { emulator } = setUp()
  const before = emulator.put({ id: 'a', n: 1 })
  const children = emulator.split()
  const after = emulator.put({ id: 'a', n: 2 })
  expect(before?.shardId).toBe(root(emulator).shardId)
  expect(children.map(({ shardId }) => shardId)).toContain(after?.shardId)
  expect(emulator.put({ id: 'a', n: 3 })?.shardId).toBe(after?.shardId)
})

test('items with the same partition key are in the same shard, whatever their sort key', () => {
  const { emulator } = setUp({ shards: 8, keySchema: { hash: 'customer', range: 'order' } })
  for (let order = 0; order < 20; order++) emulator.put({ customer: 'c', order })
  expect(new Set(emulator.records.map(({ shardId }) => shardId)).size).toBe(1)
  expect(new Set(emulator.records.map(({ keyText }) => keyText)).size).toBe(20)
  expect(emulator.records[3]?.key).toEqual({ customer: 'c', order: 3 })
})

test('all root shards and all children of a split receive writes', () => {
  const { emulator } = setUp({ shards: 3 })
  const children = emulator.split(root(emulator), 5)
  write(emulator, 500)
  const used = new Set(emulator.records.map(({ shardId }) => shardId))
  expect(children).toHaveLength(5)
  expect([...used].sort()).toEqual(emulator.openShards.map(({ shardId }) => shardId).sort())
})

test('hundreds of rolls produce a lineage from one root to one open shard', () => {
  const { emulator } = setUp()
  for (let generation = 0; generation < 300; generation++) emulator.roll()
  const last = emulator.put({ id: 'a' })
  expect(emulator.shards).toHaveLength(301)
  expect(emulator.openShards.map(({ shardId }) => shardId)).toEqual([last?.shardId])
  let lineage = 1
  for (
    let shard = emulator.shard(last?.shardId ?? '');
    shard.parentId;
    shard = emulator.shard(shard.parentId)
  )
    lineage++
  expect(lineage).toBe(301)
})

test('if a shard is too narrow to divide, one of its children receives the writes', () => {
  const { emulator } = setUp()
  for (let depth = 0; depth < 80; depth++) emulator.split(emulator.put({ id: 'a', depth }))
  expect(emulator.records).toHaveLength(80)
  expect(emulator.put({ id: 'a', depth: 'last' })?.shardId).toBe(
    emulator.openShards.find(({ from, to }) => from < to && to - from < 1e-14)?.shardId,
  )
})

test('shard ids contain the time of creation and sort by it', () => {
  const { clock, emulator } = setUp()
  clock.jump(5_000)
  const child = emulator.roll()
  expect(root(emulator).shardId).toMatch(/^shardId-00000001767225600000-[0-9a-f]{8}$/)
  expect(child.shardId).toMatch(/^shardId-00000001767225605000-[0-9a-f]{8}$/)
})

test('sequence numbers increase with gaps along a lineage, from the start of a shard to its end', () => {
  const { emulator } = setUp({ seed: 7 })
  write(emulator, 3)
  const [child] = emulator.split()
  emulator.put({ id: emulator.keyForShard(child ?? '') })
  const parent = emulator.shard(root(emulator))
  const last = emulator.records.at(-1)
  const numbers = [
    parent.startingSequenceNumber,
    ...emulator.records.slice(0, 3).map(({ sequenceNumber }) => sequenceNumber),
    parent.endingSequenceNumber ?? '',
    child?.startingSequenceNumber ?? '',
    last?.sequenceNumber ?? '',
  ].map(BigInt)
  expect(numbers.every((number, place) => place === 0 || number > (numbers[place - 1] ?? 0n))).toBe(true)
  expect(parent.startingSequenceNumber).toMatch(/^\d{21}$/)
  expect(child?.endingSequenceNumber).toBeUndefined()
})

test('sequence numbers can increase in length and have leading zeros', () => {
  const start = '9'.repeat(21)
  const crossing = setUp({ sequenceNumbers: { start, maxGap: 1 } }).emulator
  expect(write(crossing, 2)).toEqual(['1000000000000000000000', '1000000000000000000001'])
  const padded = setUp({ sequenceNumbers: { start, maxGap: 1, digits: 40 } }).emulator
  expect(write(padded, 1)).toEqual([`${'0'.repeat(18)}1000000000000000000000`])
})

test('a write that changes nothing produces no record', () => {
  const { emulator } = setUp()
  const item = { id: 'a', set: new Set(['x', 'y']), deep: { list: [1, { bytes: new Uint8Array([1]) }] } }
  expect(emulator.put(item)).toBeDefined()
  expect(emulator.put({ ...item, set: new Set(['y', 'x']) })).toBeUndefined()
  expect(emulator.update({ id: 'a' }, { gone: undefined })).toBeUndefined()
  expect(emulator.remove({ id: 'b' })).toBeUndefined()
  expect(emulator.put({ ...item, deep: { list: [1, { bytes: new Uint8Array([2]) }] } })).toBeDefined()
  expect(emulator.records.map(({ eventName }) => eventName)).toEqual(['INSERT', 'MODIFY'])
})

test('update() keeps the other attributes and removes attributes that are set to undefined', () => {
  const { emulator } = setUp()
  emulator.put({ id: 'a', kept: 1, gone: 2 })
  const record = emulator.update({ id: 'a' }, { gone: undefined, added: 3 })
  expect(record?.raw.dynamodb?.NewImage).toEqual({ id: { S: 'a' }, kept: { N: '1' }, added: { N: '3' } })
  expect(record?.raw.dynamodb?.OldImage).toEqual({ id: { S: 'a' }, kept: { N: '1' }, gone: { N: '2' } })
})

test.each([
  ['KEYS_ONLY', false, false],
  ['NEW_IMAGE', true, false],
  ['OLD_IMAGE', false, true],
  ['NEW_AND_OLD_IMAGES', true, true],
] as const)('a record contains the images that the view type %s specifies', (viewType, hasNew, hasOld) => {
  const { emulator } = setUp({ viewType })
  emulator.put({ id: 'a', n: 1 })
  const dynamodb = emulator.put({ id: 'a', n: 2 })?.raw.dynamodb
  expect([dynamodb?.NewImage !== undefined, dynamodb?.OldImage !== undefined]).toEqual([hasNew, hasOld])
  expect(dynamodb?.Keys).toEqual({ id: { S: 'a' } })
  expect(dynamodb?.StreamViewType).toBe(viewType)
})

test('a delete by TTL is marked with the identity of the service, except in the local profile', () => {
  const marked = setUp().emulator
  marked.put({ id: 'a' })
  const { raw } = marked.remove({ id: 'a' }, { ttl: true }) ?? {}
  expect(raw?.eventName).toBe('REMOVE')
  expect(raw?.userIdentity).toEqual({ Type: 'Service', PrincipalId: 'dynamodb.amazonaws.com' })
  const local = setUp({ profile: 'local' }).emulator
  local.put({ id: 'a' })
  const unmarked = local.remove({ id: 'a' }, { ttl: true })?.raw
  expect(unmarked?.eventName).toBe('UNKNOWN_TO_SDK_VERSION')
  expect(unmarked?.userIdentity).toBeUndefined()
})

test('ApproximateCreationDateTime can be truncated to the second or minute, shifted, set or omitted', () => {
  const { clock, emulator } = setUp()
  clock.jump(90_750)
  const start = Date.UTC(2026, 0, 1)
  const createdAt = (id: string, options = {}) => emulator.put({ id }, options)?.createdAt
  expect(createdAt('second')).toBe(start + 90_000)
  expect(createdAt('set', { createdAt: new Date(start - 5_500) })).toBe(start - 6_000)
  emulator.setBehavior({ timestamps: 'minute' })
  expect(createdAt('minute')).toBe(start + 60_000)
  emulator.setBehavior({ timestamps: 'missing' })
  expect(emulator.put({ id: 'missing' })?.raw.dynamodb).not.toHaveProperty('ApproximateCreationDateTime')
  emulator.setBehavior({ timestamps: 'second', timestampJitterMs: 30_000 })
  const shifted = Array.from({ length: 50 }, (_, n) => createdAt(`shifted-${n}`) ?? 0)
  expect(Math.min(...shifted)).toBeLessThan(start + 85_000)
  expect(Math.max(...shifted)).toBeGreaterThan(start + 95_000)
  expect(shifted).not.toEqual(shifted.toSorted((a, b) => a - b))
})

test('optional members can be omitted from records, and unknown members added', () => {
  const { emulator } = setUp({ behavior: { omitFromRecords: ['eventVersion', 'SizeBytes', 'NewImage'] } })
  const raw = emulator.put({ id: 'a' }, { eventName: 'ARCHIVE', unknownFields: { Future: { deep: 1 } } })?.raw
  expect(raw).not.toHaveProperty('eventVersion')
  expect(Object.keys(raw?.dynamodb ?? {}).sort()).toEqual([
    'ApproximateCreationDateTime',
    'Future',
    'Keys',
    'SequenceNumber',
    'StreamViewType',
  ])
  expect(raw).toMatchObject({ eventName: 'ARCHIVE', Future: { deep: 1 } })
})

test('keyForShard() finds several keys for every shard', () => {
  const { emulator } = setUp({ shards: 4 })
  for (const shard of emulator.openShards) {
    const keys = [0, 1, 2].map((n) => emulator.keyForShard(shard, n))
    expect(new Set(keys).size).toBe(3)
    for (const id of keys) expect(emulator.put({ id })?.shardId).toBe(shard.shardId)
  }
})

test('fill() writes many items with a single log entry', () => {
  const { emulator } = setUp({ shards: 2 })
  expect(emulator.fill({ records: 1_000, bytes: 500 })).toBe(1_000)
  expect(emulator.fill({ records: 10, item: (n) => ({ id: `mine-${n % 5}`, n }) })).toBe(10)
  expect(emulator.fill({ records: 1_000 })).toBe(1_000)
  expect(emulator.log.map(({ op, records }) => [op, records])).toEqual([
    ['fill', 1_000],
    ['fill', 10],
    ['fill', 1_000],
  ])
  expect(emulator.records[0]?.raw.dynamodb?.SizeBytes).toBeGreaterThan(450)
  expect(emulator.records[0]?.raw.dynamodb?.SizeBytes).toBeLessThan(550)
})

test('a key that is not a string, a number or binary is refused', () => {
  const { emulator } = setUp({ keySchema: { hash: 'id', range: 'at' } })
  const message = (name: string) => `The key attribute ${name} is not a string, a number or binary`
  for (const id of [{}, [], true, null, new Set(['a'])]) {
    expect(() => emulator.put({ id, at: 1 })).toThrow(new TypeError(message('id')))
  }
  expect(() => emulator.remove({ id: 'a', at: {} })).toThrow(message('at'))
  expect(() => emulator.fill({ records: 1, item: () => ({ id: 'a', at: [] }) })).toThrow(message('at'))
  expect(emulator.records).toEqual([])
  expect(emulator.put({ id: new Uint8Array([1]), at: 1n })).toBeDefined()
})

test('an item without its key and an unknown or closed shard are refused', () => {
  const { emulator } = setUp()
  expect(() => emulator.put({ name: 'a' })).toThrow(TypeError)
  expect(() => emulator.split('shardId-unknown')).toThrow(RangeError)
  emulator.roll(root(emulator))
  expect(() => emulator.roll(root(emulator))).toThrow('is already closed')
  expect(() => emulator.split(undefined, 0)).toThrow(expect.objectContaining({ code: 'options.invalid' }))
})

test('after closeShard(), only writes of the keys of that shard produce no records', () => {
  const { emulator } = setUp({ shards: 3 })
  const keys = emulator.openShards.map((shard) => emulator.keyForShard(shard))
  const [left, middle, right] = emulator.openShards.map(({ shardId }) => shardId)
  emulator.closeShard(middle)
  expect(keys.map((id) => emulator.put({ id })?.shardId)).toEqual([left, undefined, right])
  emulator.closeShard(left)
  expect(keys.map((id) => emulator.put({ id, n: 2 })?.shardId)).toEqual([undefined, undefined, right])
})

test('a write throws if no shard is open, unless the stream is disabled', () => {
  const { emulator } = setUp()
  emulator.closeShard()
  for (const write of [
    () => emulator.put({ id: 'a' }),
    () => emulator.update({ id: 'a' }, { n: 1 }),
    () => emulator.remove({ id: 'a' }),
    () => emulator.fill({ records: 1 }),
    () => emulator.split(),
  ])
    expect(write).toThrow('The table has no open shard. Call disable() and enable() to start a new stream')
  emulator.disable()
  expect(emulator.put({ id: 'a' })).toBeUndefined()
  emulator.enable()
  expect(emulator.put({ id: 'a', n: 1 })).toMatchObject({ eventName: 'MODIFY' })
})
