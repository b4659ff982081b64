import { setTimeout as sleep } from 'node:timers/promises'
import {
  DescribeStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams'
import { openStream } from '../../src/index.ts'
import { makeClient } from '../support/client.ts'
import { fastApi } from '../support/fast-path.ts'
import type { Contender } from '../support/measure.ts'

export interface LatencyInput {
  readonly endpoint: string
  readonly streamArn: string
  readonly puts: number
  /** How long the idle process runs before its calls and CPU time are measured, and for how long they are. */
  readonly warmUpMs: number
  readonly idleMs: number
}

/** Opens a stream with one record, reads records as they are written, and waits while none is written. */
const tip: Contender<LatencyInput> = async ({ endpoint, streamArn, puts, warmUpMs, idleMs }) => {
  const get = async (path: string) =>
    (await (await fetch(`${endpoint}${path}`)).json()) as Record<string, number>

  // One of the shards has a record before the stream is opened.
  await get('/write?records=1&everyMs=0')
  const start = performance.now()
  await using stream = await openStream({ client: fastApi(endpoint), streamArn, startAt: 'trim_horizon' })
  const opened = performance.now()
  const records = stream[Symbol.asyncIterator]()
  await records.next()
  const first = performance.now()

  // Then records are written one by one.
  await sleep(1_000)
  await get(`/write?records=${puts}&everyMs=25`)
  const delays: number[] = []
  while (delays.length < puts) {
    const { value } = await records.next()
    delays.push(Date.now() - Number(value?.newImage?.writtenAt))
  }
  delays.sort((a, b) => a - b)

  // Then nothing is written while `next()` is pending.
  const waiting = records.next()
  await sleep(warmUpMs)
  const before = await get('/calls')
  const cpuBefore = process.cpuUsage()
  await sleep(idleMs)
  const { user, system } = process.cpuUsage(cpuBefore)
  const after = await get('/calls')
  await stream.close()
  await waiting

  const idleCalls = (after.GetRecords ?? 0) - (before.GetRecords ?? 0)
  return {
    records: delays.length + 1,
    details: {
      openMs: opened - start,
      firstRecordMs: first - start,
      p50Ms: delays[Math.floor(delays.length * 0.5)] ?? Number.NaN,
      p99Ms: delays[Math.floor(delays.length * 0.99)] ?? Number.NaN,
      idleReadsPerSecond: (idleCalls * 1000) / idleMs,
      idleCpuPercent: (user + system) / idleMs / 10,
      idleDescribesPerSecond: (((after.DescribeStream ?? 0) - (before.DescribeStream ?? 0)) * 1000) / idleMs,
    },
  }
}

/**
 * Makes the calls that an idle shard requires, with the SDK alone: one to open it, and six that return an
 * empty page.
 */
const bareCalls: Contender<LatencyInput> = async ({ endpoint, streamArn }) => {
  const client = makeClient(endpoint)
  const start = performance.now()
  const shardIds: (string | undefined)[] = []
  let ExclusiveStartShardId: string | undefined
  do {
    const command = new DescribeStreamCommand({ StreamArn: streamArn, ExclusiveStartShardId })
    const { StreamDescription } = await client.send(command)
    for (const { ShardId } of StreamDescription?.Shards ?? []) shardIds.push(ShardId)
    ExclusiveStartShardId = StreamDescription?.LastEvaluatedShardId
  } while (ExclusiveStartShardId)
  const shards = shardIds.length
  const readRest = async () => {
    for (let ShardId = shardIds.pop(); ShardId; ShardId = shardIds.pop()) {
      const open = { StreamArn: streamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const
      let { ShardIterator } = await client.send(new GetShardIteratorCommand(open))
      for (let page = 0; page < 6; page++) {
        ;({ NextShardIterator: ShardIterator } = await client.send(new GetRecordsCommand({ ShardIterator })))
      }
    }
  }
  await Promise.all(Array.from({ length: 64 }, readRest))
  const bareMs = performance.now() - start
  client.destroy()
  return { records: shards, details: { bareMs } }
}

export const contenders: Record<string, Contender<LatencyInput>> = { tip, 'bare calls': bareCalls }
