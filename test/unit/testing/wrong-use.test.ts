import { describe, expect, it } from 'vitest'
import { memoryCheckpointStore } from '../../../src/index.ts'
import {
  checkpointStoreContract,
  expectAtMostCalls,
  expectDelivered,
  expectParentsBeforeChildren,
  ManualClock,
  StreamEmulator,
  trackConsumer,
} from '../../../src/testing/index.ts'

const emulator = new StreamEmulator()

/** Passes a value that TypeScript refuses, as a JavaScript caller can. */
const untyped = (value: unknown) => value as never

function expectInvalid(call: () => unknown, message: string): void {
  expect(call).toThrow(message)
  expect(call).toThrow(expect.objectContaining({ code: 'options.invalid' }))
}

describe('StreamEmulator', () => {
  it.each<[string, () => unknown, string]>([
    [
      'a misspelled option',
      () => new StreamEmulator(untyped({ shard: 4 })),
      'There is no option shard; did you mean shards?',
    ],
    [
      'a seed instead of options',
      () => new StreamEmulator(untyped(42)),
      'Expected an object with the options seed, clock, ',
    ],
    [
      'a misspelled behavior',
      () => new StreamEmulator({ behavior: untyped({ shardPerPage: 1 }) }),
      'There is no option behavior.shardPerPage; did you mean shardsPerPage?',
    ],
    [
      'a misspelled change of behavior',
      () => emulator.setBehavior(untyped({ readLag: 5 })),
      'There is no option readLag; did you mean readLagMs?',
    ],
    [
      'a rule for an unknown call',
      () => emulator.on(untyped('GetRecord'), {}, { fail: 'Mine' }),
      'There is no call GetRecord; did you mean GetRecords?',
    ],
    [
      'a rule with a misspelled condition',
      () => emulator.on('*', untyped({ time: 2 }), { fail: 'Mine' }),
      'There is no option time; did you mean times?',
    ],
    [
      'a rule with a misspelled effect',
      () => emulator.on('*', {}, untyped({ delay: 2 })),
      'There is no option delay; did you mean delayMs?',
    ],
    [
      'a rule without an effect',
      () => emulator.on('*', {}, untyped(undefined)),
      "on() requires an effect, such as { fail: 'ThrottlingException' }, as its third argument.",
    ],
    [
      'an effect in the place of the condition',
      () => emulator.on('*', untyped({ fail: 'Mine' }), untyped(undefined)),
      'on() requires an effect',
    ],
    [
      'a misspelled option of put()',
      () => emulator.put({ id: 'a' }, untyped({ createAt: 0 })),
      'There is no option createAt; did you mean createdAt?',
    ],
    [
      'an option of remove() in update()',
      () => emulator.update({ id: 'a' }, {}, untyped({ ttl: true })),
      'There is no option ttl',
    ],
    [
      'a misspelled option of remove()',
      () => emulator.remove({ id: 'a' }, untyped({ TTL: true })),
      'There is no option TTL; did you mean ttl?',
    ],
    [
      'an unknown profile',
      () => new StreamEmulator({ profile: untyped('localstack') }),
      'Option profile is "localstack", but must be one of "aws", "local".',
    ],
    [
      'a number instead of a clock',
      () => new StreamEmulator({ clock: untyped(5) }),
      'Option clock is 5, but must be an object with now, monotonic and setTimer.',
    ],
    [
      'an unknown view type',
      () => new StreamEmulator({ viewType: untyped('NEW') }),
      'Option viewType is "NEW", but must be one of "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES".',
    ],
    [
      'a string instead of a key schema',
      () => new StreamEmulator({ keySchema: untyped('id') }),
      'Option keySchema is "id", but must be an object with hash, range.',
    ],
    [
      'a misspelled member of the key schema',
      () => new StreamEmulator({ keySchema: untyped({ hash: 'id', rang: 'at' }) }),
      'There is no option keySchema.rang; did you mean range?',
    ],
    [
      'a key schema without a partition key',
      () => new StreamEmulator({ keySchema: untyped({ range: 'at' }) }),
      'Option keySchema.hash is undefined',
    ],
    [
      'an invalid starting sequence number',
      () => new StreamEmulator({ sequenceNumbers: { start: 'x' } }),
      'Option sequenceNumbers.start is "x", but must be a sequence number, a string of up to 40 digits.',
    ],
    [
      'sequence numbers that do not increase',
      () => new StreamEmulator({ sequenceNumbers: { maxGap: 0 } }),
      'Option sequenceNumbers.maxGap is 0, but must be a whole number of 1 or more.',
    ],
    [
      'a misspelled member of the format of sequence numbers',
      () => new StreamEmulator({ sequenceNumbers: untyped({ maxgap: 1 }) }),
      'There is no option sequenceNumbers.maxgap; did you mean maxGap?',
    ],
    [
      'an object as the seed',
      () => new StreamEmulator({ seed: untyped({}) }),
      'Option seed is an object, but must be a number or a string.',
    ],
    [
      'a number instead of a source of latency',
      () => new StreamEmulator({ latency: untyped(20) }),
      'Option latency is 20, but must be a function.',
    ],
    [
      'an unknown value of a behavior',
      () => new StreamEmulator({ behavior: { shardEnd: untyped('never') } }),
      'behavior.shardEnd is "never", but must be one of "absent", "null", "empty-string", "after-empty-page".',
    ],
    [
      'a string instead of true or false',
      () => emulator.setBehavior({ repeatPage: untyped('no') }),
      'Option repeatPage is "no", but must be true or false.',
    ],
    [
      'an unknown name in a list',
      () => emulator.setBehavior({ omitFromRecords: ['Keys', untyped('NewImages')] }),
      'Option omitFromRecords[1] is "NewImages", but must be one of "awsRegion",',
    ],
    [
      'a string instead of a list',
      () => emulator.setBehavior({ omitFromShards: untyped('sequenceNumberRange') }),
      'Option omitFromShards is "sequenceNumberRange", but must be an array.',
    ],
    [
      'an effect with an unknown body',
      () => emulator.on('*', {}, { body: untyped('htm') }),
      'Option body is "htm", but must be one of "truncated", "html".',
    ],
    [
      'an effect with an unknown reset',
      () => emulator.on('*', {}, { reset: untyped('later') }),
      'Option reset is "later", but must be one of "before", "after".',
    ],
    [
      'an effect with an unknown value of a behavior',
      () => emulator.on('*', {}, { shardEnd: untyped('never') }),
      'Option shardEnd is "never"',
    ],
    [
      'a failure without an error code',
      () => emulator.on('*', {}, { fail: untyped(true) }),
      "Option fail is true, but must be the code of an error, such as 'ThrottlingException'.",
    ],
    [
      'a failure with a message as its code',
      () => emulator.on('*', {}, { fail: 'Rate exceeded' }),
      'Option fail is "Rate exceeded"',
    ],
    [
      'a status code that HTTP does not have',
      () => emulator.on('*', {}, { fail: 'Mine', statusCode: 4 }),
      'Option statusCode is 4, but must be a whole number from 200 to 599.',
    ],
    [
      'a rule for a number instead of a shard',
      () => emulator.on('*', { shard: untyped(5) }, { fail: 'Mine' }),
      'Option shard is 5, but must be a shard: its id, or an object with a shardId.',
    ],
    [
      'a call of put() without an item',
      () => emulator.put(untyped(undefined)),
      "Option item is undefined, but must be an object with the item's attributes.",
    ],
    [
      'a call of remove() without a key',
      () => emulator.remove(untyped(undefined)),
      'Option key is undefined',
    ],
    [
      'a call of update() without changes',
      () => emulator.update({ id: 'a' }, untyped(undefined)),
      'Option changes is undefined',
    ],
    [
      'a time of a write that is not a time',
      () => emulator.put({ id: 'a' }, { createdAt: untyped('x') }),
      'Option createdAt is "x", but must be a valid Date or a number of ms since 1970.',
    ],
    [
      'a call of fill() without a number',
      () => emulator.fill(untyped({})),
      'Option records is undefined, but must be a whole number of 0 or more.',
    ],
    [
      'a call of hide() without a shard',
      () => emulator.hide(untyped(undefined)),
      'Option shard is undefined, but must be a shard: its id, or an object with a shardId.',
    ],
    [
      'a call of keyForShard() without a shard',
      () => emulator.keyForShard(untyped(undefined)),
      'Option shard is undefined',
    ],
    [
      'a string as the number of a key',
      () => emulator.keyForShard(emulator.openShards[0] ?? '', untyped('x')),
      'Option n is "x"',
    ],
    [
      'a string as a duration',
      () => emulator.hide(emulator.openShards[0] ?? '', { ms: untyped('x') }),
      'Option ms is "x", but must be a number of 0 or more.',
    ],
    [
      'an invalid time of trim()',
      () => emulator.trim({ before: untyped('x') }),
      'Option before is "x", but must be a valid Date or a number of ms since 1970.',
    ],
    [
      'an invalid sequence number of trim()',
      () => emulator.trim({ shard: emulator.openShards[0] ?? '', through: 'x' }),
      'Option through is "x"',
    ],
    [
      'a call of trim() with empty options',
      () => emulator.trim(untyped({})),
      'requires either before or shard',
    ],
    [
      'a call of trim() with a time and a shard',
      () => emulator.trim(untyped({ before: 0, shard: emulator.openShards[0] })),
      'requires either before or shard',
    ],
    [
      'a stream without shards',
      () => emulator.enable({ shards: 0 }),
      'Option shards is 0, but must be a whole number of 1 or more.',
    ],
    [
      'an unknown value of an option of deleteTable()',
      () => emulator.deleteTable({ streams: untyped('kept') }),
      'Option streams is "kept", but must be one of "deleted", "readable".',
    ],
    ['an invalid port', () => emulator.listen({ port: 70_000 }), 'a whole number from 0 to 65535'],
    [
      'a number instead of the options of fill()',
      () => emulator.fill(untyped(5)),
      'Expected an object with the options records, item, bytes, but got 5.',
    ],
    [
      'a misspelled option of split()',
      () => emulator.split(undefined, 2, untyped({ hide: {} })),
      'There is no option hide; did you mean hidden?',
    ],
    [
      'a misspelled member of a duration',
      () => emulator.roll(undefined, { hidden: untyped({ call: 1 }) }),
      'There is no option hidden.call; did you mean calls?',
    ],
    [
      'a string instead of the options of trim()',
      () => emulator.trim(untyped('2026-01-01')),
      'but got "2026-01-01".',
    ],
    ['a misspelled option of trim()', () => emulator.trim(untyped({ befor: 0 })), 'did you mean before?'],
    [
      'a misspelled option of disable()',
      () => emulator.disable(untyped({ takeMs: 1 })),
      'did you mean takesMs?',
    ],
    ['a misspelled option of enable()', () => emulator.enable(untyped({ shard: 1 })), 'did you mean shards?'],
    [
      'a misspelled option of deleteTable()',
      () => emulator.deleteTable(untyped({ stream: 1 })),
      'did you mean streams?',
    ],
    [
      'a number instead of a duration',
      () => emulator.hide(untyped('shard'), untyped(5)),
      'Expected an object with the options calls, ms, but got 5.',
    ],
    [
      'a number instead of the options of listen()',
      () => emulator.listen(untyped(8_000)),
      'Expected an object with the options port, but got 8000.',
    ],
  ])('an emulator refuses %s', (_, call, message) => {
    const { length } = emulator.log
    expectInvalid(call, message)
    expect(emulator.log).toHaveLength(length)
    expect(emulator.openShards).toHaveLength(1)
  })
})

