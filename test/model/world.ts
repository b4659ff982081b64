import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import type { StreamsApi } from '../../src/streams-api/streams-api.ts'
import { type Behaviour, ManualClock, StreamEmulator } from '../../src/testing/index.ts'
import type { Interruption, Setup, WorldStep } from './steps.ts'
import { type Hands, isPlainStep, performWorldStep } from './world-steps.ts'

/** Where the clock stands at first, in ms. */
export const BEGINNING: number = Date.UTC(2026, 0, 1)

/** The service, the clock, and what was done to them. */
export interface World {
  readonly clock: ManualClock
  readonly emulator: StreamEmulator
  readonly client: StreamsApi | DynamoDBStreamsClient
  readonly profile: Setup['profile']
  /** To how many ms the service cuts the times of records. */
  readonly granularityMs: number
  /** Whether nothing in this history makes the service behave in any but the documented way. */
  readonly isPlain: boolean
  /** How many calls were told that they may not be made. */
  readonly denied: number
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
const harmless: Partial<Behaviour> = {
  emptyPage: false,
  repeatPage: false,
  readLagMs: 0,
  openShardNext: 'given',
}

const numberFormats = {
  plain: undefined,
  crossing: { start: `${'9'.repeat(20)}8`, maxGap: 2 },
  padded: { digits: 40 },
} as const

export function createWorld(setup: Setup): World {
  const clock = new ManualClock(BEGINNING)
  const emulator = new StreamEmulator({
    seed: setup.seed,
    clock,
    profile: setup.profile,
    shards: setup.roots,
    behaviour: setup.behaviour,
    // DynamoDB Local reads no others than its own.
    sequenceNumbers: setup.profile === 'local' ? undefined : numberFormats[setup.numbers],
  })
  const lasting: (() => void)[] = []
  let isPlain = setup.profile === 'aws' && Object.keys(setup.behaviour).length === 0
  let isOver: World['isOver']
  let denied = 0
  let written = 0
  const hands: Hands = {
    clock,
    emulator,
    fresh: () => ++written,
    lasting: (end) => lasting.push(end),
    denied: () => {
      denied++
    },
  }

  const perform = (step: WorldStep | Interruption): void => {
    if (step.do === 'later') {
      lasting.push(clock.setTimer(step.ms, () => perform(step.step)))
      return
    }
    if (step.do === 'during') {
      isPlain = false
      lasting.push(emulator.on(step.call, { nth: step.nth }, () => perform(step.step)))
      return
    }
    if (isOver === 'deleted') return
    if (!isPlainStep(step)) isPlain = false
    if (step.do === 'disable') isOver = 'disabled'
    if (step.do === 'deleteTable') isOver = 'deleted'
    performWorldStep(step, hands)
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
    get denied() {
      return denied
    },
    get isOver() {
      return isOver
    },
    perform,
    liftFaults: () => {
      for (const end of lasting.splice(0)) end()
      emulator.behave(harmless)
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
