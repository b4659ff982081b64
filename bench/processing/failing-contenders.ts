import { setImmediate as nextTurn } from 'node:timers/promises'
import { type DynamoDBStream, openStream, type ProcessOptions, processStream } from '../../src/index.ts'
import { ManualClock, StreamEmulator } from '../../src/testing/index.ts'
import { fastApi } from '../support/fast-path.ts'
import { type Contender, heapMiB } from '../support/measure.ts'
import { writeUnits } from '../support/token-size.ts'
import { watchBlocks } from '../support/watch-blocks.ts'

export interface FailingInput {
  readonly endpoint: string
  readonly streamArn: string
  /** The number of records, each of another key, all of which fail. */
  readonly keys: number
}

/** The delay before a retry is a random time of up to a minute, which is the default after nine attempts. */
const retry = { maxAttempts: 1_000_000, minDelayMs: 60_000, maxDelayMs: 60_000 }

/** How many retries are measured. */
const RETRIES = 20_000

/**
 * All keys fail again and again. The stream is read on the real clock, over HTTP; the retries follow a manual
 * one.
 */
const failingKeys: Contender<FailingInput> = async ({ endpoint, streamArn, keys }) => {
  const clock = new ManualClock()
  await using stream = await openStream({ client: fastApi(endpoint), streamArn, startAt: 'trim_horizon' })
  const restingMiB = heapMiB()
  const run = startFailing(stream, keys, { clock })
  while (run.counters.attempts < keys) await nextTurn()
  const keptMiB = heapMiB() - restingMiB

  const attempts = run.counters.attempts
  let ticks = 0
  const start = clock.monotonic()
  const cpu = process.cpuUsage()
  for (; run.counters.attempts < attempts + RETRIES; ticks++) await clock.advance(clock.untilNextTimer ?? 0)
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (clock.monotonic() - start) / 1_000

  // A minute in which the process is suspended: all keys are due.
  const before = run.counters.attempts
  globalThis.gc?.()
  const watch = watchBlocks()
  clock.suspend(60_000)
  await clock.advance(0)
  while (run.counters.attempts < before + keys) await nextTurn()
  const blockMs = watch.stop()

  void run.stop()
  const summary = await clock.run(run)
  return {
    records: summary.records,
    details: {
      bytesPerKey: (keptMiB * 2 ** 20) / keys,
      retriesPerSecond: RETRIES / seconds,
      retriesPerTick: RETRIES / ticks,
      microsPerTick: (user + system) / ticks,
      blockMs,
    },
  }
}

/** The memory of the same records if they are only kept. */
const keptRecords: Contender<FailingInput> = async ({ endpoint, streamArn, keys }) => {
  await using stream = await openStream({ client: fastApi(endpoint), streamArn, startAt: 'trim_horizon' })
  const restingMiB = heapMiB()
  const kept = []
  for await (const record of stream) if (kept.push(record) === keys) break
  const keptMiB = heapMiB() - restingMiB
  return { records: kept.length, details: { bytesPerKey: (keptMiB * 2 ** 20) / keys } }
}

function startFailing(
  stream: DynamoDBStream,
  keys: number,
  options: ProcessOptions & { clock: ManualClock },
) {
  const fail = async () => {
    throw Object.assign(new Error('The index is unavailable.'), { name: 'IndexError', code: 'ECONNREFUSED' })
  }
  return processStream(stream, fail, {
    retry,
    maxUnsettled: keys + 1,
    maxUnsettledBytes: 2 ** 40,
    maxFailingKeys: keys + 1,
    ...options,
  })
}

export interface TokenInput {
  readonly shards: number
  /** The number of items that the records change, in turn. */
  readonly keys: number
  readonly records: number
  /** Whether the handler fails; otherwise it does not return. */
  readonly fails: boolean
}

/** The token while records are queued, running or waiting for a retry. */
const tokenSize: Contender<TokenInput> = async ({ shards, keys, records, fails }) => {
  const clock = new ManualClock()
  // On AWS, the numbers of consecutive records of a busy table differ by up to several millions.
  const emulator = new StreamEmulator({ clock, shards, seed: 1, sequenceNumbers: { maxGap: 4_000_000 } })
  for (let n = 0; n < records; n++) emulator.put({ id: `order#${n % keys}`, n })
  const stream = await clock.run(
    openStream({ client: emulator.api, streamArn: emulator.streamArn, startAt: 'trim_horizon', clock }),
  )
  const run = fails
    ? startFailing(stream, records, { clock })
    : processStream(stream, () => new Promise(() => {}), { clock, drainTimeoutMs: 0, maxUnsettled: records })
  const expected = fails ? keys : Math.min(keys, 16)
  while (run.counters.records < records || run.counters.attempts < expected) await clock.advance(10)
  const json = JSON.stringify(stream.token)
  const { packedBytes, units } = await writeUnits(json)
  const entries = stream.token.shards.reduce((sum, { unsettled }) => sum + (unsettled?.length ?? 0), 0)
  void run.stop()
  await clock.run(run)
  await clock.run(stream.close())
  return { records, details: { entries, jsonBytes: json.length, packedBytes, units } }
}

export const contenders: Record<string, Contender<never>> = {
  'failing keys': failingKeys as Contender<never>,
  'kept records': keptRecords as Contender<never>,
  token: tokenSize as Contender<never>,
}
