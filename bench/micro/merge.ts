import { Heap } from 'heap-js'
import { compareSequenceNumbers } from '../../src/position/sequence-number.ts'
import type { Bench, Table } from '../support/report.ts'
import { sequenceNumber } from '../support/sample-records.ts'
import { type Operation, timeOperations } from '../support/time-operations.ts'

interface Timed {
  readonly time: number
}

/** Algorithms that merge the pages of many shards by time. All of them produce the same order. */
export const merge: Bench = async ({ quick }) => {
  const tables: Table[] = []
  for (const shards of [8, 512, 4096]) {
    const queues = makeQueues(shards, 64)
    const records = shards * 64
    const operations: Operation[] = [
      { name: 'heap of the shards’ first records', records, run: () => mergeHeads(queues) },
      { name: 'heap of all records', records, run: () => mergeAll(queues) },
      { name: 'sort all records', records, run: () => queues.flat().sort(byTime).length },
    ]
    if (shards <= 512)
      operations.push({
        name: 'linear search of the first records',
        records,
        run: () => mergeBySearching(queues),
      })
    tables.push(await timeOperations(`merge: ${shards} shards, 64 records each`, operations, quick))
  }
  tables.push(await compareNumbers(quick))
  return { tables, data: tables }
}

/** Times in whole seconds, as on AWS, so that several consecutive records have the same time. */
function makeQueues(shards: number, length: number): Timed[][] {
  return Array.from({ length: shards }, (_, shard) =>
    Array.from({ length }, (_, index) => ({ time: Math.floor(index / 8 + (shard * 7) / shards) * 1000 })),
  )
}

function byTime(a: Timed, b: Timed): number {
  return a.time - b.time
}

function mergeHeads(queues: readonly Timed[][]): number {
  const cursors = queues.map((queue) => ({ queue, at: 0, time: queue[0]?.time ?? 0 }))
  const heap = new Heap<(typeof cursors)[number]>((a, b) => a.time - b.time)
  heap.init(cursors)
  let taken = 0
  for (let cursor = heap.peek(); cursor; cursor = heap.peek()) {
    taken++
    const next = cursor.queue[++cursor.at]
    if (!next) heap.pop()
    else if (next.time !== cursor.time) {
      cursor.time = next.time
      heap.replace(cursor)
    }
  }
  return taken
}

function mergeAll(queues: readonly Timed[][]): number {
  const heap = new Heap<Timed>(byTime)
  for (const queue of queues) for (const record of queue) heap.push(record)
  let taken = 0
  while (heap.pop()) taken++
  return taken
}

function mergeBySearching(queues: readonly Timed[][]): number {
  const at = new Array<number>(queues.length).fill(0)
  let taken = 0
  for (;;) {
    let oldest = -1
    let time = Number.POSITIVE_INFINITY
    for (let index = 0; index < queues.length; index++) {
      const head = queues[index]?.[at[index] ?? 0]
      if (head && head.time < time) {
        time = head.time
        oldest = index
      }
    }
    if (oldest === -1) return taken
    at[oldest] = (at[oldest] ?? 0) + 1
    taken++
  }
}

function compareNumbers(quick: boolean): Promise<Table> {
  const records = 1000
  const numbers = Array.from({ length: records + 1 }, (_, index) => sequenceNumber(index * 7919))
  const compareAll = (compare: (a: string, b: string) => number) => () => {
    let sum = 0
    for (let index = 0; index < records; index++)
      sum += compare(numbers[index] ?? '', numbers[index + 1] ?? '')
    return sum
  }
  return timeOperations(
    'merge: comparing two sequence numbers of 24 digits',
    [
      { name: 'compareSequenceNumbers', records, run: compareAll(compareSequenceNumbers) },
      { name: 'BigInt', records, run: compareAll((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1)) },
    ],
    quick,
  )
}
