import assert from 'node:assert/strict'
import {
  assertRecords,
  assertStored,
  collect,
  keyOf,
  type ParkingCase,
  positionOf,
  recordsOf,
} from './bench.ts'

/** The cases on operators that read while the worker writes. */
export const readerCases: readonly ParkingCase[] = [
  [
    'a reader sees all records of a save or none of them, while the worker saves',
    async (bench) => {
      const { keyHash } = keyOf('key')
      const lease = await bench.acquire()
      const store = await bench.store()
      const SIZE = 40
      let isSaving = true
      const save = async () => {
        for (let count = SIZE; count <= 10 * SIZE; count += SIZE) {
          const key = keyOf('key', { records: count, last: positionOf(count - 1) })
          await lease.save([{ key, added: recordsOf(count - SIZE, count, 'y'.repeat(500)) }])
        }
      }
      const read = async () => {
        do {
          const key = await store.get(bench.name, keyHash)
          const records = await collect(store.records(bench.name, keyHash))
          assert.equal(records.length % SIZE, 0, `A reader has seen ${records.length} records.`)
          assert.ok(records.length >= (key?.records ?? 0), 'A reader has seen a key without its records.')
          assertRecords('records()', records, recordsOf(0, records.length, 'y'.repeat(500)))
          // Stores without I/O resolve before the next save.
          await new Promise(setImmediate)
        } while (isSaving)
      }
      const saving = save().finally(() => {
        isSaving = false
      })
      await Promise.all([saving, read()])
      await assertStored(bench, lease, keyHash, recordsOf(0, 10 * SIZE, 'y'.repeat(500)))
    },
  ],
  [
    'a reader is not disturbed when the records that it reads are finished, or when their key is removed',
    async (bench) => {
      const key = keyOf('key', { last: positionOf(599) })
      const lease = await bench.acquire()
      await lease.save([{ key, added: recordsOf(0, 600, 'z'.repeat(1_000)) }])
      const iterate = async () =>
        (await bench.store()).records(bench.name, key.keyHash)[Symbol.asyncIterator]()
      const records = await iterate()
      const first = await records.next()
      assert.equal(first.value?.position, positionOf(0))
      await lease.save([{ key: { ...key, finished: positionOf(598) }, added: [] }])
      let last = positionOf(0)
      for (let next = await records.next(); !next.done; next = await records.next()) {
        assert.ok(next.value.position > last, `records() yielded ${next.value.position} after ${last}.`)
        last = next.value.position
      }
      assert.equal(last, positionOf(599), 'The reader has not seen the record that is not finished.')
      const others = await iterate()
      assert.equal((await others.next()).done, false)
      await lease.remove(key.keyHash)
      while (!(await others.next()).done);
    },
  ],
]
