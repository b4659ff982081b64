import { describe, expect, test } from 'vitest'
import type { StreamToken } from '../../../src/index.ts'
import { checkFates, type History, type QueuedLetter } from './check-fates.ts'
import type { Role } from './roles.ts'
import type { WorkerEvent } from './worker-log.ts'

const roles: readonly Role[] = [
  { kind: 'handled' },
  { kind: 'failing', failures: 1 },
  { kind: 'handled' },
  { kind: 'rejected' },
  { kind: 'filtered' },
]
/** The records 0 and 2 belong to the same item, the others to items of their own. */
const items = ['a', 'b', 'a', 'c', 'd']
const written = items.map((id, n) => ({ n, id }))
const rejected: QueuedLetter = { n: 3, condition: 'Rejected', requestId: 'letter-of-3', attempts: 1 }

const started = (n: number, attempt = 1): WorkerEvent => ({
  started: {
    n,
    id: items[n] ?? '',
    shardId: 'shard',
    sequenceNumber: numberOf(n),
    keyHash: `key-${items[n]}`,
  },
  attempt,
})
const failed = (n: number): WorkerEvent => ({ ended: n, result: 'failed' })
const handled = (n: number, attempt = 1): WorkerEvent[] => [
  started(n, attempt),
  { effect: n },
  { ended: n, result: 'handled' },
]
const deadLettered = (n: number): WorkerEvent[] => [
  started(n),
  { ended: n, result: 'rejected' },
  { deadLettered: { shardId: 'shard', sequenceNumber: numberOf(n), condition: 'Rejected' } },
]
const saved = (token: StreamToken): WorkerEvent[] => [{ saving: token }, { saved: true }]
const loaded = (token: StreamToken | null): WorkerEvent => ({ loaded: token })

/** A token that covers the records up to `after`. */
const tokenAfter = (after: number, more: object = {}): StreamToken => ({
  version: 1,
  streamArn: 'arn',
  shards: [{ shardId: 'shard', at: { after: numberOf(after) }, ...more }],
})
/** Covers the records 0 and 2; the attempt of 1 has failed. */
const withoutOne = tokenAfter(0, {
  through: numberOf(2),
  unsettled: [{ from: numberOf(1), key: 'key-b', attempts: 1, since: 1 }],
})

function numberOf(n: number): string {
  return String(100 + n)
}

function check(runs: readonly (readonly WorkerEvent[])[], options: Partial<History> = {}) {
  return checkFates({
    runs,
    written,
    letters: [rejected],
    roleOf: (n) => roles[n] ?? { kind: 'handled' },
    parentOf: () => undefined,
    ...options,
  })
}

const firstRun = [loaded(null), ...handled(0), started(1), failed(1), ...handled(2), ...saved(withoutOne)]
const secondRun = [loaded(withoutOne), ...handled(1, 2), ...deadLettered(3), ...saved(tokenAfter(3))]

describe('the check of the runs', () => {
  test('accepts runs in which every record is handled, dead-lettered or filtered', () => {
    const summary = check([firstRun, secondRun, [loaded(tokenAfter(3))]])
    expect(summary).toEqual({ faults: [], attempts: 5, handled: 3, deadLettered: 1, repeated: 0, saved: 2 })
  })

  test('accepts that what was settled since the last save is repeated', () => {
    const unsaved = [...deadLettered(3)]
    const summary = check([[...firstRun, ...unsaved], secondRun])
    expect(summary).toMatchObject({ faults: [], repeated: 1 })
  })

  test('accepts a checkpoint whose save was in flight when the process was killed', () => {
    const [saving] = saved(tokenAfter(3)) as [WorkerEvent]
    const killed = [...secondRun.slice(0, -2), saving]
    expect(check([firstRun, killed, [loaded(tokenAfter(3))]]).faults).toEqual([])
  })

  const cases: readonly (readonly [string, readonly WorkerEvent[], readonly WorkerEvent[], string])[] = [
    ['a lost record', firstRun, [loaded(withoutOne), ...deadLettered(3)], '1 was lost: it was never handled'],
    [
      'a record that was saved and is attempted again',
      firstRun,
      [secondRun[0] as WorkerEvent, ...handled(2), ...secondRun.slice(1)],
      'run 1: 2 was started although the checkpoint covers it',
    ],
    [
      'attempts that start again from 1',
      firstRun,
      [loaded(withoutOne), ...handled(1, 1), ...deadLettered(3)],
      'run 1: 1: attempt 1 follows 1 attempts',
    ],
    [
      'a record that overtakes an earlier one of its item',
      [loaded(null), started(1), failed(1), ...handled(2), ...handled(0), ...saved(withoutOne)],
      secondRun,
      'run 0: 0 took effect first after 2 of the same item',
    ],
    [
      'a record that starts before an earlier one of its item is settled',
      [loaded(null), started(0), failed(0), started(1), failed(1), ...handled(2)],
      [
        loaded(null),
        ...handled(0),
        started(1),
        failed(1),
        ...handled(1, 2),
        ...handled(2),
        ...deadLettered(3),
      ],
      'run 0: 2 was started before 0 of its item was settled',
    ],
    [
      'two records of an item at the same time',
      [loaded(null), started(0), ...firstRun.slice(4), ...handled(0)],
      [],
      'run 0: 2 was started while 0 of the same item was running',
    ],
    [
      'a checkpoint with a record that is not settled',
      [loaded(null), ...handled(0), started(1), ...saved(tokenAfter(1))],
      [],
      'run 0: 1 is in a checkpoint but not settled',
    ],
    [
      'a checkpoint without a record that was settled before the previous save',
      [...firstRun, ...saved(tokenAfter(0, { unsettled: withoutOne.shards[0]?.unsettled }))],
      [],
      'run 0: 2 was settled before the previous save, but is not in the checkpoint',
    ],
    [
      'a run that resumes from an older checkpoint',
      [...firstRun, ...handled(1, 2), ...saved(tokenAfter(2))],
      secondRun,
      'run 1: loaded another checkpoint than the last one saved or in flight',
    ],
    [
      'a checkpoint with another number of attempts',
      [
        loaded(null),
        started(1),
        failed(1),
        started(1, 2),
        failed(1),
        ...handled(0),
        ...handled(2),
        ...saved(withoutOne),
      ],
      secondRun,
      'run 0: a checkpoint contains 1 attempts of shard 101 instead of 2',
    ],
    [
      'a filtered record that is processed',
      firstRun,
      [...secondRun, ...handled(4)],
      'run 1: 4 was started although it is filtered',
    ],
  ]
  test.for(cases)('finds %s', ([, first, second, fault]) => {
    expect(check([first, second]).faults).toContain(fault)
  })

  test.for<[string, readonly QueuedLetter[], string]>([
    ['a missing dead letter', [], '3 was lost: it has no dead letter'],
    [
      'a dead letter of a record that was handled',
      [rejected, { ...rejected, n: 0 }],
      '0 was dead-lettered (Rejected)',
    ],
    [
      'dead letters of one record with different ids',
      [rejected, { ...rejected, requestId: 'other' }],
      'the dead letters of 3 have different ids',
    ],
    [
      'a dead letter with the wrong condition',
      [{ ...rejected, condition: 'Invalid' }],
      '3 was dead-lettered (Invalid)',
    ],
    ['a dead letter of an unknown record', [rejected, { ...rejected, n: 9 }], 'a letter of 9, never written'],
  ])('finds %s', ([, letters, fault]) => {
    expect(check([firstRun, secondRun], { letters }).faults).toContain(fault)
  })
})
