import { expect, it } from 'vitest'
import { ReadSchedule } from '../../../src/reader/read-schedule.ts'
import { ShardReader } from '../../../src/reader/shard-reader.ts'
import { ShardNode } from '../../../src/shards/shard.ts'

const reader = (name: string, queued = 0) => {
  const made = new ShardReader(new ShardNode(name, undefined, 0), false, 0, 1_000)
  made.queue.length = queued
  return made
}

it('gives out each reader when it is due, those that are waited for first', () => {
  const schedule = new ReadSchedule()
  const [needed, ahead, later] = [reader('needed'), reader('ahead', 5), reader('later')]
  schedule.put(ahead, 0)
  schedule.put(needed, 10)
  schedule.put(later, 100)
  expect(schedule.nextDueAt).toBe(0)
  expect(schedule.take(10, true)).toBe(needed)
  expect(schedule.take(10, false)).toBeUndefined()
  expect(schedule.hasDue(10)).toBe(true)
  expect(schedule.take(10, true)).toBe(ahead)
  expect(schedule.take(99, true)).toBeUndefined()
  expect(schedule.nextDueAt).toBe(100)
  expect(schedule.take(100, true)).toBe(later)
})

it('knows only the last word about a reader', () => {
  const schedule = new ReadSchedule()
  const one = reader('one')
  schedule.put(one, 0)
  schedule.put(one, 50)
  expect(schedule.take(10, true)).toBeUndefined()
  expect(schedule.take(50, true)).toBe(one)
  one.phase = 'reading'
  expect(schedule.take(1_000, true)).toBeUndefined()
})

it('moves a reader up whose queue was drained while it waited for memory', () => {
  const schedule = new ReadSchedule()
  const one = reader('one', 5)
  schedule.put(one, 0)
  expect(schedule.take(0, false)).toBeUndefined()
  one.queue.length = 0
  schedule.put(one, 0)
  expect(schedule.take(0, false)).toBe(one)
})
