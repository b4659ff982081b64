import { expect, test } from 'vitest'
import { describe, open, read, root, sequenceNumbers, setUp, write } from './helpers.ts'

test('a rule applies once, to the first call that matches', async () => {
  const { emulator } = setUp()
  emulator.on('DescribeStream', {}, { fail: 'InternalServerError' })
  await expect(open(emulator, root(emulator))).resolves.toBeDefined()
  await expect(describe(emulator)).rejects.toMatchObject({
    name: 'InternalServerError',
    $fault: 'server',
    $metadata: { httpStatusCode: 500 },
  })
  await expect(describe(emulator)).resolves.toBeDefined()
})

test('a rule for the n-th call skips the earlier ones and applies as often as specified', async () => {
  const { emulator } = setUp()
  emulator.on('DescribeStream', { nth: 3, times: 2 }, { fail: 'ThrottlingException' })
  const outcomes = []
  for (let call = 0; call < 6; call++)
    outcomes.push(
      await describe(emulator).then(
        () => 'ok',
        (error) => error.name,
      ),
    )
  expect(outcomes).toEqual(['ok', 'ok', 'ThrottlingException', 'ThrottlingException', 'ok', 'ok'])
})

test('a rule for a shard does not affect the other shards', async () => {
  const { emulator } = setUp({ shards: 2 })
  const [first = '', second = ''] = emulator.shards
  emulator.on('GetRecords', { shard: first, times: 2 }, { fail: 'LimitExceededException' })
  const ofFirst = await open(emulator, first)
  await expect(read(emulator, await open(emulator, second))).resolves.toBeDefined()
  await expect(read(emulator, ofFirst)).rejects.toMatchObject({ name: 'LimitExceededException' })
  await expect(read(emulator, ofFirst)).rejects.toMatchObject({ name: 'LimitExceededException' })
  await expect(read(emulator, ofFirst)).resolves.toBeDefined()
})

test('a rule without a limit applies until it is removed', async () => {
  const { emulator } = setUp()
  const removeRule = emulator.on('*', { times: Number.POSITIVE_INFINITY }, { fail: 'InternalFailure' })
  for (let call = 0; call < 5; call++)
    await expect(describe(emulator)).rejects.toMatchObject({ name: 'InternalFailure' })
  removeRule()
  await expect(describe(emulator)).resolves.toBeDefined()
})

test('a rule with a chance applies to about that share of the calls, and to the same ones for the same seed', async () => {
  const play = async (seed: number) => {
    const { emulator } = setUp({ seed })
    emulator.on('DescribeStream', { chance: 0.3 }, { fail: 'ThrottlingException' })
    const failed: number[] = []
    for (let call = 0; call < 300; call++) await describe(emulator).catch(() => failed.push(call))
    return failed
  }
  const failed = await play(1)
  expect(failed.length).toBeGreaterThan(60)
  expect(failed.length).toBeLessThan(120)
  expect(await play(1)).toEqual(failed)
  expect(await play(2)).not.toEqual(failed)
})

test('a rule can change the behavior of the service for a single call', async () => {
  const { emulator } = setUp()
  const written = write(emulator, 4)
  const iterator = await open(emulator, root(emulator))
  emulator.on('GetRecords', { nth: 1 }, { emptyPage: true })
  emulator.on('GetRecords', { nth: 2 }, { repeatPage: true, recordsPerPage: 2 })
  const empty = await read(emulator, iterator)
  const once = await read(emulator, empty.nextIterator)
  const again = await read(emulator, once.nextIterator)
  expect(sequenceNumbers(empty)).toEqual([])
  expect(sequenceNumbers(once)).toEqual(written.slice(0, 2))
  expect(sequenceNumbers(again)).toEqual(written)
})

test('the effects of all rules that match a call are merged', async () => {
  const { emulator } = setUp()
  write(emulator, 4)
  const iterator = await open(emulator, root(emulator))
  emulator.on('GetRecords', {}, { recordsPerPage: 3 })
  emulator.on('*', {}, { openShardNextIterator: 'absent' })
  const page = await read(emulator, iterator)
  expect([page.records.length, page.nextIterator]).toEqual([3, undefined])
})

test('an effect can be a function that changes the emulator before the call is processed', async () => {
  const { emulator } = setUp({ shards: 4, behavior: { shardsPerPage: 2 } })
  emulator.on('DescribeStream', { nth: 2 }, () => void emulator.split())
  const first = await describe(emulator)
  const second = await describe(emulator, { exclusiveStartShardId: first.lastEvaluatedShardId ?? '' })
  expect(first.shards.length + second.shards.length).toBe(4)
  expect(second.lastEvaluatedShardId).toBeDefined()
  emulator.on('GetShardIterator', {}, ({ shard }) =>
    shard === root(emulator).shardId ? { fail: 'Mine' } : undefined,
  )
  await expect(open(emulator, root(emulator))).rejects.toMatchObject({ name: 'Mine' })
})

test('a rule can expire two iterators in a row', async () => {
  const { emulator } = setUp()
  const expired = { name: 'ExpiredIteratorException', message: 'UnknownError' }
  emulator.on('GetRecords', { times: 2 }, { fail: 'ExpiredIteratorException', message: '' })
  await expect(read(emulator, await open(emulator, root(emulator)))).rejects.toMatchObject(expired)
  await expect(read(emulator, await open(emulator, root(emulator)))).rejects.toMatchObject(expired)
  await expect(read(emulator, await open(emulator, root(emulator)))).resolves.toBeDefined()
})

