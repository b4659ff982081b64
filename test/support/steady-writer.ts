import { setTimeout as wait } from 'node:timers/promises'
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { StreamRecord } from '../../src/records/stream-record.ts'
import { range } from './read.ts'
import { putNumber, type TestTable } from './tables.ts'

export interface SteadyWriter {
  /** The number of records written so far. */
  readonly written: number
  /** Stops writing and returns the number of records written. Rejects if a write failed permanently. */
  stop(): Promise<number>
}

const keys = ['a', 'b', 'c', 'd', 'e']

/**
 * Writes the numbers 1, 2, 3 … one after the other, to five keys in turn. A write that is retried because its
 * response was lost changes nothing and therefore creates no record.
 */
export function writeSteadily(client: DynamoDBClient, table: TestTable, pauseMs: number): SteadyWriter {
  let isStopped = false
  let written = 0
  const work = (async () => {
    while (!isStopped) {
      await putNumber(client, table, keyOf(written + 1), written + 1)
      written++
      await wait(pauseMs)
    }
  })()
  work.catch(() => {})
  return {
    get written() {
      return written
    },
    stop: async () => {
      isStopped = true
      await work
      return written
    },
  }
}

function keyOf(n: number): string {
  return keys[n % keys.length] as string
}

export interface Delivery {
  /** Numbers that were never delivered. */
  readonly lost: readonly number[]
  /** Numbers that were delivered more than once. */
  readonly repeated: readonly number[]
  /** Numbers that were delivered after a higher one of the same key. */
  readonly outOfOrder: readonly number[]
}

/** Compares delivered records with the numbers that `writeSteadily` wrote: 1 to `written`. */
export function compareWithWritten(records: readonly StreamRecord[], written: number): Delivery {
  const numbers = records.map(({ newImage }) => Number(newImage?.n))
  const seen = new Set<number>()
  const lastOfKey = new Map<string, number>()
  const repeated: number[] = []
  const outOfOrder: number[] = []
  for (const n of numbers) {
    if (seen.has(n)) repeated.push(n)
    seen.add(n)
    if (n < (lastOfKey.get(keyOf(n)) ?? 0)) outOfOrder.push(n)
    lastOfKey.set(keyOf(n), n)
  }
  const lost = range(1, written).filter((n) => !seen.has(n))
  return { lost, repeated, outOfOrder }
}
