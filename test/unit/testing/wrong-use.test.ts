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
      'Option options is 42, but must be an object',
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
      'Option options is undefined',
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
    ['a number instead of the options of fill()', () => emulator.fill(untyped(5)), 'Option options is 5'],
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
      'Option options is "2026-01-01"',
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
      'Option options is 5',
    ],
    [
      'a number instead of the options of listen()',
      () => emulator.listen(untyped(8_000)),
      'Option options is 8000',
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
  expectInvalid(() => expectParentsBeforeChildren([], untyped(true)), 'Option options is true')
})