describe('ManualClock', () => {
  const clock = new ManualClock(0)

  it.each([
    ['a word', 'x'],
    ['a numeric string', '5'],
    ['an invalid Date', new Date('x')],
    ['null', null],
  ])('a manual clock refuses %s as its start', (_, start) => {
    expectInvalid(() => new ManualClock(untyped(start)), 'a valid Date or a number of ms since 1970')
  })

  it.each([undefined, Number.NaN, Number.POSITIVE_INFINITY, '5'])(
    'a manual clock refuses to move by %o',
    async (byMs) => {
      expectInvalid(() => clock.jump(untyped(byMs)), 'byMs')
      expectInvalid(() => clock.suspend(untyped(byMs)), 'byMs')
      await expect(clock.advance(untyped(byMs))).rejects.toThrow('byMs')
      expect(clock.now()).toBe(0)
    },
  )
})

it('misspelled options of the other helpers are refused', () => {
  expectInvalid(
    () => trackConsumer(emulator, untyped({ startat: 'latest' })),
    'There is no option startat; did you mean startAt?',
  )
  expectInvalid(
    () => checkpointStoreContract(memoryCheckpointStore, untyped({ detectConflicts: true })),
    'There is no option detectConflicts; did you mean detectsConflicts?',
  )
  expectInvalid(
    () => expectDelivered([], [], untyped({ repetition: 'allowed' })),
    'did you mean repetitions?',
  )
  expectInvalid(
    () => expectParentsBeforeChildren([], untyped(true)),
    'Expected an object with the options everyParent, but got true.',
  )
})

