import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import type { Clock } from '../../src/core/clock.ts'
import type { StreamsApi } from '../../src/streams-api/streams-api.ts'
import { type Behavior, ManualClock, StreamEmulator } from '../../src/testing/index.ts'
import { randomLatency } from './latency.ts'
import type { Interruption, Setup, WorldStep } from './steps.ts'
import { isPlainStep, performWorldStep, type WorldContext } from './world-steps.ts'

/** The service's time at the start of a history, in ms. */
export const START_TIME: number = Date.UTC(2026, 0, 1)

const SHARD_LIFE_MS = 4 * 3_600_000

interface Suspension {
  readonly from: number
  readonly until: number
}

/** The service and the reader's machine, and what has happened to them. */
export interface World {
  /**
   * The clock of the reader's machine. Its wall clock can be wrong; the service's time is `emulator.now()`.
   */
  readonly clock: ManualClock
  readonly emulator: StreamEmulator
  readonly client: StreamsApi | DynamoDBStreamsClient
  readonly profile: Setup['profile']
  /** The granularity of the times of records, in ms: the service truncates them. */
  readonly granularityMs: number
  /** How far the clock that dates the records is behind the service's, in ms. */
  readonly recordClockBehindMs: number
  /** Whether the service has behaved only as documented so far. */
  readonly isPlain: boolean
  /** How many calls failed because of missing permissions or invalid credentials. */
  readonly deniedCalls: number
  /** How many calls failed with a wrong error that the stream or shard does not exist. */
  readonly notFoundCalls: number
  /** How long the process has been suspended in total, in ms of the monotonic clock. */
  readonly suspendedMs: number
  /** When the process was suspended, by the service's clock, in ms. */
  readonly suspensions: readonly Suspension[]
  /**
   * Whether the machine was ever asleep. The process cannot know for how long until a response shows the
   * time.
   */
  readonly wasAsleep: boolean
  perform(step: WorldStep | Interruption): void
  /** Whether the stream was disabled, or its table deleted. Undefined: neither. */
  readonly ending: 'disabled' | 'deleted' | undefined
  /** Ends all faults and shows every hidden shard. */
  liftFaults(): void
  /** A short name of a shard, by the order of creation: `a`, `b`, … */
  nameOf(shardId: string): string
  /** A short name of a record: the name of its shard and its 1-based number in the shard, such as `b2`. */
  nameOfRecord(record: { readonly shardId: string; readonly sequenceNumber: string }): string
}

/**
 * The behavior of the service once faults are lifted. Page limits, the form of a shard's end and the
 * retention do not change.
 */
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
  const clock = new ManualClock(START_TIME + setup.clockSkewMs)
  let asleepMs = 0
  const serviceClock: Clock = {
    now: () => START_TIME + clock.monotonic() + asleepMs,
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
    // DynamoDB Local accepts only sequence numbers in its own format.
    sequenceNumbers: setup.profile === 'local' ? undefined : numberFormats[setup.numbers],
  })
  const recordClockBehindMs = setup.profile === 'local' ? 0 : setup.recordClockBehindMs
  const liftCallbacks: (() => void)[] = []
  let isPlain = setup.profile === 'aws' && Object.keys(setup.behavior).length === 0
  let ending: World['ending']
  let deniedCalls = 0
  let notFoundCalls = 0
  let lastNotFoundAt = Number.NEGATIVE_INFINITY
  let suspendedMs = 0
  const suspensions: Suspension[] = []
  let written = 0
  const context: WorldContext = {
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
      const previous = suspensions.at(-1)?.until === from ? suspensions.pop() : undefined
      suspensions.push({ from: previous?.from ?? from, until: serviceClock.now() })
    },
    setClock: (byMs) => clock.jump(byMs),
    perform: (step) => perform(step),
    nextNumber: () => ++written,
    onLift: (end) => liftCallbacks.push(end),
    noteDenied: () => {
      deniedCalls++
    },
    noteNotFound: () => {
      notFoundCalls++
      lastNotFoundAt = serviceClock.now()
    },
    get lastNotFoundAt() {
      return lastNotFoundAt
    },
    hidden: new Set(),
  }

  const perform = (step: WorldStep | Interruption): void => {
    if (step.do === 'later') {
      liftCallbacks.push(clock.setTimer(step.ms, () => perform(step.step)))
      return
    }
    if (step.do === 'during') {
      const { call, nth, moment } = step
      if (moment === 'before') isPlain = false
      const act = () => perform(step.step)
      liftCallbacks.push(
        emulator.on(call, { nth }, () => (moment === 'before' ? act() : void clock.setTimer(0, act))),
      )
      return
    }
    if (ending === 'deleted') return
    if (!isPlainStep(step)) isPlain = false
    if (step.do === 'disable') ending = 'disabled'
    if (step.do === 'deleteTable') ending = 'deleted'
    performWorldStep(step, context)
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
    get deniedCalls() {
      return deniedCalls
    },
    get notFoundCalls() {
      return notFoundCalls
    },
    get suspendedMs() {
      return suspendedMs
    },
    suspensions,
    get wasAsleep() {
      return asleepMs > 0
    },
    get ending() {
      return ending
    },
    perform,
    liftFaults: () => {
      for (const end of liftCallbacks.splice(0)) end()
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

/** The name at an index of the sequence a, b, …, z, aa, ab, … */
export function letters(index: number): string {
  const letter = String.fromCharCode(97 + (index % 26))
  return index < 26 ? letter : letters(Math.floor(index / 26) - 1) + letter
}
