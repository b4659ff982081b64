import { describe, expect, test } from 'vitest'
import type { StreamToken } from '../../../src/index.ts'
import { parkedPosition } from '../../../src/parking/position.ts'
import type { Role } from '../processing/roles.ts'
import { checkParking } from './check-parking.ts'
import type { ParkingHistory } from './history.ts'
import type { AddedRecord, ParkingCall, ParkingWorkerEvent, SavedKey, StoredKey } from './worker-log.ts'

type Events = readonly ParkingWorkerEvent[]

const streamArn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.000'

/**
 * The records 0 to 3 belong to the item `a`, which is parked. The record 6 is rejected, and 7 is filtered.
 */
const items = ['a', 'a', 'a', 'a', 'b', 'b', 'c', 'd']
const roleOf = (n: number): Role => ({ kind: n === 6 ? 'rejected' : n === 7 ? 'filtered' : 'handled' })
const letters = [{ n: 6, condition: 'Rejected', requestId: 'letter', attempts: 1 }]

const numberOf = (n: number) => String(100 + n)
const positionOf = (n: number) => parkedPosition(streamArn, numberOf(n))
const observed = (n: number) => ({
  n,
  id: items[n] as string,
  shardId: 'shard',
  sequenceNumber: numberOf(n),
  keyHash: `key-${items[n]}`,
})
const added = (...numbers: number[]): AddedRecord[] =>
  numbers.map((n) => ({ ...observed(n), position: positionOf(n) }))
/** The key of `a`, of which the records from 1 to `last` were parked, and those up to `finished` are done. */
const keyOf = (state: StoredKey['state'], last: number, finished: number | null): StoredKey => ({
  id: 'a',
  state,
  records: last - (finished ?? 0),
  last: positionOf(last),
  finished: finished === null ? null : positionOf(finished),
})
const tokenAfter = (n: number): StreamToken => ({
  version: 1,
  streamArn,
  shards: [{ shardId: 'shard', at: { after: numberOf(n) } }],
})

const started = (n: number, attempt = 1): ParkingWorkerEvent => ({ started: observed(n), attempt })
const handled = (n: number, attempt = 1): Events => [
  started(n, attempt),
  { effect: n },
  { ended: n, result: 'handled' },
]
const failed = (n: number, attempt = 1): Events => [started(n, attempt), { ended: n, result: 'failed' }]
const rejected = (n: number): Events => [
  started(n),
  { ended: n, result: 'rejected' },
  { deadLettered: { shardId: 'shard', sequenceNumber: numberOf(n), condition: 'Rejected' } },
]
const saved = (after: number): Events => [{ saving: tokenAfter(after) }, { saved: true }]
const opened = (after: number | null, ...keys: StoredKey[]): Events => [
  { loaded: after === null ? null : tokenAfter(after) },
  { acquired: keys },
]
const called = (calling: ParkingCall, answer: object = {}): Events => [
  { calling },
  { answered: calling.name, ...answer },
]
const savedKey = (key: StoredKey, ...numbers: number[]): Events => [
  saveOf(key, ...numbers),
  { answered: 'save' },
]
const saveOf = (key: StoredKey, ...numbers: number[]): ParkingWorkerEvent => {
  const update: SavedKey = { ...key, added: added(...numbers) }
  return { calling: { name: 'save', updates: [update] } }
}
const readOf = (...numbers: number[]): Events => called({ name: 'read', id: 'a' }, { read: numbers })
const removed = called({ name: 'remove', id: 'a' })
const completed = (action: 'release' | 'drop') => called({ name: 'complete', id: 'a', action })
const requested = (until?: number): Events =>
  called({ name: 'requests' }, { drops: until === undefined ? [] : [{ id: 'a', until: positionOf(until) }] })
const dropped = (records: number): ParkingWorkerEvent => ({ emitted: 'dropped', id: 'a', records })

