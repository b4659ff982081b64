import assert from 'node:assert/strict'
import type { ParkedKey } from '../../../parking/parking-store.ts'
import {
  assertKeys,
  assertParked,
  assertStored,
  collect,
  hashOf,
  keyOf,
  type ParkingCase,
  positionOf,
  readAll,
  recordOf,
  recordsOf,
} from './bench.ts'

/** What is unusual in a string: characters with a meaning in JSON, in file names and to databases. */
const UNUSUAL = '\u0000\u0001\u001f\u007f\u0085\u2028\u2029\ufffe\uffff "\'\\/\r\n\t<&>%~é😀\u{1fffe}'

/** The cases on what is stored of a key, apart from its records. */
export const keyCases: readonly ParkingCase[] = [
  [
    'a name without parked keys has neither keys nor requests, and no call on a key that is not parked fails',
    async (bench) => {
      const store = await bench.store()
      const keyHash = hashOf('none')
      const assertEmpty = async () => {
        assert.deepEqual(await collect(store.list(bench.name)), [])
        assert.equal(await store.get(bench.name, keyHash), undefined)
        assert.deepEqual(await collect(store.records(bench.name, keyHash)), [])
        assert.equal(await store.release(bench.name, keyHash), false)
        assert.equal(await store.drop(bench.name, keyHash), false)
      }
      await assertEmpty()
      const lease = await store.acquire(bench.name)
      assert.deepEqual(lease.keys, [])
      await assertEmpty()
      assert.deepEqual(await lease.read(keyHash, undefined, 10), [])
      assert.deepEqual(await lease.read(keyHash, positionOf(0), 10), [])
      await lease.remove(keyHash)
      await lease.complete({ keyHash, action: 'release', id: 'unknown' })
      await lease.save([])
      assert.deepEqual(await lease.requests(), [])
      await lease.close()
      await assertParked(bench, [])
    },
  ],
  [
    'parked keys are the same after a restart, with all of their members and no others',
    async (bench) => {
      const keys = [
        keyOf('plain'),
        keyOf('releasing', { state: 'releasing', finished: positionOf(0), records: 0 }),
        keyOf('never tried', { progress: { attempts: 0, since: 0 } }),
        keyOf('all', {
          parkedAt: 1_767_323_045_678,
          records: 100_000,
          last: positionOf(100_000),
          finished: positionOf(1),
          progress: {
            attempts: 21,
            since: 1_767_323_045_679,
            running: true,
            done: ['mail', 'index'],
            error: { name: 'TimeoutError', code: 'ETIMEDOUT' },
          },
        }),
        keyOf('empty', { progress: { attempts: 1, since: 1, done: [], error: { name: '' } } }),
      ]
      const lease = await bench.acquire()
      await lease.save(keys.map((key) => ({ key, added: [] })))
      await lease.close()
      await assertParked(bench, keys)
    },
  ],
  [
    'a save replaces the whole state of a key, and keys that it does not name are unchanged',
    async (bench) => {
      const progress = {
        attempts: 3,
        since: 1,
        running: true,
        done: ['mail'],
        error: { name: 'Error' },
      } as const
      const first = keyOf('first', { state: 'releasing', finished: positionOf(0), progress })
      const other = keyOf('other', { progress })
      const lease = await bench.acquire()
      await lease.save([first, other].map((key) => ({ key, added: [] })))
      const later = keyOf('first', { parkedAt: 5, records: 7, last: positionOf(7) })
      await lease.save([{ key: later, added: [] }])
      const next = await assertParked(bench, [later, other])
      await next.save([{ key: first, added: [] }])
      await assertParked(bench, [first, other])
    },
  ],
  [
    'the keys of a lease are those that were parked when it was acquired',
    async (bench) => {
      const first = await bench.acquire()
      const key = keyOf('key')
      await first.save([{ key, added: recordsOf(0, 1) }])
      assert.deepEqual(first.keys, [])
      const second = await bench.acquire()
      await second.save([
        { key: keyOf('key', { records: 2 }), added: [] },
        { key: keyOf('new'), added: [] },
      ])
      await second.remove(key.keyHash)
      assertKeys('The lease', second.keys, [key])
    },
  ],
  [
    'changing an object that was saved or returned does not change what is stored',
    async (bench) => {
      const original = keyOf('key', { progress: { attempts: 1, since: 1, done: ['mail'] } })
      const saved = structuredClone(original)
      const added = recordsOf(0, 2)
      const lease = await bench.acquire()
      await lease.save([{ key: saved, added }])
      const spoil = (key: ParkedKey | undefined, records: object[]) => {
        assert.ok(key?.progress)
        Object.assign(key.progress, { attempts: 9, done: ['spoiled'] })
        Object.assign(key, { records: 9 })
        for (const record of records) Object.assign(record, { content: 'spoiled' })
        records.pop()
      }
      spoil(saved, added)
      const store = await bench.store()
      const [listed] = await collect(store.list(bench.name))
      spoil(listed, await readAll(lease, original.keyHash))
      spoil(await store.get(bench.name, original.keyHash), [
        ...(await collect(store.records(bench.name, original.keyHash))),
      ])
      const next = await bench.acquire()
      spoil(next.keys[0], [])
      await assertStored(bench, await assertParked(bench, [original]), original.keyHash, recordsOf(0, 2))
    },
  ],
  [
    'item keys of 8 kB, and strings with control characters, quotes and emoji, are stored unchanged',
    async (bench) => {
      const keys = [
        keyOf('unusual', {
          key: JSON.stringify({ [UNUSUAL]: { S: UNUSUAL } }),
          progress: { attempts: 1, since: 1, done: [UNUSUAL, ''], error: { name: UNUSUAL, code: UNUSUAL } },
        }),
        keyOf('long', { key: `{"id":{"S":"${'é'.repeat(4_090)}"}}` }),
        keyOf('raw', { key: `{"id":{"S":"${'\u2028'.repeat(100)}"}}` }),
      ]
      const lease = await bench.acquire()
      await lease.save(keys.map((key) => ({ key, added: [] })))
      await assertParked(bench, keys)
    },
  ],
  [
    'hashes that differ only in case, or that start with - or _, are different keys',
    async (bench) => {
      const hashes = [
        `a${'B'.repeat(21)}`,
        `A${'b'.repeat(21)}`,
        'a'.repeat(22),
        'A'.repeat(22),
        `-${'0'.repeat(21)}`,
        `_${'0'.repeat(21)}`,
        `--${'_'.repeat(20)}`,
      ]
      const keys = hashes.map((keyHash) => keyOf(keyHash, { keyHash }))
      const lease = await bench.acquire()
      for (const [index, key] of keys.entries())
        await lease.save([{ key, added: recordsOf(index, index + 1) }])
      const next = await assertParked(bench, keys)
      for (const [index, { keyHash }] of keys.entries()) {
        await assertStored(bench, next, keyHash, recordsOf(index, index + 1))
      }
    },
  ],
  [
    '300 keys that are parked in one save, and 300 others in saves of 30, are all listed and acquired',
    async (bench) => {
      const keys = Array.from({ length: 600 }, (_, index) => keyOf(`key ${index}`, { records: index }))
      const updates = keys.map((key, index) => ({ key, added: [recordOf(0, `record ${index}`)] }))
      const lease = await bench.acquire()
      await lease.save(updates.slice(0, 300))
      for (let from = 300; from < 600; from += 30) await lease.save(updates.slice(from, from + 30))
      const next = await assertParked(bench, keys)
      for (const index of [0, 1, 299, 300, 599]) {
        await assertStored(bench, next, hashOf(`key ${index}`), [recordOf(0, `record ${index}`)])
      }
    },
  ],
]
