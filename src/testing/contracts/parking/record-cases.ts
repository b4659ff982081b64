import assert from 'node:assert/strict'
import type { ParkedRecord } from '../../../parking/parking-store.ts'
import {
  assertParked,
  assertRecords,
  assertStored,
  keyOf,
  type ParkingCase,
  positionOf,
  readAll,
  recordOf,
  recordsOf,
} from './bench.ts'

/** Positions in the order of their UTF-16 code units. Numbers, words and languages have other orders. */
const ORDERED_POSITIONS = [
  ' ',
  '!',
  '"quoted"',
  '#',
  "'",
  '-1',
  '.',
  '../a',
  '/',
  '0',
  '00',
  '1',
  '10',
  '100',
  '2',
  '9',
  ':',
  'A',
  'AB',
  'Z',
  'Z/0',
  '[',
  '\\',
  '_',
  'a',
  'a b',
  'aB',
  'aa',
  'b',
  `b${'9'.repeat(98)}0`,
  `b${'9'.repeat(98)}1`,
  'z',
  '{}',
  '~',
]

const UNUSUAL_CONTENTS = [
  ' ',
  '\n',
  '"',
  'a\nb\r\nc\u2028d\u2029e\u0085f',
  '"\'\\"\\\\u0041',
  '\u0000\u0001\u0008\u000b\u001f\u007f',
  '\ufeffé字😀👩‍👩‍👧\u{1fffe}\ufffe\uffff',
  '{"unbalanced":["',
  JSON.stringify({ record: { dynamodb: { NewImage: { text: { S: 'line\nbreak\u2028"😀"' } } } } }),
]