/** The first run parks 1 and 2, and then 3. It is killed after a checkpoint that covers everything. */
const parking: Events = [
  ...opened(null),
  ...handled(0),
  ...failed(1),
  ...handled(4),
  ...savedKey(keyOf('parked', 2, null), 1, 2),
  ...handled(5),
  ...savedKey(keyOf('parked', 3, null), 3),
  ...rejected(6),
  ...saved(7),
]
const release: Events = [
  ...savedKey(keyOf('releasing', 3, null)),
  ...completed('release'),
  ...readOf(1, 2, 3),
]
/** The second run releases them, and is killed after it has handled 1. */
const releasing: Events = [...opened(7, keyOf('parked', 3, null)), ...release, ...handled(1)]
/** The third run completes the release. */
const returning: Events = [
  ...opened(7, keyOf('releasing', 3, null)),
  ...readOf(1, 2, 3),
  ...handled(1),
  ...savedKey(keyOf('releasing', 3, 1)),
  ...handled(2),
  ...handled(3),
  ...saved(7),
  ...removed,
]
function check(runs: readonly Events[], options: Partial<ParkingHistory> = {}) {
  const effects = runs.flatMap((events, run) =>
    events.flatMap((event) => ('effect' in event ? [{ run, n: event.effect }] : [])),
  )
  const written = items.map((id, n) => ({ n, id }))
  return checkParking({
    runs,
    effects,
    written,
    letters,
    streamArn,
    parkAfter: 3,
    roleOf,
    parentOf: () => undefined,
    ...options,
  })
}

/** The events up to one that has this property, without it. */
function upTo(events: Events, name: string, value?: string): Events {
  const index = events.findIndex((event) => {
    const found = (event as Record<string, unknown>)[name]
    return found !== undefined && (value === undefined || JSON.stringify(found).includes(value))
  })
  expect(index).toBeGreaterThan(0)
  return events.slice(0, index)
}

