import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import type { Clock } from '../../src/core/clock.ts'
import type { StreamsApi } from '../../src/streams-api/streams-api.ts'
import { type Behavior, ManualClock, StreamEmulator } from '../../src/testing/index.ts'
import { randomLatency } from './latency.ts'
import type { Interruption, Setup, WorldStep } from './steps.ts'
import { type Hands, isPlainStep, performWorldStep } from './world-steps.ts'

/** The service's time at first, in ms. */
export const BEGINNING: number = Date.UTC(2026, 0, 1)

const SHARD_LIFE_MS = 4 * 3_600_000

interface Suspension {
  readonly from: number
  readonly until: number
}

/** The service, the reader's machine, and what was done to them. */
export interface World {
  /** The clock of the reader's machine. Its wall clock can be wrong; the service's time is `emulator.now()`. */
  readonly clock: ManualClock
  readonly emulator: StreamEmulator
  readonly client: StreamsApi | DynamoDBStreamsClient
  readonly profile: Setup['profile']
  /** To how many ms the service cuts the times of records. */
  readonly granularityMs: number
  /** How far the clock that dates the records is behind the service's. */
  readonly recordClockBehindMs: number
  /** Whether nothing in this history makes the service behave in any but the documented way. */
  readonly isPlain: boolean
  /** How many calls were refused for want of permission or of valid credentials. */
  readonly refused: number
  /** How many calls were answered wrongly that the stream or the shard does not exist. */
  readonly notFound: number
  /** For how long the process was suspended so far, in ms of the monotonic clock. */
  readonly suspendedMs: number
  /** When the process was suspended, by the service's clock, in ms. */
  readonly suspensions: readonly Suspension[]
  /** Whether the machine was asleep: the process cannot know for how long until a response tells the time. */
  readonly wasAsleep: boolean
  perform(step: WorldStep | Interruption): void
  /** Whether the stream was disabled, or its table deleted. */
  readonly isOver: 'disabled' | 'deleted' | undefined
  /** Ends all faults and shows every shard as it is. */
  liftFaults(): void
  /** A short name of a shard, by the order of creation: `a`, `b`, … */
  nameOf(shardId: string): string
  /** A short name of a record: its shard's, and its number in it from 1. */
  nameOfRecord(record: { readonly shardId: string; readonly sequenceNumber: string }): string
}

/** How the service behaves once faults are lifted. Limits of pages, forms of the end and the retention stay as they are. */
const harmless: Partial<Behavior> = {
  emptyPage: false,
  repeatPage: false,
  readLagMs: 0,
  openShardNextIterator: 'present',
}

const numberFormats = {
  plain: undefined,
  crossing: { start: `${'9'.repeat(20)}8`, maxGap: 2 },
  padded: { digits: 40 },
} as const

export function createWorld(setup: Setup): World {
  const clock = new ManualClock(BEGINNING + setup.clockSkewMs)
  let asleepMs = 0
  const serviceClock: Clock = {
    now: () => BEGINNING + clock.monotonic() + asleepMs,
    monotonic: () => clock.monotonic(),
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
  }
  const emulator = new StreamEmulator({
    seed: setup.seed,
    clock: serviceClock,
    profile: setup.profile,
    shards: setup.roots,
    behavior: setup.behavior,
    latency: randomLatency(setup.latencyMs, setup.seed),
    // DynamoDB Local reads no others than its own.
    sequenceNumbers: setup.profile === 'local' ? undefined : numberFormats[setup.numbers],
  })
  const recordClockBehindMs = setup.profile === 'local' ? 0 : setup.recordClockBehindMs
  const lasting: (() => void)[] = []
  let isPlain = setup.profile === 'aws' && Object.keys(setup.behavior).length === 0
  let isOver: World['isOver']
  let refused = 0
  let notFound = 0
  let notFoundAt = Number.NEGATIVE_INFINITY
  let suspendedMs = 0
  const suspensions: Suspension[] = []
  let written = 0
  const hands: Hands = {
    emulator,
    recordClockBehindMs,
    suspend: (ms, isAsleep) => {
      if (isAsleep) {
        clock.jump(ms)
        asleepMs += ms
        return
      }
      const from = serviceClock.now()
      clock.suspend(ms)
      suspendedMs += ms
      const goesOn = suspensions.at(-1)?.until === from ? suspensions.pop() : undefined
      suspensions.push({ from: goesOn?.from ?? from, until: serviceClock.now() })
    },
    setClock: (byMs) => clock.jump(byMs),
    perform: (step) => perform(step),
    fresh: () => ++written,
    lasting: (end) => lasting.push(end),
    refused: () => {
      refused++
    },
    notFound: () => {
      notFound++
      notFoundAt = serviceClock.now()
    },
    get lastNotFoundAt() {
      return notFoundAt
    },
    hidden: new Set(),
  }

  const perform = (step: WorldStep | Interruption): void => {
    if (step.do === 'later') {
      lasting.push(clock.setTimer(step.ms, () => perform(step.step)))
      return
    }
    if (step.do === 'during') {
      const { call, nth, moment } = step
      if (moment === 'before') isPlain = false
      const act = () => perform(step.step)
      lasting.push(
        emulator.on(call, { nth }, () => (moment === 'before' ? act() : void clock.setTimer(0, act))),
      )
      return
    }
    if (isOver === 'deleted') return
    if (!isPlainStep(step)) isPlain = false
    if (step.do === 'disable') isOver = 'disabled'
    if (step.do === 'deleteTable') isOver = 'deleted'
    performWorldStep(step, hands)
  }

  for (let generation = 0; generation < setup.generationsBefore; generation++) {
    perform({ do: 'burst', records: 2 * setup.roots, everyMs: 0, bytes: 0 })
    clock.suspend(SHARD_LIFE_MS)
    perform({ do: 'rollAll' })
  }

  const nameOf = (shardId: string) => letters(emulator.shards.findIndex((shard) => shard.shardId === shardId))

  return {
    clock,
    emulator,
    client: setup.throughClient ? emulator.client() : emulator.api,
    profile: setup.profile,
    granularityMs: setup.profile === 'local' ? 60_000 : 1_000,
    get isPlain() {
      return isPlain
    },
    recordClockBehindMs,
    get refused() {
      return refused
    },
    get notFound() {
      return notFound
    },
    get suspendedMs() {
      return suspendedMs
    },
    suspensions,
    get wasAsleep() {
      return asleepMs > 0
    },
    get isOver() {
      return isOver
    },
    perform,
    liftFaults: () => {
      for (const end of lasting.splice(0)) end()
      emulator.setBehavior(harmless)
      for (const shard of emulator.shards) emulator.show(shard)
    },
    nameOf,
    nameOfRecord: ({ shardId, sequenceNumber }) => {
      const { records } = emulator.shard(shardId)
      return nameOf(shardId) + (records.findIndex((record) => record.sequenceNumber === sequenceNumber) + 1)
    },
  }
}

/** a, b, …, z, aa, ab, … */
export function letters(index: number): string {
  const letter = String.fromCharCode(97 + (index % 26))
  return index < 26 ? letter : letters(Math.floor(index / 26) - 1) + letter
}
