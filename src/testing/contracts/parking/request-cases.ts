import assert from 'node:assert/strict'
import {
  assertKeys,
  assertRequests,
  assertStored,
  collect,
  hashOf,
  keyOf,
  type ParkingCase,
  positionOf,
  recordsOf,
} from './bench.ts'

/** The cases on requests of operators. */
export const requestCases: readonly ParkingCase[] = [
  [
    'the worker sees a request of another process until it is completed, and no longer after that',
    async (bench) => {
      const operator = await bench.store()
      const [first, second, third] = [keyOf('first'), keyOf('second'), keyOf('third')]
      const lease = await bench.acquire()
      await lease.save([first, second, third].map((key) => ({ key, added: [] })))
      assert.equal(await operator.release(bench.name, first.keyHash), true)
      assert.equal(await operator.drop(bench.name, second.keyHash), true)
      const requests = await assertRequests(lease, [
        { keyHash: first.keyHash, action: 'release' },
        { keyHash: second.keyHash, action: 'drop' },
      ])
      for (const { id } of requests) assert.ok(typeof id === 'string' && id !== '', 'A request has no id.')
      const [release, drop] = requests.toSorted((one) => (one.action === 'release' ? -1 : 1))
      assert.ok(release && drop)
      await lease.complete(release)
      await assertRequests(lease, [{ keyHash: second.keyHash, action: 'drop' }])
      await lease.complete(release)
      await lease.complete(drop)
      await assertRequests(lease, [])
      await assertRequests(await bench.acquire(), [])
    },
  ],
  [
    'requests that were made while no worker was running, and those that are not completed, survive restarts',
    async (bench) => {
      const operator = await bench.store()
      const [first, second] = [keyOf('first'), keyOf('second')]
      const lease = await bench.acquire()
      await lease.save([first, second].map((key) => ({ key, added: [] })))
      assert.equal(await operator.release(bench.name, first.keyHash), true)
      await lease.requests()
      await lease.close()
      assert.equal(await operator.drop(bench.name, second.keyHash), true)
      const expected = [
        { keyHash: first.keyHash, action: 'release' },
        { keyHash: second.keyHash, action: 'drop' },
      ] as const
      const seen = await assertRequests(await bench.acquire(), expected)
      assert.deepEqual(
        (await (await bench.acquire()).requests()).map(({ id }) => id).sort(),
        seen.map(({ id }) => id).sort(),
      )
    },
  ],
  [
    'a drop names the last record that was parked when it was requested, also after others were parked',
    async (bench) => {
      const operator = await bench.store()
      const lease = await bench.acquire()
      const key = keyOf('key')
      await lease.save([{ key, added: [] }])
      assert.equal(await operator.drop(bench.name, key.keyHash), true)
      await lease.save([{ key: { ...key, last: positionOf(99) }, added: [] }])
      const [drop] = await lease.requests()
      assert.equal(drop?.until, key.last)
      assert.equal(await operator.release(bench.name, key.keyHash), true)
      const [release] = await lease.requests()
      assert.equal(release?.until, undefined)
    },
  ],
  [
    'a request replaces an earlier one for the key, and only the later one can be completed then',
    async (bench) => {
      const operator = await bench.store()
      const [{ keyHash }, other] = [keyOf('key'), keyOf('other')]
      const lease = await bench.acquire()
      await lease.save([keyOf('key'), other].map((key) => ({ key, added: [] })))
      await operator.release(bench.name, other.keyHash)
      const ids = new Set<string>()
      const inOrder = ['release', 'drop', 'drop', 'release', 'release'] as const
      let earlier: Awaited<ReturnType<typeof lease.requests>>[number] | undefined
      for (const action of inOrder) {
        assert.equal(await (await bench.store())[action](bench.name, keyHash), true)
        if (earlier) await lease.complete(earlier)
        const requests = await assertRequests(lease, [
          { keyHash, action },
          { keyHash: other.keyHash, action: 'release' },
        ])
        earlier = requests.find((request) => request.keyHash === keyHash)
        ids.add(earlier?.id ?? '')
      }
      assert.equal(ids.size, inOrder.length, 'Two requests for a key have the same id.')
      if (earlier) await lease.complete(earlier)
      // None of those that were replaced appears again.
      await assertRequests(lease, [{ keyHash: other.keyHash, action: 'release' }])
      await assertRequests(await bench.acquire(), [{ keyHash: other.keyHash, action: 'release' }])
    },
  ],
  [
    'a request for a key that is not parked is refused, and has no effect when the key is parked later',
    async (bench) => {
      const operator = await bench.store()
      const key = keyOf('key')
      assert.equal(await operator.release(bench.name, key.keyHash), false)
      const lease = await bench.acquire()
      await lease.save([{ key: keyOf('other'), added: [] }])
      assert.equal(await operator.release(bench.name, key.keyHash), false)
      assert.equal(await operator.drop(bench.name, key.keyHash), false)
      await lease.save([{ key, added: [] }])
      await assertRequests(lease, [])
      await lease.remove(key.keyHash)
      assert.equal(await operator.release(bench.name, key.keyHash), false)
      await lease.save([{ key, added: [] }])
      await assertRequests(lease, [])
      assert.equal(await operator.release(bench.name, hashOf('never parked')), false)
      await assertRequests(await bench.acquire(), [])
    },
  ],
  [
    'removing a key removes its request, also if the key is parked again',
    async (bench) => {
      const operator = await bench.store()
      const key = keyOf('key')
      const lease = await bench.acquire()
      await lease.save([{ key, added: [] }])
      await operator.drop(bench.name, key.keyHash)
      const [request] = await lease.requests()
      assert.ok(request)
      await lease.remove(key.keyHash)
      await assertRequests(lease, [])
      await lease.complete(request)
      await lease.save([{ key, added: [] }])
      await assertRequests(lease, [])
      await operator.release(bench.name, key.keyHash)
      await lease.complete(request)
      const next = await bench.acquire()
      await assertRequests(next, [{ keyHash: key.keyHash, action: 'release' }])
    },
  ],
  [
    'a request changes neither the key nor its records, and a save does not change the request',
    async (bench) => {
      const operator = await bench.store()
      const key = keyOf('key', { progress: { attempts: 2, since: 1 } })
      const lease = await bench.acquire()
      await lease.save([{ key, added: recordsOf(0, 3) }])
      await operator.release(bench.name, key.keyHash)
      assertKeys('list()', await collect(operator.list(bench.name)), [key])
      await assertStored(bench, lease, key.keyHash, recordsOf(0, 3))
      const [before] = await lease.requests()
      const later = keyOf('key', { state: 'releasing', records: 4, last: positionOf(3) })
      await lease.save([{ key: later, added: recordsOf(3, 4) }])
      await lease.save([{ key: { ...later, finished: positionOf(0), records: 3 }, added: [] }])
      assert.deepEqual(await lease.requests(), [before])
      if (before) await lease.complete(before)
      await assertStored(bench, lease, key.keyHash, recordsOf(1, 4))
    },
  ],
  [
    'the requests of several operators at the same time, for one key and for 100, all reach the worker',
    async (bench) => {
      const keys = Array.from({ length: 100 }, (_, index) => keyOf(`key ${index}`))
      const lease = await bench.acquire()
      await lease.save(keys.map((key) => ({ key, added: [] })))
      const operators = await Promise.all([bench.store(), bench.store(), bench.store()])
      const request = async (operator: (typeof operators)[number]) => {
        const made = keys.map(({ keyHash }) => operator.release(bench.name, keyHash))
        assert.deepEqual(new Set(await Promise.all(made)), new Set([true]))
      }
      await Promise.all(operators.map(request))
      const expected = keys.map(({ keyHash }) => ({ keyHash, action: 'release' }) as const)
      for (const one of await assertRequests(lease, expected)) await lease.complete(one)
      await assertRequests(lease, [])
    },
  ],
]