it('invalid arguments of the other helpers are refused', () => {
  expectInvalid(() => trackConsumer(untyped(undefined)), 'Option emulator is undefined')
  expectInvalid(() => trackConsumer(emulator, { followTable: untyped(1) }), 'Option followTable is 1')
  expectInvalid(
    () => trackConsumer(emulator).processed(untyped({})),
    'Option record is an object, but must be an object with the strings shardId and sequenceNumber',
  )
  expectInvalid(
    () => expectAtMostCalls([], 'GetRecord', 5),
    'There is no call GetRecord; did you mean GetRecords?',
  )
  expectInvalid(
    () => expectAtMostCalls([], 'GetRecords', untyped(undefined)),
    'Option perSecond is undefined',
  )
  expectInvalid(() => expectAtMostCalls(untyped(emulator), 'GetRecords', 5), 'Option log is an object')
  expectInvalid(
    () => expectDelivered([], [], { repetitions: untyped('ok') }),
    'Option repetitions is "ok", but must be one of "refused", "allowed".',
  )
  expectInvalid(() => checkpointStoreContract(untyped({})), 'Option createStore is an object')
})

it('an emulator accepts every error code, even one that AWS does not document', () => {
  for (const fail of ['Mine', 'x', 'Sender.InvalidParameter', 'HTTP_503', 'Request-Limit']) {
    expect(() => new StreamEmulator().on('*', {}, { fail })).not.toThrow()
  }
})