describe('checkParking', () => {
  test('finds no fault in a key that is parked, and released by runs of which one is killed', () => {
    expect(check([parking, releasing, returning])).toEqual({
      faults: [],
      handled: 6,
      deadLettered: 1,
      parked: 3,
      dropped: 0,
      repeated: 1,
      mostRepeated: 1,
      ends: [new Set(), new Set(['releasing']), new Set()],
      shards: 1,
      parkedShards: 1,
    })
  })

  test('finds no fault in a record of the key that arrives while it is released, and is parked behind', () => {
    const first = [
      ...upTo(parking, 'calling', '"n":3'),
      ...savedKey(keyOf('releasing', 2, null)),
      ...readOf(1, 2),
      ...handled(1),
      ...savedKey(keyOf('releasing', 3, 1), 3),
      ...handled(2),
      ...readOf(3),
      ...handled(3),
      ...rejected(6),
      ...saved(7),
      ...removed,
    ]
    expect(check([first]).faults).toEqual([])
  })

  test('finds no fault in a drop, before or after the event that reports it', () => {
    const drop = (...events: Events): Events => [
      ...opened(7, keyOf('parked', 3, null)),
      ...requested(3),
      ...events,
      ...completed('drop'),
      ...removed,
    ]
    const save = savedKey(keyOf('releasing', 3, 3))
    for (const events of [
      [...save, dropped(3)],
      [dropped(3), ...save],
    ]) {
      const { faults, dropped: count } = check([parking, drop(...events)])
      expect({ faults, count }).toEqual({ faults: [], count: 3 })
    }
  })

  test('finds no fault in a save or a removal of which it is unknown whether it took effect', () => {
    const failedSave = [...upTo(parking, 'calling', '"n":3'), saveOf(keyOf('parked', 3, null), 3)]
    const after = [...handled(5), ...rejected(6), ...saved(7)]
    const again = savedKey(keyOf('parked', 3, null), 3)
    const kept = [...opened(null, keyOf('parked', 3, null)), ...handled(4), ...after]
    const lost = [...opened(null, keyOf('parked', 2, null)), ...handled(4), ...again, ...after]
    const dies = upTo(returning, 'answered', 'remove')
    for (const second of [kept, lost]) {
      for (const last of [
        opened(7),
        [...opened(7, keyOf('releasing', 3, 1)), ...readOf(2, 3), ...handled(2)],
        opened(7, keyOf('releasing', 3, 3)),
      ]) {
        const { faults, ends } = check([failedSave, second, releasing, dies, last])
        expect(faults).toEqual([])
        expect(ends[0]).toEqual(new Set(['parking']))
        expect(ends[3]).toEqual(new Set(['returning']))
      }
    }
  })

  test('finds no fault in what a worker does that was replaced without knowing', () => {
    const replaced: Events = [
      ...upTo(releasing, 'started'),
      ...handled(1),
      ...handled(2),
      saveOf(keyOf('releasing', 3, 2)),
      { failed: 'save', code: 'checkpoint.conflict' },
      { rejected: 'checkpoint.conflict' },
    ]
    const { faults, ends } = check([parking, replaced, returning])
    expect(faults).toEqual([])
    expect(ends[1]).toEqual(new Set(['replaced', 'releasing']))
  })

  const cases: [string, readonly Events[], string][] = [
    ['a parked record that is lost', [parking, upTo(returning, 'started')], '1 was lost'],
    [
      'a record that is started from the stream while its key is parked',
      [[...parking, ...handled(3)]],
      'run 0: 3 was started while its key was parked',
    ],
    [
      'a record that overtakes those that are parked',
      [
        parking,
        [...opened(7, keyOf('parked', 3, null)), ...savedKey(keyOf('releasing', 3, null)), started(1)],
      ],
      'run 1: 1 has overtaken the parked records',
    ],
    [
      'a parked record that is processed out of order',
      [parking, [...upTo(releasing, 'started'), ...handled(2)]],
      'run 1: 2 was started before 1 of its item was settled',
    ],
    [
      'a record that is finished according to the store, and repeated',
      [
        parking,
        releasing,
        upTo(returning, 'saving'),
        [...opened(7, keyOf('releasing', 3, 1)), ...readOf(1), ...handled(1)],
      ],
      'run 3: 1 was started although it was settled or dropped',
    ],
    [
      'a key that was loaded with less than was saved',
      [parking, opened(7, keyOf('parked', 2, null))],
      'run 1: a was loaded with another state than it was saved',
    ],
    ['a key that is gone', [parking, opened(7)], 'run 1: a was loaded with another state than it was saved'],
    [
      'a record that is left out when later ones are parked',
      [[...upTo(parking, 'calling'), ...savedKey({ ...keyOf('parked', 3, null), records: 2 }, 1, 3)]],
      'run 0: 2 was left out when 3 of its item was parked',
    ],
    [
      'a record that is parked although it was handled',
      [[...upTo(parking, 'calling'), ...savedKey({ ...keyOf('parked', 2, null), records: 3 }, 0, 1, 2)]],
      'run 0: 0 was parked although it was settled or dropped',
    ],
    [
      'a record that is parked twice',
      [[...upTo(parking, 'saving'), ...savedKey(keyOf('parked', 3, null), 3)]],
      `run 0: 3 was parked behind ${positionOf(3)}, which is not before it`,
    ],
    [
      'a wrong number of parked records',
      [[...upTo(parking, 'calling'), ...savedKey({ ...keyOf('parked', 2, null), records: 1 }, 1, 2)]],
      'run 0: a was saved with 1 records instead of 2',
    ],
    [
      'a record that is saved as finished before it is handled',
      [parking, [...upTo(releasing, 'effect'), ...savedKey(keyOf('releasing', 3, 1))]],
      'run 1: 1 was saved as finished, but is not',
    ],
    [
      'a record that is missing in the progress that is saved',
      [parking, [...releasing, ...readOf(2, 3), ...savedKey(keyOf('releasing', 3, null))]],
      'run 1: 1 was settled before the previous call, but was not saved as finished',
    ],
    [
      'a record in a checkpoint that is not in the store yet',
      [[...upTo(parking, 'answered', 'save'), ...saved(2)]],
      'run 0: 1 is in a checkpoint, but neither settled nor parked',
    ],
    [
      'a parked record that is missing in the second checkpoint after it',
      [[...parking, ...saved(0), ...saved(0)]],
      'run 0: 1 was settled before the previous save, but is not in the checkpoint',
    ],
    [
      'a key that returns before its records are done',
      [parking, [...releasing, ...saved(7), ...removed]],
      'run 1: a has returned before 2 was done',
    ],
    [
      'a key that returns before the checkpoint covers its records',
      [[...upTo(parking, 'saving'), ...release, ...handled(1), ...handled(2), ...handled(3), ...removed]],
      'run 0: a has returned before 1 was in the checkpoint',
    ],
    [
      'a record that takes effect although it was dropped',
      [
        parking,
        [
          ...opened(7, keyOf('parked', 3, null)),
          ...requested(3),
          dropped(3),
          ...savedKey(keyOf('releasing', 3, 3)),
          ...completed('drop'),
        ],
        [...opened(7, keyOf('releasing', 3, null)), ...readOf(1), ...handled(1)],
      ],
      'run 2: 1 was started although it was dropped',
    ],
    [
      'a drop that reports a wrong number of records',
      [parking, [...opened(7, keyOf('parked', 3, null)), ...requested(3), dropped(2)]],
      'run 1: 2 records of a were dropped instead of 3',
    ],
    [
      'a record that is dropped although it was parked after the request',
      [
        parking,
        [...opened(7, keyOf('parked', 3, null)), ...requested(2), ...savedKey(keyOf('releasing', 3, 3))],
      ],
      'run 1: 3 was saved as finished, but is not',
    ],
    [
      'a key that is not parked after the attempts of its record',
      [[...upTo(parking, 'calling'), ...failed(1, 2), ...failed(1, 3), ...failed(1, 4)]],
      'run 0: 1 was not parked before attempt 4',
    ],
    [
      'two attempts of one item at the same time',
      [parking, [...upTo(releasing, 'effect'), started(2)]],
      'run 1: 2 was started while 1 of its item was running',
    ],
    [
      'another checkpoint than the last one',
      [parking, opened(2, keyOf('parked', 3, null))],
      'run 1: loaded another checkpoint than the last one saved or in flight',
    ],
  ]
  test.for(cases)('finds %s', ([, runs, fault]) => {
    expect(check(runs).faults).toContain(fault)
  })

  test('finds first effects that are not in order, although each run has kept it', () => {
    const effects = [0, 4, 5, 2, 1, 3].map((n) => ({ run: 0, n }))
    expect(check([parking, releasing, returning], { effects }).faults).toEqual([
      '1 took effect first after 2 of its item',
    ])
  })

  test('finds a missing dead letter, and one of another record', () => {
    expect(check([parking, releasing, returning], { letters: [] }).faults).toContain('6 was lost')
    const other = [...letters, { n: 5, condition: 'Rejected', requestId: 'other', attempts: 1 }]
    expect(check([parking, releasing, returning], { letters: other }).faults).toContain('5 was dead-lettered')
  })

  test('finds sequence numbers of an item that do not increase from parent to child', () => {
    const inChild = (event: ParkingWorkerEvent): ParkingWorkerEvent =>
      'started' in event && event.started.n === 5
        ? { ...event, started: { ...event.started, shardId: 'child', sequenceNumber: '7' } }
        : event
    const { faults } = check([parking.map(inChild), releasing, returning])
    expect(faults).toContain('the position of 5 of b does not follow')
  })
})