/** The cases on the records of keys. */
export const recordCases: readonly ParkingCase[] = [
  [
    'records are added behind those that are stored, and are the same after a restart',
    async (bench) => {
      const key = keyOf('key')
      const lease = await bench.acquire()
      await lease.save([{ key, added: recordsOf(0, 3) }])
      await lease.save([{ key, added: [] }])
      await lease.save([{ key, added: recordsOf(3, 4) }])
      await assertStored(bench, lease, key.keyHash, recordsOf(0, 4))
      const next = await bench.acquire()
      await assertStored(bench, next, key.keyHash, recordsOf(0, 4))
      await next.save([{ key, added: recordsOf(4, 6) }])
      await assertStored(bench, next, key.keyHash, recordsOf(0, 6))
      await assertStored(bench, await bench.acquire(), key.keyHash, recordsOf(0, 6))
    },
  ],
  [
    'a save that is repeated, with the same or with more records and a later state, stores each record once',
    async (bench) => {
      const { keyHash } = keyOf('key')
      const lease = await bench.acquire()
      await lease.save([{ key: keyOf('key'), added: recordsOf(0, 2) }])
      const update = { key: keyOf('key', { records: 5 }), added: recordsOf(2, 5) }
      await lease.save([update])
      await lease.save([update])
      await assertStored(bench, lease, keyHash, recordsOf(0, 5))
      const later = { key: keyOf('key', { records: 9, last: positionOf(8) }), added: recordsOf(2, 9) }
      await lease.save([later])
      await assertStored(bench, lease, keyHash, recordsOf(0, 9))
      const next = await assertParked(bench, [later.key])
      await next.save([{ ...later, added: recordsOf(8, 10) }])
      await assertStored(bench, next, keyHash, recordsOf(0, 10))
      await next.save([{ ...later, added: recordsOf(0, 11) }])
      await assertStored(bench, await bench.acquire(), keyHash, recordsOf(0, 11))
    },
  ],
  [
    'a record whose position is stored already is replaced, and the records around it are unchanged',
    async (bench) => {
      const key = keyOf('key')
      const lease = await bench.acquire()
      await lease.save([{ key, added: recordsOf(0, 6) }])
      await lease.save([{ key, added: [recordOf(2, 'replaced')] }])
      await lease.save([{ key, added: [recordOf(4, 'longer than before'), ...recordsOf(5, 7, 'new ')] }])
      const expected = [
        ...recordsOf(0, 2),
        recordOf(2, 'replaced'),
        ...recordsOf(3, 4),
        recordOf(4, 'longer than before'),
        ...recordsOf(5, 7, 'new '),
      ]
      await assertStored(bench, lease, key.keyHash, expected)
      await assertStored(bench, await bench.acquire(), key.keyHash, expected)
    },
  ],
  [
    'positions are compared as strings, by UTF-16 code unit',
    async (bench) => {
      const key = keyOf('key')
      const records = ORDERED_POSITIONS.map((position) => ({ position, content: `at ${position}` }))
      const lease = await bench.acquire()
      await lease.save([{ key, added: records.slice(0, 5) }])
      for (const record of records.slice(5, 12)) await lease.save([{ key, added: [record] }])
      await lease.save([{ key, added: records.slice(12) }])
      await assertStored(bench, lease, key.keyHash, records)
      assertRecords('read()', await readAll(lease, key.keyHash, { limit: 1 }), records)
      for (const [index, { position }] of records.entries()) {
        const [next] = await lease.read(key.keyHash, position, 1)
        assert.equal(next?.position, records[index + 1]?.position)
      }
      for (const finished of ['9', '\\', '~']) {
        await lease.save([{ key: { ...key, finished }, added: [] }])
        const left = records.filter(({ position }) => position > finished)
        await assertStored(bench, lease, key.keyHash, left)
      }
    },
  ],
  [
    'contents with line breaks, quotes, control characters and emoji are stored unchanged',
    async (bench) => {
      const key = keyOf('key')
      const records = UNUSUAL_CONTENTS.map((content, index) => ({ position: positionOf(index), content }))
      const lease = await bench.acquire()
      await lease.save([{ key, added: records.slice(0, 4) }])
      await lease.save([{ key, added: records.slice(4) }])
      await assertStored(bench, lease, key.keyHash, records)
      await assertStored(bench, await bench.acquire(), key.keyHash, records)
    },
  ],
  [
    'contents of 2 MB are stored and read, also several in one save and between small ones',
    async (bench) => {
      const key = keyOf('key')
      const large = ['x', '"', '\n', 'é', '字', '😀', '\u2028'].map((character) => {
        const { length } = Buffer.from(character)
        return JSON.stringify({ shardId: 'shard', record: character.repeat(Math.floor(2_000_000 / length)) })
      })
      const records = large.flatMap((content, index) => [
        { position: positionOf(2 * index), content },
        recordOf(2 * index + 1, 'small'),
      ])
      const lease = await bench.acquire()
      await lease.save([{ key, added: records.slice(0, 1) }])
      await lease.save([{ key, added: records.slice(1, 7) }])
      await lease.save([{ key, added: records.slice(7) }])
      await assertStored(bench, lease, key.keyHash, records)
      assertRecords('read()', await readAll(lease, key.keyHash, { limit: 1 }), records)
      await assertStored(bench, await bench.acquire(), key.keyHash, records)
      await lease.close()
    },
  ],
  [
    '1,200 records of one key, parked in one save and in many, are read in order with every limit',
    async (bench) => {
      const [one, many] = [keyOf('one save'), keyOf('many saves')]
      const records = recordsOf(0, 1_200, 'x'.repeat(300))
      const lease = await bench.acquire()
      await lease.save([{ key: one, added: records }])
      for (let from = 0; from < 1_200; from += 100) {
        await lease.save([{ key: many, added: records.slice(from, from + 100) }])
      }
      for (const { keyHash } of [one, many]) {
        for (const limit of [7, 100, 1_199, 5_000]) {
          assertRecords(`read(${limit})`, await readAll(lease, keyHash, { limit }), records)
        }
      }
      const next = await bench.acquire()
      for (const { keyHash } of [one, many]) await assertStored(bench, next, keyHash, records)
    },
  ],
  [
    'read() starts after any position, stored or not, and returns nothing after the last one',
    async (bench) => {
      const key = keyOf('key')
      const records = recordsOf(0, 40).filter((_, index) => index % 2 === 1)
      const lease = await bench.acquire()
      await lease.save([
        { key, added: records },
        { key: keyOf('other'), added: recordsOf(0, 40, 'other ') },
      ])
      // Not in the order of the records, as after a release that failed.
      for (const start of [20, 0, 39, 5, 6, 38, 21, 1]) {
        const expected = records.filter(({ position }) => position > positionOf(start))
        const read = await readAll(lease, key.keyHash, { after: positionOf(start), limit: 3 })
        assertRecords(`read() after ${start}`, read, expected)
      }
      const first = await lease.read(key.keyHash, '', 1)
      assert.equal(first.length, 1)
      assertRecords('read() after an empty string', first, records.slice(0, 1))
      assert.deepEqual(await lease.read(key.keyHash, positionOf(39), 1), [])
      assert.deepEqual(await lease.read(key.keyHash, '~', 1), [])
    },
  ],
  [
    'records that are added while a key is read are found behind those that were read',
    async (bench) => {
      const key = keyOf('key')
      const lease = await bench.acquire()
      const read: ParkedRecord[] = []
      for (let index = 0; index < 30; index += 3) {
        await lease.save([{ key, added: recordsOf(index, index + 3) }])
        read.push(...(await lease.read(key.keyHash, read.at(-1)?.position, 2)))
      }
      read.push(...(await readAll(lease, key.keyHash, { after: read.at(-1)?.position ?? '' })))
      assertRecords('read()', read, recordsOf(0, 30))
    },
  ],
  [
    'finished records are no longer read, and those after them are, also after a restart',
    async (bench) => {
      const { keyHash } = keyOf('key')
      const finishedAt = (index: number) =>
        keyOf('key', { state: 'releasing', finished: positionOf(index), last: positionOf(49) })
      let lease = await bench.acquire()
      await lease.save([{ key: keyOf('key', { last: positionOf(49) }), added: recordsOf(0, 50) }])
      for (const finished of [0, 1, 19, 48]) {
        await lease.save([{ key: finishedAt(finished), added: [] }])
        await assertStored(bench, lease, keyHash, recordsOf(finished + 1, 50))
        const after = positionOf(finished)
        assertRecords('read()', await readAll(lease, keyHash, { after }), recordsOf(finished + 1, 50))
        lease = await bench.acquire()
        await assertStored(bench, lease, keyHash, recordsOf(finished + 1, 50))
      }
      await lease.save([{ key: finishedAt(49), added: recordsOf(50, 52) }])
      await assertStored(bench, lease, keyHash, recordsOf(50, 52))
      await lease.save([{ key: finishedAt(51), added: [] }])
      await assertStored(bench, lease, keyHash, [])
      lease = await assertParked(bench, [finishedAt(51)])
      await lease.save([{ key: finishedAt(51), added: recordsOf(52, 53) }])
      await assertStored(bench, await bench.acquire(), keyHash, recordsOf(52, 53))
    },
  ],
]