test('a call counts for a hidden shard if the connection is reset after the call was processed, but not before', async () => {
  const { emulator } = setUp()
  emulator.roll(undefined, { hidden: { calls: 1 } })
  emulator.on('DescribeStream', {}, { reset: 'before' })
  await expect(describe(emulator)).rejects.toMatchObject({ name: 'TimeoutError', code: 'ECONNRESET' })
  emulator.on('DescribeStream', {}, { reset: 'after' })
  await expect(describe(emulator)).rejects.toMatchObject({ name: 'TimeoutError', code: 'ECONNRESET' })
  expect((await describe(emulator)).shards).toHaveLength(2)
})

test('a delayed response contains the state at the time when the call was processed', async () => {
  const { clock, emulator } = setUp()
  emulator.on('DescribeStream', {}, { delayMs: 5_000 })
  let shardCount: number | undefined
  const call = describe(emulator).then(({ shards }) => {
    shardCount = shards.length
  })
  emulator.split()
  await clock.advance(4_999)
  expect(shardCount).toBeUndefined()
  await clock.advance(1)
  await call
  expect(shardCount).toBe(1)
})

test.each([{ hang: true }, { delayMs: 60_000 }])(
  'a call can be aborted while it has the effect %o',
  async (effect) => {
    const { emulator } = setUp()
    emulator.on('DescribeStream', {}, effect)
    const abort = new AbortController()
    const call = emulator.api.listShards({ streamArn: emulator.streamArn }, abort.signal)
    abort.abort()
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })
  },
)

test('a call with an aborted signal is not made', async () => {
  const { emulator } = setUp()
  const call = emulator.api.listShards({ streamArn: emulator.streamArn }, AbortSignal.abort())
  await expect(call).rejects.toMatchObject({ name: 'AbortError' })
  expect(emulator.log).toEqual([])
})

test.each(['truncated', 'html'] as const)(
  'a response with the body fault %s cannot be parsed',
  async (body) => {
    const { emulator } = setUp()
    emulator.on('DescribeStream', {}, { body })
    await expect(describe(emulator)).rejects.toBeInstanceOf(SyntaxError)
  },
)

test('DescribeStream calls above describesPerSecond are throttled', async () => {
  const { clock, emulator } = setUp({ behavior: { describesPerSecond: 10 } })
  for (let call = 0; call < 10; call++) await describe(emulator)
  await expect(describe(emulator)).rejects.toMatchObject({ name: 'ThrottlingException' })
  clock.jump(1_000)
  await expect(describe(emulator)).resolves.toBeDefined()
})

test('GetRecords calls for a shard above readsPerSecond are throttled', async () => {
  const { clock, emulator } = setUp({ shards: 2, behavior: { readsPerSecond: 5 } })
  const [first = '', second = ''] = emulator.shards
  const iterator = await open(emulator, first)
  for (let call = 0; call < 5; call++) await read(emulator, iterator)
  await expect(read(emulator, iterator)).rejects.toMatchObject({ name: 'ThrottlingException' })
  await expect(read(emulator, await open(emulator, second))).resolves.toBeDefined()
  clock.jump(1_000)
  await expect(read(emulator, iterator)).resolves.toBeDefined()
})

test('a third reader of a shard is refused, while the first two continue', async () => {
  const { emulator } = setUp({ behavior: { readersPerShard: 2 } })
  const first = await read(emulator, await open(emulator, root(emulator)))
  const second = await read(emulator, await open(emulator, root(emulator)))
  const third = await open(emulator, root(emulator))
  await expect(read(emulator, third)).rejects.toMatchObject({ name: 'LimitExceededException' })
  await expect(read(emulator, first.nextIterator)).resolves.toBeDefined()
  await expect(read(emulator, second.nextIterator)).resolves.toBeDefined()
})

test('a change of behavior can be undone', async () => {
  const { emulator } = setUp()
  const restore = emulator.setBehavior({ childShards: 'refused' })
  const { shardId } = root(emulator)
  await expect(describe(emulator, { childrenOf: shardId })).rejects.toBeDefined()
  restore()
  await expect(describe(emulator, { childrenOf: shardId })).resolves.toBeDefined()
})

test.each([
  [{ shardsPerPage: 0 }, 'shardsPerPage is 0, but must be a whole number from 1 to 100.'],
  [{ recordsPerPage: 1_001 }, 'recordsPerPage is 1001, but must be a whole number from 1 to 1000.'],
  [{ latestOffset: 0.5 }, 'latestOffset is 0.5, but must be a whole number of 0 or more.'],
  [{ retentionMs: -1 }, 'retentionMs is -1, but must be a number of 0 or more.'],
  [{ clockSkewMs: Number.NaN }, 'clockSkewMs is NaN, but must be a finite number.'],
])('a behavior with a number that no service could have is refused: %o', (behavior, message) => {
  const { emulator } = setUp()
  const log = emulator.log.length
  expect(() => setUp({ behavior })).toThrow(`Option behavior.${message}`)
  expect(() => emulator.setBehavior(behavior)).toThrow(message)
  expect(() => emulator.on('GetRecords', {}, behavior)).toThrow(message)
  expect(emulator.log).toHaveLength(log)
})

test.each([{ nth: 0 }, { nth: 1.5 }, { times: 0 }, { chance: 1.1 }, { chance: -0.1 }])(
  'a rule with a condition that no call can meet is refused: %o',
  (matcher) => {
    const { emulator } = setUp()
    expect(() => emulator.on('GetRecords', matcher, { fail: 'Mine' })).toThrow(
      expect.objectContaining({ code: 'options.invalid' }),
    )
  },
)
