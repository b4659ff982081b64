import assert from 'node:assert/strict'
import {
  assertKey,
  assertKeys,
  assertParked,
  assertRequests,
  assertStored,
  collect,
  hashOf,
  keyOf,
  type ParkingCase,
  positionOf,
  recordOf,
  recordsOf,
} from './bench.ts'

/** The cases on names, and on what is left of a key that was removed. */
export const isolationCases: readonly ParkingCase[] = [
  [
    'names are isolated from each other, whatever characters they contain, up to 255 characters',
    async (bench) => {
      const id = bench.name
      const keyHash = hashOf('shared')
      const filled = (text: string, end: string) =>
        `${id}${text.repeat(255)}`.slice(0, 255 - end.length).concat(end)
      const names = [
        id,
        `a${id}`,
        `A${id}`,
        `a/${id}`,
        `../${id}`,
        `/${id}`,
        `${id}/`,
        `${id}/..`,
        `${id}/${keyHash}`,
        `${id}#${keyHash}`,
        `.${id}`,
        `..${id}`,
        `${id}.`,
        `${id}.json`,
        `${id}%2f`,
        `${id}\\a`,
        `${id}\u0000`,
        ` ${id}`,
        `${id} `,
        `é${id}`,
        // The same character, composed differently.
        `e\u0301${id}`,
        `😀*?"<>|:${id}`,
        `__proto__${id}`,
        filled('x', '1'),
        filled('x', '2'),
        filled('é', '1'),
        filled('é', '2'),
        filled('字', '1'),
        filled('字', '2'),
      ]
      const keyFor = (index: number) => keyOf('shared', { records: index })
      for (const [index, name] of names.entries()) {
        const lease = await bench.acquire(name)
        assert.deepEqual(lease.keys, [], `The new name ${JSON.stringify(name)} has keys.`)
        await lease.save([{ key: keyFor(index), added: [recordOf(0, name)] }])
      }
      const store = await bench.store()
      for (const name of names.slice(0, 5)) assert.equal(await store.release(name, keyHash), true)
      for (const [index, name] of names.entries()) {
        const where = `The name ${JSON.stringify(name)}`
        assertKeys(where, await collect(store.list(name)), [keyFor(index)])
        assert.deepEqual(await collect(store.records(name, keyHash)), [recordOf(0, name)], where)
        const lease = await bench.acquire(name)
        assertKeys(where, lease.keys, [keyFor(index)])
        await assertRequests(lease, index < 5 ? [{ keyHash, action: 'release' }] : [])
      }
      for (const name of names.filter((_, index) => index % 2 === 0)) {
        await (await bench.acquire(name)).remove(keyHash)
      }
      for (const [index, name] of names.entries()) {
        const key = await store.get(name, keyHash)
        if (index % 2 === 0) assert.equal(key, undefined)
        else assertKey(`The name ${JSON.stringify(name)}`, key, keyFor(index))
      }
    },
  ],
  [
    'remove() removes the key with all of its records and requests, and nothing else',
    async (bench) => {
      const store = await bench.store()
      const [removed, other] = [keyOf('removed'), keyOf('other')]
      const lease = await bench.acquire()
      await lease.save([removed, other].map((key) => ({ key, added: recordsOf(0, 30) })))
      for (const { keyHash } of [removed, other]) assert.ok(await store.release(bench.name, keyHash))
      await lease.remove(removed.keyHash)
      await assertRequests(lease, [{ keyHash: other.keyHash, action: 'release' }])
      await assertStored(bench, lease, removed.keyHash, [])
      await assertStored(bench, lease, other.keyHash, recordsOf(0, 30))
      assert.equal(await store.get(bench.name, removed.keyHash), undefined)
      await lease.remove(removed.keyHash)
      const next = await assertParked(bench, [other])
      await assertRequests(next, [{ keyHash: other.keyHash, action: 'release' }])
      await assertStored(bench, next, removed.keyHash, [])
    },
  ],
  [
    'a key that is parked again after its removal has only its new state, records and requests',
    async (bench) => {
      const store = await bench.store()
      const { keyHash } = keyOf('key')
      const lease = await bench.acquire()
      await lease.save([
        { key: keyOf('key', { finished: positionOf(20), last: positionOf(29) }), added: recordsOf(0, 30) },
      ])
      await store.drop(bench.name, keyHash)
      await lease.remove(keyHash)
      // Among them are positions that were finished.
      await lease.save([{ key: keyOf('key', { records: 8 }), added: recordsOf(18, 26, 'new ') }])
      assert.deepEqual(await lease.requests(), [])
      await assertStored(bench, lease, keyHash, recordsOf(18, 26, 'new '))
      const next = await assertParked(bench, [keyOf('key', { records: 8 })])
      await assertStored(bench, next, keyHash, recordsOf(18, 26, 'new '))
      await next.remove(keyHash)
      await next.save([{ key: keyOf('key'), added: [] }])
      const last = await assertParked(bench, [keyOf('key')])
      await assertStored(bench, last, keyHash, [])
      await assertRequests(last, [])
    },
  ],
]
