import { expect, it } from 'vitest'
import { ReadSchedule } from '../../../src/reader/read-schedule.ts'
import type { ShardReader } from '../../../src/reader/shard-reader.ts'
import { contextAt, emptyPage, queue, readerOf } from './reader.ts'

function scheduleOf() {
  const schedule = new ReadSchedule()
  return {
    schedule,
    reader: (name: string, queued = 0) => {
      const reader = readerOf(name, { onChange: (changed) => schedule.update(changed) })
      if (queued > 0) queue(reader, queued)
      return reader
    },
    put: (reader: ShardReader, dueAt: number) => {
      reader.schedule(dueAt)
      schedule.put(reader)
    },
  }
}

it('each reader is returned when it is due, those that block the merge first', () => {
  const { schedule, reader, put } = scheduleOf()
  const [blocking, ahead, later] = [reader('a'), reader('b', 5), reader('c')]
  put(ahead, 0)
  put(blocking, 10)
  put(later, 100)
  expect(schedule.nextDueAt).toBe(0)
  expect(schedule.takeDue(10, true)).toBe(blocking)
  expect(schedule.takeDue(10, false)).toBeUndefined()
  expect(schedule.hasDue(10, () => true)).toBe(true)
  expect(schedule.takeDue(10, true)).toBe(ahead)
  expect(schedule.takeDue(99, true)).toBeUndefined()
  expect(schedule.nextDueAt).toBe(100)
  expect(schedule.takeDue(100, true)).toBe(later)
})

it('a reader that is rescheduled is returned only at its new time', () => {
  const { schedule, reader, put } = scheduleOf()
  const one = reader('a')
  put(one, 0)
  put(one, 50)
  expect(schedule.takeDue(10, true)).toBeUndefined()
  expect(schedule.takeDue(50, true)).toBe(one)
  expect(schedule.takeDue(1_000, true)).toBeUndefined()
})

it('a stopped reader is not returned', () => {
  const { schedule, reader, put } = scheduleOf()
  const one = reader('a')
  put(one, 0)
  one.stop()
  expect(schedule.takeDue(0, true)).toBeUndefined()
})

it('a reader whose queue was drained while it waited for memory is returned', () => {
  const { schedule, reader, put } = scheduleOf()
  const one = reader('a', 1)
  put(one, 0)
  expect(schedule.takeDue(0, false)).toBeUndefined()
  one.queue.shift()
  one.drained(contextAt(0))
  expect(schedule.takeDue(0, false)).toBe(one)
})

it('a reader that starts to block the merge while it waits comes before polls of idle shards', () => {
  const { schedule, reader, put } = scheduleOf()
  const [idle, blocking] = [reader('a'), reader('b', 1)]
  for (let page = 0; page < 6; page++) idle.step(emptyPage, contextAt(0))
  put(idle, 0)
  put(blocking, 0)
  expect(schedule.takeDue(0, false)).toBeUndefined()
  blocking.queue.shift()
  blocking.drained(contextAt(0))
  expect(schedule.takeDue(0, true)).toBe(blocking)
  expect(schedule.takeDue(0, true)).toBe(idle)
})
