import {
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  ExpiredIteratorException,
} from '@aws-sdk/client-dynamodb-streams'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Coordinator } from '../../src/coordinator/coordinator.ts'
import type { CoordinatorOptions } from '../../src/coordinator/options.ts'
import { systemClock } from '../../src/core/clock.ts'
import { parkedPosition } from '../../src/parking/position.ts'
import type { Position } from '../../src/position/position.ts'
import type { StreamToken } from '../../src/position/token.ts'
import type { StreamRecord } from '../../src/records/stream-record.ts'
import { type DynamoDBLocal, startDynamoDBLocal } from '../support/dynamodb-local.ts'
import { range } from '../support/read.ts'
import { whyNotLocal } from '../support/requirements.ts'
import { compareWithWritten, type SteadyWriter, writeSteadily } from '../support/steady-writer.ts'
import { createTable, putNumbers, type TestTable } from '../support/tables.ts'

const hours = 3_600_000
const noFaults = { lost: [], repeated: [], outOfOrder: [] }

// DynamoDB Local on a clock that runs 1500 times as fast: shards roll every 9.6 seconds, iterators expire
// after 0.6 seconds, and records are trimmed after 57.6 seconds. The tests share one table, which the writer
// keeps writing to.
describe.skipIf(whyNotLocal('rolling'))('Coordinator on rolling shards', { timeout: 300_000 }, () => {
  let local: DynamoDBLocal
  let tables: ReturnType<DynamoDBLocal['tableClient']>
  let client: DynamoDBStreamsClient
  let table: TestTable
  let writer: SteadyWriter
  let startedAt: number
  /** The token of a worker that stopped after its 20th record. */
  let earlyToken: StreamToken | undefined

  const coordinatorAt = async (position: Position | string, options: Partial<CoordinatorOptions> = {}) => {
    const { streamArn } = table
    const coordinator = new Coordinator({ client, streamArn, clock: local.clock, ...options })
    await coordinator.moveTo(position as Position)
    return coordinator
  }
  const waitFor = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms / local.speed))
  const waitUntil = (time: number) => waitFor(Math.max(0, time - local.clock.now()))

  beforeAll(async () => {
    local = await startDynamoDBLocal({ version: 'rolling' })
    tables = local.tableClient()
    client = local.streamsClient()
    table = await createTable(tables)
    startedAt = local.clock.now()
    writer = writeSteadily(tables, table, 5)
  })

  afterAll(async () => {
    await writer?.stop().catch(() => {})
    tables?.destroy()
    client?.destroy()
    await local?.stop()
  })

  test('no record is lost, repeated or reordered through three rolls with reloads in between', async () => {
    const records: StreamRecord[] = []
    const finished = new Set<string>()
    const gaps: unknown[] = []
    const openAt = async (position: Position | string) => {
      const coordinator = await coordinatorAt(position)
      coordinator.on('shardFinished', ({ shardId }) => finished.add(shardId))
      coordinator.on('gap', (gap) => gaps.push(gap))
      return coordinator
    }
    let coordinator = await openAt('trim_horizon')
    let nextReload = startedAt + 3 * hours
    let until = Number.POSITIVE_INFINITY
    while (records.length < until) {
      const record = await coordinator.next()
      if (record) records.push(record)
      if (records.length === 20) earlyToken = coordinator.token
      if (local.clock.now() > nextReload) {
        const token = JSON.stringify(coordinator.token)
        await coordinator.close()
        coordinator = await openAt(token)
        nextReload += 5 * hours
      }
      if (finished.size >= 3 && until === Number.POSITIVE_INFINITY) until = writer.written
    }
    await coordinator.close()
    expect(compareWithWritten(records, until)).toEqual(noFaults)
    expect(new Set(records.map(({ shardId }) => shardId)).size).toBeGreaterThanOrEqual(4)
    const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamArn: table.streamArn }))
    expect(StreamDescription?.Shards?.length).toBeGreaterThanOrEqual(4)
    expect(gaps).toEqual([])
    // Parking relies on it: the positions of a key are compared across shards.
    expect(keysWithoutOrder(records, table.streamArn)).toEqual([])
  })

  test.for([
    ['without', false],
    ['with', true],
  ] as const)(
    'reading resumes after the last record when the iterator has expired, %s heartbeats',
    async ([, hasHeartbeats]) => {
      const quiet = await createTable(tables)
      const { client: counting, expired } = countExpired(local.streamsClient())
      const coordinator = new Coordinator({
        client: counting,
        streamArn: quiet.streamArn,
        // A second of waiting is 25 minutes on the server.
        idlePollMs: { min: 1_000, max: 1_000 },
        // With the system clock the library considers the iterator valid, and the server rejects it as
        // expired.
        clock: systemClock,
      })
      await coordinator.moveTo('latest')
      const seen: number[] = []
      for (const end of [10, 20, 30]) {
        await putNumbers(tables, quiet, 'a', [end - 9, end])
        while (seen.length < end) {
          const record = await coordinator.next()
          if (record) seen.push(numberOf(record))
        }
        for (let quarters = 0; quarters < 4; quarters++) {
          await waitFor(hours / 4)
          if (hasHeartbeats) await coordinator.heartbeat()
        }
        expect(await coordinator.next()).toBeUndefined()
      }
      await coordinator.close()
      counting.destroy()
      expect(seen).toEqual(range(1, 30))
      expect(expired()).toBeGreaterThanOrEqual(1)
    },
  )

  test('records trimmed before they were read are reported as a gap, and onGap: continue resumes behind it', async () => {
    const token = earlyToken
    if (!token) throw new Error('the first test of this file has not stored a token')
    await waitUntil(startedAt + 24.5 * hours)
    // The server trims with a delay. Until then the next record is delivered, never a later one.
    const nextOrGap = async () => {
      await using coordinator = await coordinatorAt(token)
      for (;;) {
        const record = await coordinator.next()
        if (record) return numberOf(record)
      }
    }
    let next: unknown
    do {
      await waitFor(hours / 2)
      next = await nextOrGap().catch((error: unknown) => error)
    } while (next === 21)
    expect(next).toMatchObject({ code: 'records.trimmed' })

    const gaps: unknown[] = []
    await using coordinator = await coordinatorAt(token, { onGap: 'continue' })
    coordinator.on('gap', (gap) => gaps.push(gap))
    const tip = writer.written
    const numbers: number[] = []
    while ((numbers.at(-1) ?? 0) < tip) {
      const record = await coordinator.next()
      if (record) numbers.push(numberOf(record))
    }
    const [oldest = 0, newest = 0] = [numbers[0], numbers.at(-1)]
    expect(oldest).toBeGreaterThan(21)
    expect(numbers).toEqual(range(oldest, newest))
    expect(gaps.length).toBeGreaterThanOrEqual(1)
  })
})

function countExpired(client: DynamoDBStreamsClient) {
  let count = 0
  client.middlewareStack.add((next) => async (args) => {
    try {
      return await next(args)
    } catch (error) {
      if (error instanceof ExpiredIteratorException) count++
      throw error
    }
  })
  return { client, expired: () => count }
}

/** Returns the keys whose records, in the order of their writes, have positions that do not increase. */
function keysWithoutOrder(records: readonly StreamRecord[], streamArn: string): unknown[] {
  const last = new Map<unknown, string>()
  return records.flatMap(({ keys, sequenceNumber }) => {
    const position = parkedPosition(streamArn, sequenceNumber)
    const isAfter = position > (last.get(keys.id) ?? '')
    last.set(keys.id, position)
    return isAfter ? [] : [keys.id]
  })
}

function numberOf({ newImage }: StreamRecord): number {
  return Number(newImage?.n)
}
