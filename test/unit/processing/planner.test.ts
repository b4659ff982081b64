import { describe, expect, it } from 'vitest'
import type { QueuedRecord } from '../../../src/processing/queued-record.ts'
import { numbersOfWork, plannerWith } from './planner-subject.ts'

const repeat = () => 'repeat' as const

describe('Planner', () => {
  describe('lanes', () => {
    it('starts one record per key at a time, and the next one when it is settled', () => {
      const subject = plannerWith()
      subject.add('a', 'b', 'a', 'a')
      const [a, b] = subject.start()
      expect([a, b].map((work) => work && numbersOfWork(work))).toEqual([[0], [1]])
      subject.end(b, 'settled')
      expect(subject.startNumbers()).toEqual([])
      subject.end(a, 'settled')
      expect(subject.startNumbers()).toEqual([[2]])
    })

    it('starts no more works than concurrency, those with the oldest first record first', () => {
      const subject = plannerWith({ concurrency: 2 })
      subject.add('a', 'a', 'b', 'c', 'd')
      const [a, b] = subject.start()
      expect(subject.startNumbers()).toEqual([])
      subject.end(b, 'settled')
      subject.end(a, 'settled')
      expect(subject.startNumbers()).toEqual([[1], [3]])
    })

    it('without an order, starts all records, also those of one key', () => {
      const subject = plannerWith({ order: 'none' })
      subject.add('a', 'a', 'a')
      expect(subject.startNumbers()).toEqual([[0], [1], [2]])
      expect(subject.planner.lanes).toBe(3)
    })

    it('a lane is forgotten when its last record is settled', () => {
      const subject = plannerWith()
      for (let n = 0; n < 50; n++) subject.add(`key-${n}`)
      for (let works = subject.start(); works.length > 0; works = subject.start()) {
        for (const work of works) subject.end(work, 'settled')
      }
      expect(subject.planner).toMatchObject({
        lanes: 0,
        unsettled: 0,
        bytes: 0,
        running: 0,
        failing: 0,
        held: 0,
      })
    })

    it('a lane that waits for a retry holds no slot, and continues with the same record when it is due', () => {
      const subject = plannerWith({ concurrency: 1 })
      subject.add('a', 'a', 'b')
      const [a] = subject.start()
      subject.end(a, { retryAt: 500 })
      const [b] = subject.start()
      expect(b && numbersOfWork(b)).toEqual([2])
      subject.end(b, 'settled')
      expect(subject.start()).toEqual([])
      expect(subject.planner.wakeAt).toBe(500)
      subject.now = 499
      expect(subject.start()).toEqual([])
      subject.now = 500
      expect(subject.startNumbers()).toEqual([[0]])
    })

    it('of very many lanes that are due at once, a part becomes ready per turn, until all have run', () => {
      const subject = plannerWith({ concurrency: 2_500, maxFailingKeys: 2_500 })
      for (let n = 0; n < 2_500; n++) subject.add(`key-${n}`)
      for (const work of subject.start()) subject.end(work, { retryAt: 100 })
      subject.now = 100
      const turns: number[] = []
      while ((subject.planner.wakeAt ?? 101) <= subject.now) turns.push(subject.start().length)
      expect(turns).toEqual([1_000, 1_000, 500])
      expect(subject.planner.wakeAt).toBeUndefined()
    })

    it('a lane whose first record is given up holds no slot, and continues when the record is released', () => {
      const subject = plannerWith({ concurrency: 1 })
      const [first] = subject.add('a', 'a', 'b') as [QueuedRecord]
      subject.end(subject.start()[0], 'givenUp')
      expect(subject.planner.held).toBe(1)
      subject.end(subject.start()[0], 'settled')
      expect(subject.start()).toEqual([])
      expect(subject.planner.unsettled).toBe(2)
      subject.planner.release(first, 0)
      expect(subject.planner).toMatchObject({ held: 0, unsettled: 1 })
      expect(subject.startNumbers()).toEqual([[1]])
    })

    it('a record that must not start is given up in its place, and its lane waits', () => {
      const subject = plannerWith({ judge: ({ ordinal }) => (ordinal === 1 ? 'too old' : undefined) })
      subject.add('a', 'a', 'a')
      subject.end(subject.start()[0], 'settled')
      expect(subject.start()).toEqual([])
      expect(subject.givenUp.map(({ ordinal }) => ordinal)).toEqual([1])
      subject.planner.release(subject.givenUp[0] as QueuedRecord, 0)
      expect(subject.startNumbers()).toEqual([[2]])
    })
  })

  describe('bounds', () => {
    it('at maxFailingKeys no further lane starts, but lanes that have failed are retried', () => {
      const subject = plannerWith({ maxFailingKeys: 2, concurrency: 10 })
      subject.add('a', 'b')
      for (const work of subject.start()) subject.end(work, { retryAt: 100 })
      expect(subject.planner.failing).toBe(2)
      subject.add('c', 'a')
      expect(subject.start()).toEqual([])
      subject.now = 100
      const retries = subject.start()
      expect(retries.map(numbersOfWork)).toEqual([[0], [1]])
      subject.end(retries[1], 'settled')
      expect(subject.startNumbers()).toEqual([[2]])
    })

    it('lanes that wait for a dead letter count towards maxFailingKeys', () => {
      const subject = plannerWith({ maxFailingKeys: 1 })
      const [a] = subject.add('a', 'b') as [QueuedRecord]
      const works = subject.start()
      subject.end(works[0], 'givenUp')
      subject.end(works[1], 'settled')
      subject.add('c')
      expect(subject.start()).toEqual([])
      subject.planner.release(a, 0)
      expect(subject.startNumbers()).toEqual([[2]])
    })

    it('a lane in which a batch gave up several records counts once towards maxFailingKeys', () => {
      const subject = plannerWith({ order: 'shard', batch: {}, maxFailingKeys: 2 })
      const records = subject.add({}, {}, {})
      subject.end(subject.start()[0], 'givenUp')
      subject.add({ shardId: 'shard-b' })
      expect(subject.planner.held).toBe(1)
      expect(subject.startNumbers()).toEqual([[3]])
      for (const record of records) subject.planner.release(record, 0)
      expect(subject.planner.held).toBe(0)
    })

    it('wants no record at maxUnsettled or maxUnsettledBytes, but always one if nothing is unsettled', () => {
      const byCount = plannerWith({ maxUnsettled: 3 })
      byCount.add('a', 'a')
      expect(byCount.planner).toMatchObject({ wantsRecord: true, bound: undefined })
      byCount.add('a')
      expect(byCount.planner).toMatchObject({ wantsRecord: false, bound: 'unsettled' })
      const bySize = plannerWith({ maxUnsettledBytes: 1 })
      expect(bySize.planner).toMatchObject({ wantsRecord: true, bound: undefined })
      bySize.add({ key: 'a', bytes: 800_000 })
      expect(bySize.planner).toMatchObject({ wantsRecord: false, bound: 'bytes', bytes: 800_000 })
      bySize.end(bySize.start()[0], 'settled')
      expect(bySize.planner).toMatchObject({ wantsRecord: true, bytes: 0 })
    })

    it('reads past a blocked key, but not far ahead of the free slots', () => {
      const subject = plannerWith({ concurrency: 4, maxUnsettled: 10_000 })
      let records = 0
      for (; subject.planner.wantsRecord && records < 20_000; records++) subject.add('poison')
      expect(records).toBe(10_000)
      const other = plannerWith({ concurrency: 4 })
      records = 0
      for (; other.planner.wantsRecord && records < 20_000; records++) other.add(`key-${records}`)
      expect(records).toBeLessThan(100)
    })
  })

  describe('batches', () => {
    it('contain records of one shard, oldest first, with several records of one key in order', () => {
      const subject = plannerWith({ batch: { batchSize: 10 } })
      subject.add(
        { key: 'a', shardId: 's1' },
        { key: 'b', shardId: 's2' },
        { key: 'c', shardId: 's1' },
        { key: 'a', shardId: 's1' },
        { key: 'd', shardId: 's2' },
      )
      expect(subject.startNumbers()).toEqual([
        [0, 2, 3],
        [1, 4],
      ])
    })

    it('contain no record of a key whose earlier records are in another shard', () => {
      const subject = plannerWith({ batch: {} })
      subject.add({ key: 'a', shardId: 's1' }, { key: 'a', shardId: 's2' }, { key: 'b', shardId: 's2' })
      const works = subject.start()
      expect(works.map(numbersOfWork)).toEqual([[0], [2]])
      subject.end(works[0], 'settled')
      expect(subject.startNumbers()).toEqual([[1]])
    })

    it('have at most batchSize records, and a complete one starts before its window is over', () => {
      const subject = plannerWith({ batch: { batchSize: 3, maxBatchingWindowMs: 60_000 } })
      subject.add('a', 'b', 'c', 'd', 'e')
      expect(subject.startNumbers()).toEqual([[0, 1, 2]])
    })

    it('have at most maxBatchBytes, except that a larger record is in a batch of its own', () => {
      const subject = plannerWith({ batch: { maxBatchBytes: 250 } })
      for (const [key, bytes] of Object.entries({ a: 100, b: 100, c: 100, d: 900, e: 10 })) {
        subject.add({ key, bytes })
      }
      expect(subject.startNumbers()).toEqual([[0, 1], [2], [3], [4]])
    })

    it('without a window, start as soon as no further record is available', () => {
      const subject = plannerWith({ batch: {} })
      subject.input = 'flowing'
      subject.add('a', 'b')
      expect(subject.start()).toEqual([])
      subject.input = 'idle'
      expect(subject.startNumbers()).toEqual([[0, 1]])
    })

    it('start when the window is over, which is counted from the first record that waits', () => {
      const subject = plannerWith({ batch: { maxBatchingWindowMs: 1_000 } })
      subject.add('a')
      subject.now = 600
      subject.add('b')
      expect(subject.start()).toEqual([])
      expect(subject.planner.wakeAt).toBe(1_000)
      subject.now = 1_000
      expect(subject.startNumbers()).toEqual([[0, 1]])
    })

    it('a window is not extended by older records that become ready later', () => {
      const subject = plannerWith({ batch: { batchSize: 10, maxBatchingWindowMs: 1_000 } })
      subject.add('a', 'a', 'b', 'b')
      subject.now = 1_000
      const [work] = subject.start()
      expect(work && numbersOfWork(work)).toEqual([0, 1, 2, 3])
      subject.now = 1_100
      subject.add('c')
      subject.now = 1_900
      // The first record of each key is done; the second ones, which are older than that of c, wait again.
      const isFirst = ({ ordinal }: QueuedRecord) => ordinal === 0 || ordinal === 2
      subject.end(work, (record) => (isFirst(record) ? 'settled' : 'repeat'))
      expect(subject.planner.wakeAt).toBe(2_100)
      subject.now = 2_100
      expect(subject.startNumbers()).toEqual([[1, 3, 4]])
    })

    it('that are not complete start although another shard has a backlog, for which reading waits', () => {
      const subject = plannerWith({ batch: { batchSize: 2 }, concurrency: 1 })
      subject.input = 'flowing'
      subject.add({ shardId: 'shard-b' })
      while (subject.planner.wantsRecord) subject.add({})
      expect(subject.startNumbers()).toEqual([[0]])
    })

    it('that wait for their window start when reading waits because a bound is reached', () => {
      const subject = plannerWith({ maxUnsettled: 4, batch: { batchSize: 4, maxBatchingWindowMs: 300_000 } })
      subject.add({ key: 'a', shardId: 's1' }, { key: 'b', shardId: 's1' }, { key: 'c', shardId: 's2' })
      expect(subject.start()).toEqual([])
      subject.add({ key: 'd', shardId: 's2' })
      expect(subject.startNumbers()).toEqual([
        [0, 1],
        [2, 3],
      ])
    })

    it('start when the stream has ended', () => {
      const subject = plannerWith({ batch: { maxBatchingWindowMs: 300_000 } })
      subject.add('a')
      subject.input = 'over'
      expect(subject.startNumbers()).toEqual([[0]])
    })

    it('a record whose attempt ended the process is alone in its batch, in the order of its key', () => {
      const subject = plannerWith({ batch: {} })
      subject.add('a', { key: 'a', resumed: { isRunning: true } }, 'a', 'b')
      const [first] = subject.start()
      expect(first && numbersOfWork(first)).toEqual([0, 3])
      subject.end(first, 'settled')
      const [alone] = subject.start()
      expect(alone && numbersOfWork(alone)).toEqual([1])
      subject.end(alone, 'settled')
      expect(subject.startNumbers()).toEqual([[2]])
    })

    it('records that have failed are never in a batch with records of other keys that have not', () => {
      const subject = plannerWith({ batch: {} })
      subject.add('a', 'b')
      subject.end(subject.start()[0], ({ ordinal }) => (ordinal === 0 ? { retryAt: 100 } : 'settled'))
      subject.now = 100
      subject.add('c')
      expect(subject.startNumbers()).toEqual([[0], [2]])
    })

    it('records that have failed do not wait for the window of a batch before they are retried', () => {
      const subject = plannerWith({ batch: { maxBatchingWindowMs: 300_000 } })
      subject.add('a')
      subject.now = 300_000
      subject.end(subject.start()[0], { retryAt: 300_200 })
      subject.now = 300_200
      expect(subject.startNumbers()).toEqual([[0]])
    })

    it('records that have failed are retried although reading waits for the records that are ready', () => {
      const subject = plannerWith({ maxFailingKeys: 1, concurrency: 1, batch: { batchSize: 2 } })
      subject.add('poison')
      subject.end(subject.start()[0], { retryAt: 100 })
      let records = 0
      for (; subject.planner.wantsRecord && records < 9_999; records++) subject.add(`key-${records}`)
      expect(records).toBeLessThan(9_999)
      subject.now = 100
      // No further record is read, so the run cannot know whether one is available.
      subject.input = 'flowing'
      expect(subject.startNumbers()).toEqual([[0]])
    })
  })

  describe('a batch that has failed as a whole', () => {
    it('of several keys is split by keys, and its parts run at the same time, later', () => {
      const subject = plannerWith({ batch: {} })
      subject.add('a', 'b', 'c', 'd')
      const [work] = subject.start()
      subject.planner.split(work as NonNullable<typeof work>, repeat, 200, 0)
      expect(subject.planner).toMatchObject({ running: 0, wakeAt: 200, unsettled: 4 })
      expect(subject.start()).toEqual([])
      subject.now = 200
      expect(subject.startNumbers()).toEqual([
        [0, 1],
        [2, 3],
      ])
    })

    it('of one key is split in halves, which run one after the other', () => {
      const subject = plannerWith({ batch: {} })
      subject.add('a', 'a', 'a', 'a', 'a')
      const [work] = subject.start()
      subject.planner.split(work as NonNullable<typeof work>, repeat, 200, 0)
      subject.now = 200
      const [first] = subject.start()
      expect(first && numbersOfWork(first)).toEqual([0, 1, 2])
      subject.end(first, 'settled')
      expect(subject.startNumbers()).toEqual([[3, 4]])
    })

    it('is never joined by records that were not in it, neither of the same key nor of others', () => {
      const subject = plannerWith({ batch: { batchSize: 100 } })
      subject.add('a', 'a', 'b')
      const [work] = subject.start()
      subject.planner.split(work as NonNullable<typeof work>, repeat, 200, 0)
      subject.add('a', 'b', 'c')
      expect(subject.startNumbers()).toEqual([[5]])
      subject.now = 200
      const parts = subject.start()
      expect(parts.map(numbersOfWork).sort()).toEqual([[0, 1], [2]])
      for (const part of parts) subject.end(part, 'settled')
      expect(subject.startNumbers()).toEqual([[3, 4]])
    })

    it('of one key is not joined by later records of the key either', () => {
      const subject = plannerWith({ batch: {} })
      subject.add('a', 'a', 'a', 'a')
      const [work] = subject.start()
      subject.planner.split(work as NonNullable<typeof work>, repeat, 200, 0)
      subject.add('a', 'b')
      subject.end(subject.start()[0], 'settled')
      subject.now = 200
      subject.end(subject.start()[0], 'settled')
      const [rest] = subject.start()
      expect(rest && numbersOfWork(rest)).toEqual([2, 3])
      subject.end(rest, 'settled')
      expect(subject.startNumbers()).toEqual([[4]])
    })

    it('runs on although maxFailingKeys is reached, because its records are not new', () => {
      const subject = plannerWith({ maxFailingKeys: 1, batch: { batchSize: 2 } })
      subject.add('a', 'b', 'c')
      const [pair, single] = subject.start()
      subject.planner.split(pair as NonNullable<typeof pair>, repeat, 200, 0)
      subject.end(single, { retryAt: 10_000 })
      subject.now = 200
      expect(subject.startNumbers()).toEqual([[0], [1]])
    })

    it('is split until the failing record is alone, which is then retried alone', () => {
      const subject = plannerWith({ batch: { batchSize: 16 } })
      subject.add(...Array.from({ length: 16 }, (_, n) => `key-${n}`))
      const alone: number[][] = []
      for (let round = 0; round < 10; round++) {
        subject.now = subject.planner.wakeAt ?? subject.now
        for (const work of subject.start()) {
          const isPoisoned = numbersOfWork(work).includes(11)
          if (!isPoisoned) subject.end(work, 'settled')
          else if (work.records.length > 1) subject.planner.split(work, repeat, subject.now + 10, subject.now)
          else {
            alone.push(numbersOfWork(work))
            subject.end(work, { retryAt: subject.now + 10 })
          }
        }
      }
      expect(subject.planner.unsettled).toBe(1)
      expect(alone.length).toBeGreaterThan(2)
    })

    it('gives up the records that were rejected, and splits the others', () => {
      const subject = plannerWith({ batch: {} })
      const [rejected] = subject.add('a', 'a', 'b', 'c') as [QueuedRecord]
      const [work] = subject.start()
      subject.planner.split(
        work as NonNullable<typeof work>,
        (record) => (record === rejected ? 'givenUp' : 'repeat'),
        200,
        0,
      )
      subject.now = 200
      expect(subject.startNumbers()).toEqual([[2], [3]])
      subject.planner.release(rejected, 200)
      expect(subject.startNumbers()).toEqual([[1]])
    })

    it('is not joined by fresh records where its lane had to wait for a dead letter', () => {
      const subject = plannerWith({ batch: {} })
      const [rejected] = subject.add('a', 'a') as [QueuedRecord]
      const [work] = subject.start()
      subject.planner.split(
        work as NonNullable<typeof work>,
        (record) => (record === rejected ? 'givenUp' : 'repeat'),
        200,
        0,
      )
      subject.add('a', 'b')
      subject.planner.release(rejected, 0)
      expect(subject.startNumbers().sort()).toEqual([[1], [3]])
    })
  })

  describe("with order: 'shard'", () => {
    const parents: Readonly<Record<string, string>> = { child: 'parent', grandchild: 'child' }
    function* ancestorsOf(shardId: string): Iterable<string> {
      for (let at = parents[shardId]; at !== undefined; at = parents[at]) yield at
    }
    const shardPlanner = (options: Parameters<typeof plannerWith>[0] = {}) =>
      plannerWith({ order: 'shard', ancestorsOf, ...options })

    it('starts the records of a shard one after another, and shards concurrently', () => {
      const subject = shardPlanner()
      subject.add({ shardId: 'x' }, { shardId: 'x' }, { shardId: 'y' })
      const works = subject.start()
      expect(works.map(numbersOfWork)).toEqual([[0], [2]])
      subject.end(works[0], 'settled')
      expect(subject.startNumbers()).toEqual([[1]])
    })

    it('starts a child when all records of its parent are settled, including one that waits for a letter', () => {
      const subject = shardPlanner()
      const [, second] = subject.add({ shardId: 'parent' }, { shardId: 'parent' }, { shardId: 'child' }) as [
        QueuedRecord,
        QueuedRecord,
      ]
      const [first] = subject.start()
      expect(subject.start()).toEqual([])
      subject.end(first, 'settled')
      const [parent] = subject.start()
      subject.end(parent, 'givenUp')
      expect(subject.start()).toEqual([])
      subject.planner.release(second, 0)
      expect(subject.startNumbers()).toEqual([[2]])
    })

    it('starts a grandchild after its grandparent, although the shard between them has no records', () => {
      const subject = shardPlanner()
      subject.add({ shardId: 'parent' }, { shardId: 'grandchild' })
      const [parent] = subject.start()
      expect(subject.start()).toEqual([])
      subject.end(parent, { retryAt: 50 })
      expect(subject.start()).toEqual([])
      subject.now = 50
      const [retry] = subject.start()
      expect(retry && numbersOfWork(retry)).toEqual([0])
      subject.end(retry, 'settled')
      expect(subject.startNumbers()).toEqual([[1]])
    })

    it('forms batches of a child only when its parent is empty', () => {
      const subject = shardPlanner({ batch: { batchSize: 2 } })
      subject.add(...['parent', 'parent', 'parent', 'child', 'child'].map((shardId) => ({ shardId })))
      const [first] = subject.start()
      expect(first && numbersOfWork(first)).toEqual([0, 1])
      subject.end(first, 'settled')
      const [second] = subject.start()
      expect(second && numbersOfWork(second)).toEqual([2])
      subject.end(second, 'settled')
      expect(subject.startNumbers()).toEqual([[3, 4]])
    })
  })
})
