import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LetterQueues } from '../../../src/redrive/letter-queues.ts'
import type { QueuedLetter } from '../../../src/redrive/queued-letter.ts'

/** A letter with one record for each key, and the sequence number `position`. */
function letter(place: string, position: number, ...keys: string[]): QueuedLetter {
  const range = { streamArn: 'arn', shardId: 's', first: '1', last: '1', count: undefined }
  const parsed = { range, condition: '', name: '', attempts: 1, task: undefined, keyHash: undefined }
  const records = keys.map((key, index) => ({
    key,
    keyHash: key,
    sequenceNumber: String(position),
    createdAtMs: 0,
    identity: `${place}/${key}`,
    index,
    record: undefined,
  }))
  return { place, letter: parsed, streamLabel: '2026', records }
}

function startAll(queues: LetterQueues): string[] {
  const started: string[] = []
  for (let next = queues.start(); next !== undefined; next = queues.start()) started.push(next.place)
  return started
}

test('letters of different keys start at once, oldest first, and those of a key one after another', () => {
  const first = letter('a1', 1, 'a')
  const second = letter('a3', 3, 'a')
  const queues = new LetterQueues([second, letter('b2', 2, 'b'), first], new Set())
  expect(startAll(queues)).toEqual(['a1', 'b2'])
  expect(queues.unstarted).toEqual([second])
  queues.finish(first)
  expect(startAll(queues)).toEqual(['a3'])
})

test('a letter with several keys waits for the earlier letters of all of them', () => {
  const [a, b] = [letter('a', 1, 'a'), letter('b', 2, 'b')]
  const queues = new LetterQueues([a, b, letter('ab', 3, 'a', 'b'), letter('c', 4, 'c')], new Set())
  expect(startAll(queues)).toEqual(['a', 'b', 'c'])
  queues.finish(b)
  expect(startAll(queues)).toEqual([])
  queues.finish(a)
  expect(startAll(queues)).toEqual(['ab'])
})

test('letters behind one that is not finished never start, also if they share only its other key', () => {
  const queues = new LetterQueues(
    [letter('a', 1, 'a'), letter('ab', 2, 'a', 'b'), letter('b', 3, 'b')],
    new Set(),
  )
  expect(startAll(queues)).toEqual(['a'])
  expect(queues.unstarted.map(({ place }) => place)).toEqual(['ab', 'b'])
  expect([...queues.unfinishedKeys]).toEqual(['a', 'b'])
})

test('letters of a key that is blocked since an earlier pass never start', () => {
  const queues = new LetterQueues([letter('a', 1, 'a'), letter('b', 2, 'b')], new Set(['a']))
  expect(startAll(queues)).toEqual(['b'])
})

test('streams of a table are ordered by the time at which they were enabled, before sequence numbers', () => {
  const old = { ...letter('old', 9, 'a'), streamLabel: '2025' }
  const queues = new LetterQueues([letter('new', 1, 'a'), old], new Set())
  expect(startAll(queues)).toEqual(['old'])
})

test('sequence numbers are compared as numbers, beyond the precision of JavaScript', () => {
  const number = (place: string, sequenceNumber: string) => {
    const { records, ...others } = letter(place, 0, 'a')
    return { ...others, records: records.map((record) => ({ ...record, sequenceNumber })) }
  }
  const [low, high] = [number('low', '999'), number('high', '421000000000012345678901')]
  const higher = number('higher', '421000000000012345678902')
  const queues = new LetterQueues([higher, high, low], new Set())
  const order: string[] = []
  for (let next = queues.start(); next !== undefined; next = queues.start()) {
    order.push(next.place)
    queues.finish(next)
  }
  expect(order).toEqual(['low', 'high', 'higher'])
})

test('with any letters, keys and failures, each key is in order and every letter that can start does', () => {
  const keys = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 3 })
  const history = fc.record({
    letters: fc.array(fc.record({ keys, fails: fc.integer({ max: 5, min: 0 }) }), { maxLength: 20 }),
    seed: fc.infiniteStream(fc.nat()),
  })
  fc.assert(
    fc.property(history, ({ letters: specs, seed }) => {
      const letters = specs.map((spec, index) => letter(String(index), index, ...spec.keys))
      const fails = (queued: QueuedLetter) => specs[Number(queued.place)]?.fails === 0
      const shuffled = letters.toSorted(() => ((seed.next().value ?? 0) % 2 === 0 ? -1 : 1))
      const queues = new LetterQueues(shuffled, new Set())
      const running: QueuedLetter[] = []
      const finished = new Set<QueuedLetter>()
      for (;;) {
        for (let next = queues.start(); next !== undefined; next = queues.start()) {
          const started = next
          const earlier = letters.filter(
            ({ place, records }) =>
              Number(place) < Number(started.place) &&
              records.some(({ key }) => started.records.some((record) => record.key === key)),
          )
          expect(earlier.every((other) => finished.has(other))).toBe(true)
          running.push(started)
        }
        if (running.length === 0) break
        const [ended] = running.splice((seed.next().value ?? 0) % running.length, 1)
        if (ended === undefined || fails(ended)) continue
        finished.add(ended)
        queues.finish(ended)
      }
      // What has not started is behind a letter that failed, or behind one that has not started.
      for (const waiting of queues.unstarted) {
        const isBehind = letters.some(
          (other) =>
            Number(other.place) < Number(waiting.place) &&
            !finished.has(other) &&
            other.records.some(({ key }) => waiting.records.some((record) => record.key === key)),
        )
        expect(isBehind).toBe(true)
      }
    }),
  )
})
