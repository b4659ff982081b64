import v8 from 'node:v8'
import { Coordinator, memoryCheckpointStore, openStream, type StreamsApi } from '../../src/index.ts'
import { ShardNode } from '../../src/shards/shard.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { type Contender, heapMiB } from '../support/measure.ts'
import { streamArn } from '../support/sample-records.ts'
import { rollingStream } from './rolling-stream.ts'

export interface WeeksInput {
  readonly shards: number
  readonly days: number
  readonly reader: 'Coordinator, no token' | 'openStream, checkpoints'
}

const STEPS_PER_DAY = 6
const STEP_MS = 86_400_000 / STEPS_PER_DAY
/**
 * How long the reader runs in each step, in ms. The process is suspended for the rest of the step, which
 * costs nothing.
 */
const AWAKE_MS = 90_000
/** Rare polls, because the cost of polling idle shards is not measured here. */
const idlePollMs = { min: 60_000, max: 60_000 }
const discoveryIntervalMs = 600_000

/** Reads for weeks while shards roll. Measures the memory at the end of each day, and the cost of the day. */
const weeks: Contender<WeeksInput> = async ({ shards, days, reader }) => {
  const clock = new ManualClock()
  const read = await startReading(reader, rollingStream(shards, clock), clock)
  const details: Record<string, number> = {}
  for (let day = 1; day <= days; day++) {
    const finishedBefore = read.finished()
    const before = process.cpuUsage()
    for (let step = 0; step < STEPS_PER_DAY; step++) {
      clock.suspend(STEP_MS - AWAKE_MS)
      await clock.advance(AWAKE_MS)
    }
    const { user, system } = process.cpuUsage(before)
    const finished = read.finished() - finishedBefore
    details[`cpuMicros${day}`] = (user + system) / finished
    details[`heapMiB${day}`] = heapMiB()
    details[`shards${day}`] = read.shards()
    details[`frontier${day}`] = read.memory()?.frontier ?? Number.NaN
    details[`missingParents${day}`] = read.memory()?.missingParents ?? Number.NaN
    details[`finished${day}`] = finished
  }
  const records = read.records()
  await read.stop()
  return { records, details }
}

/** What a coordinator reports about its memory. */
interface CoordinatorMemory {
  readonly frontier: number
  readonly missingParents: number
}

interface Reading {
  records(): number
  /** The number of shards read to their end. */
  finished(): number
  /** The number of shards in the heap, whatever references them. */
  shards(): number
  memory(): CoordinatorMemory | undefined
  stop(): Promise<void>
}

async function startReading(
  reader: WeeksInput['reader'],
  client: StreamsApi,
  clock: ManualClock,
): Promise<Reading> {
  let records = 0
  let finished = 0
  const options = { client, streamArn, clock, random: () => 0.5, idlePollMs, discoveryIntervalMs }
  const shards = () => v8.queryObjects(ShardNode, { format: 'count' })
  if (reader === 'openStream, checkpoints') {
    const checkpoint = { store: memoryCheckpointStore(), name: 'bench' }
    const stream = await clock.run(openStream({ ...options, startAt: 'trim_horizon', checkpoint }))
    stream.on('shardFinished', () => finished++)
    const reading = (async () => {
      for await (const _ of stream) records++
    })()
    return {
      records: () => records,
      finished: () => finished,
      shards,
      memory: () => undefined,
      stop: async () => {
        await clock.run(stream.close())
        await reading
      },
    }
  }
  const coordinator = new Coordinator(options)
  coordinator.on('shardFinished', () => finished++)
  await clock.run(coordinator.moveTo('trim_horizon'))
  const reading = (async () => {
    for (;;) if ((await coordinator.next()) !== undefined) records++
  })().catch((error: { code?: string }) => {
    if (error.code !== 'closed') throw error
  })
  return {
    records: () => records,
    finished: () => finished,
    shards,
    memory: () => (coordinator as { readonly memory?: CoordinatorMemory }).memory,
    stop: async () => {
      await coordinator.close()
      await reading
    },
  }
}

export const contenders: Record<string, Contender<never>> = { weeks: weeks as Contender<never> }
