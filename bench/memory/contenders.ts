import { setTimeout as sleep } from 'node:timers/promises'
import { Coordinator, type StreamsApi } from '../../src/index.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { fastApi } from '../support/fast-path.ts'
import { type Contender, heapMiB } from '../support/measure.ts'
import { sampleRecord, streamArn } from '../support/sample-records.ts'

export interface SlowInput {
  readonly endpoint: string
  readonly streamArn: string
  readonly maxBufferedBytes: number
  readonly pauseEvery: number
  readonly pauseMs: number
  readonly pauses: number
}

export interface HourInput {
  readonly shards: number
  readonly recordsPerSecond: number
  readonly minutes: number
}

const MiB = 2 ** 20

/** Reads with pauses, during which the library could fetch far ahead. */
const slowConsumer: Contender<SlowInput> = async ({
  endpoint,
  streamArn,
  maxBufferedBytes,
  pauseEvery,
  pauseMs,
  pauses,
}) => {
  await using coordinator = new Coordinator({ client: fastApi(endpoint), streamArn, maxBufferedBytes })
  await coordinator.moveTo('trim_horizon')
  let records = 0
  let buffered = 0
  for (let pause = 0; pause < pauses && !coordinator.ended; pause++) {
    for (let index = 0; index < pauseEvery; index++) if (await coordinator.next()) records++
    buffered = Math.max(buffered, coordinator.buffer.bytes)
    await sleep(pauseMs)
  }
  return { records, details: { bufferedMiB: buffered / MiB, heapMiB: process.memoryUsage().heapUsed / MiB } }
}

/**
 * An hour of steady writes, read at the tip on a manual clock. The endpoint has no state, so any growth of
 * the heap is caused by the library.
 */
const hourAtTheTip: Contender<HourInput> = async ({ shards, recordsPerSecond, minutes }) => {
  const clock = new ManualClock()
  const start = clock.now()
  const client = endlessStream(shards, () =>
    Math.floor(((clock.now() - start) / 1000) * (recordsPerSecond / shards)),
  )
  await using coordinator = new Coordinator({ client, streamArn, clock })
  await clock.run(coordinator.moveTo('trim_horizon'))
  let records = 0
  let earlyHeapMiB = 0
  const end = start + minutes * 60_000
  while (clock.now() < end) {
    const record = await clock.run(coordinator.next())
    if (record) records++
    if (earlyHeapMiB === 0 && clock.now() - start > minutes * 6_000) earlyHeapMiB = heapMiB()
  }
  return { records, details: { earlyHeapMiB, lateHeapMiB: heapMiB() } }
}

/** Shards with `written()` records each, which are created when they are read. */
function endlessStream(shards: number, written: () => number): StreamsApi {
  return {
    listShards: async () => ({
      status: 'ENABLED',
      shards: Array.from({ length: shards }, (_, shard) => ({
        shardId: `shardId-${shard}`,
        parentShardId: undefined,
        startingSequenceNumber: '1',
        endingSequenceNumber: undefined,
      })),
      lastEvaluatedShardId: undefined,
      serviceTime: undefined,
    }),
    openIterator: async ({ start }) =>
      'sequenceNumber' in start ? String(Number(start.sequenceNumber.slice(1)) + 1) : '0',
    readRecords: async ({ iterator, limit }) => {
      const first = Number(iterator)
      const next = Math.min(written(), first + limit)
      const records = Array.from({ length: Math.max(0, next - first) }, (_, n) => sampleRecord(first + n))
      return {
        records,
        decode: undefined,
        nextIterator: String(Math.max(first, next)),
        bytes: records.length * 1000,
      }
    },
  }
}

export const contenders: Record<string, Contender<never>> = {
  'slow consumer': slowConsumer as Contender<never>,
  'hour at the tip': hourAtTheTip as Contender<never>,
}
