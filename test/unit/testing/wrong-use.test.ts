import { describe, expect, it } from 'vitest'
import { memoryCheckpointStore } from '../../../src/index.ts'
import {
  checkpointStoreContract,
  expectDelivered,
  expectParentsBeforeChildren,
  ManualClock,
  StreamEmulator,
  trackConsumer,
} from '../../../src/testing/index.ts'

const emulator = new StreamEmulator()

/** What JavaScript lets a user pass. */
const given = (value: unknown) => value as never

function expectInvalid(call: () => unknown, message: string): void {
  expect(call).toThrow(message)
  expect(call).toThrow(expect.objectContaining({ code: 'options.invalid' }))
}

describe('an emulator refuses', () => {
  it.each<[string, () => unknown, string]>([
    [
      'a misspelt option',
      () => new StreamEmulator(given({ shard: 4 })),
      'There is no option shard; did you mean shards?',
    ],
    [
      'a seed for options',
      () => new StreamEmulator(given(42)),
      'Option options is 42, but must be an object',
    ],
    [
      'a misspelt behavior',
      () => new StreamEmulator({ behavior: given({ shardPerPage: 1 }) }),
      'There is no option behavior.shardPerPage; did you mean shardsPerPage?',
    ],
    [
      'a misspelt change of its behavior',
      () => emulator.setBehavior(given({ readLag: 5 })),
      'There is no option readLag; did you mean readLagMs?',
    ],
    [
      'a rule for an unknown call',
      () => emulator.on(given('GetRecord'), {}, { fail: 'Mine' }),
      'There is no call GetRecord; did you mean GetRecords?',
    ],
    [
      'a rule with a misspelt condition',
      () => emulator.on('*', given({ time: 2 }), { fail: 'Mine' }),
      'There is no option time; did you mean times?',
    ],
    [
      'a rule with a misspelt effect',
      () => emulator.on('*', {}, given({ delay: 2 })),
      'There is no option delay; did you mean delayMs?',
    ],
    ['a rule without an effect', () => emulator.on('*', {}, given(undefined)), 'Option options is undefined'],
    [
      'a misspelt option of a write',
      () => emulator.put({ id: 'a' }, given({ createAt: 0 })),
      'There is no option createAt; did you mean createdAt?',
    ],
    [
      'an option of another write',
      () => emulator.update({ id: 'a' }, {}, given({ ttl: true })),
      'There is no option ttl',
    ],
    [
      'a misspelt option of a removal',
      () => emulator.remove({ id: 'a' }, given({ TTL: true })),
      'There is no option TTL; did you mean ttl?',
    ],
    ['a fill without options', () => emulator.fill(given(5)), 'Option options is 5'],
    [
      'a misspelt option of a split',
      () => emulator.split(undefined, 2, given({ hide: {} })),
      'There is no option hide; did you mean hidden?',
    ],
    [
      'a misspelt duration',
      () => emulator.roll(undefined, { hidden: given({ call: 1 }) }),
      'There is no option hidden.call; did you mean calls?',
    ],
    ['a trim of nothing', () => emulator.trim(given('2026-01-01')), 'Option options is "2026-01-01"'],
    ['a misspelt trim', () => emulator.trim(given({ befor: 0 })), 'did you mean before?'],
    ['a misspelt option of a pause', () => emulator.disable(given({ takeMs: 1 })), 'did you mean takesMs?'],
    ['a misspelt option of a start', () => emulator.enable(given({ shard: 1 })), 'did you mean shards?'],
    [
      'a misspelt option of an end',
      () => emulator.deleteTable(given({ stream: 1 })),
      'did you mean streams?',
    ],
    ['a number for a duration', () => emulator.hide(given('shard'), given(5)), 'Option options is 5'],
    ['a number for a port', () => emulator.listen(given(8_000)), 'Option options is 8000'],
  ])('%s', (_, call, message) => {
    const { length } = emulator.log
    expectInvalid(call, message)
    expect(emulator.log).toHaveLength(length)
    expect(emulator.openShards).toHaveLength(1)
  })
})

describe('a ManualClock refuses', () => {
  const clock = new ManualClock(0)

  it.each([
    ['a word', 'x'],
    ['a numeric string', '5'],
    ['an invalid Date', new Date('x')],
    ['null', null],
  ])('%s as its start', (_, start) => {
    expectInvalid(() => new ManualClock(given(start)), 'a valid Date or a number of ms since 1970')
  })

  it.each([undefined, Number.NaN, Number.POSITIVE_INFINITY, '5'])('to move by %s', async (byMs) => {
    expectInvalid(() => clock.jump(given(byMs)), 'byMs')
    expectInvalid(() => clock.suspend(given(byMs)), 'byMs')
    await expect(clock.advance(given(byMs))).rejects.toThrow('byMs')
    expect(clock.now()).toBe(0)
  })
})

it('misspelt options of the other helpers are refused', () => {
  expectInvalid(
    () => trackConsumer(emulator, given({ startat: 'latest' })),
    'There is no option startat; did you mean startAt?',
  )
  expectInvalid(
    () => checkpointStoreContract(memoryCheckpointStore, given({ detectConflicts: true })),
    'There is no option detectConflicts; did you mean detectsConflicts?',
  )
  expectInvalid(() => expectDelivered([], [], given({ repetition: 'allowed' })), 'did you mean repetitions?')
  expectInvalid(() => expectParentsBeforeChildren([], given(true)), 'Option options is true')
})
