import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import type { StreamsApi } from '../../src/streams-api/streams-api.ts'
import {
  type Behaviour,
  type Duration,
  type Effect,
  type EmulatedRecord,
  type EmulatedShard,
  ManualClock,
  StreamEmulator,
} from '../../src/testing/index.ts'
import type { FaultName, Interruption, Setup, Span, WorldStep } from './steps.ts'

/** Where the clock stands at first, in ms. */
export const BEGINNING: number = Date.UTC(2026, 0, 1)

const KEYS = 8
const LONGEST_HIDDEN_MS = 4 * 60_000
const RETENTION_MS = 24 * 3_600_000

/** The service, the clock, and what was done to them. */
export interface World {
  readonly clock: ManualClock
  readonly emulator: StreamEmulator
  readonly client: StreamsApi | DynamoDBStreamsClient
  /** Whether nothing in this history makes the service behave in any but the documented way. */
  readonly isPlain: boolean
  /** How many calls were told that they may not be made. */
  readonly denied: number
  perform(step: WorldStep | Interruption): void
  /** Ends all faults and shows every shard as it is. */
  liftFaults(): void
  /** A short name of a shard, by the order of creation: `a`, `b`, … */
  nameOf(shardId: string): string
  /** A short name of a record: its shard's, and its number in it from 1. */
  nameOfRecord(record: { readonly shardId: string; readonly sequenceNumber: string }): string
}

const effects: Readonly<Record<Exclude<FaultName, 'denied'>, Effect>> = {
  throttled: { fail: 'ThrottlingException' },
  limited: { fail: 'LimitExceededException' },
  broken: { fail: 'InternalServerError' },
  unavailable: { fail: 'ServiceUnavailable' },
  expired: { fail: 'ExpiredIteratorException', message: '' },
  resetBefore: { reset: 'before' },
  resetAfter: { reset: 'after' },
  hang: { hang: true },
  slow: { delayMs: 3_000 },
  truncated: { body: 'truncated' },
  html: { body: 'html' },
  emptyPage: { emptyPage: true },
  samePage: { repeatPage: true },
  noNext: { openShardNext: 'absent' },
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
    shards: setup.roots,
    behaviour: setup.behaviour,
    sequenceNumbers: numberFormats[setup.numbers],
  })
  const rules: (() => void)[] = []
  let isPlain = Object.keys(setup.behaviour).length === 0
  let denied = 0
  let written = 0

  const open = (number: number) => pick(emulator.openShards, number)
  /** Newest first: what was made last is most likely to matter. */
  const any = (number: number) => pick(emulator.shards.toReversed(), number)

  const put = (key: number, text?: string) =>
    emulator.put({ id: `k${key % KEYS}`, n: ++written, ...(text !== undefined && { text }) })

  const split = (shard: EmulatedShard | undefined, into: number): readonly EmulatedShard[] =>
    shard ? emulator.split(shard, into) : []

  const addRule = (rule: () => void) => {
    isPlain = false
    rules.push(rule)
  }

  const perform = (step: WorldStep | Interruption): void => {
    switch (step.do) {
      case 'write':
        if (step.how === 'put') put(step.key)
        else if (step.how === 'update') emulator.update({ id: `k${step.key % KEYS}` }, { n: ++written })
        else emulator.remove({ id: `k${step.key % KEYS}` }, { ttl: step.key % 2 === 0 })
        return
      case 'burst': {
        const text = step.bytes > 0 ? 'x'.repeat(step.bytes) : undefined
        for (let n = 0; n < step.records; n++) {
          if (n > 0) clock.jump(step.everyMs)
          put(n, text)
        }
        return
      }
      case 'split': {
        const children = split(open(step.shard), step.into)
        const { hidden } = step
        if (!hidden) return
        isPlain = false
        for (const child of hidden.which === 'all' ? children : children.slice(0, 1)) {
          emulator.hide(child, duration(hidden.span))
        }
        return
      }
      case 'rollAll':
        for (const shard of [...emulator.openShards]) emulator.roll(shard)
        return
      case 'generations': {
        let shard = open(step.shard)
        for (let n = 0; shard && n < step.count; n++) {
          if (step.written) emulator.put({ id: emulator.keyIn(shard), n: ++written })
          shard = emulator.roll(shard)
        }
        return
      }
      case 'closeShard': {
        const shard = open(step.shard)
        if (shard) emulator.closeShard(shard)
        return
      }
      case 'hide': {
        const shard = any(step.shard)
        // A parent of that age that is not listed counts as trimmed.
        if (!shard || shard.createdAt <= emulator.now() - RETENTION_MS + LONGEST_HIDDEN_MS) return
        isPlain = false
        emulator.hide(shard, duration(step.span))
        return
      }
      case 'showOpen':
        isPlain = false
        emulator.showOpen(any(step.shard) as EmulatedShard, duration(step.span))
        return
      case 'showAgain': {
        isPlain = false
        const shard = pick(
          emulator.shards.filter(({ removed }) => removed),
          step.shard,
        )
        if (shard) emulator.showAgain(shard)
        return
      }
      case 'expire':
        emulator.expireIterators(step.shard === undefined ? undefined : any(step.shard))
        return
      case 'behave':
        isPlain = false
        emulator.behave(step.as)
        return
      case 'fault': {
        const { call, nth, times, effect } = step
        const shard = step.shard === undefined ? undefined : any(step.shard)?.shardId
        addRule(
          emulator.on(call, { shard, nth, times }, () => {
            if (effect !== 'denied') return effects[effect]
            denied++
            return { fail: 'AccessDeniedException' }
          }),
        )
        return
      }
      case 'jump':
        clock.jump(step.ms)
        return
      case 'trim':
        trimSome(emulator, any(step.shard) as EmulatedShard, step.share)
        return
      case 'disable':
        emulator.disable()
        return
      case 'during':
        addRule(emulator.on(step.call, { nth: step.nth }, () => perform(step.step)))
        return
      case 'later':
        rules.push(clock.setTimer(step.ms, () => perform(step.step)))
    }
  }

  const nameOf = (shardId: string) => letters(emulator.shards.findIndex((shard) => shard.shardId === shardId))

  return {
    clock,
    emulator,
    client: setup.throughClient ? emulator.client() : emulator.api,
    get isPlain() {
      return isPlain
    },
    get denied() {
      return denied
    },
    perform,
    liftFaults: () => {
      for (const end of rules.splice(0)) end()
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

/** How the service behaves once faults are lifted. Limits of pages, forms of the end and the retention stay as they are. */
const harmless: Partial<Behaviour> = {
  emptyPage: false,
  repeatPage: false,
  readLagMs: 0,
  openShardNext: 'given',
}

/**
 * Trims the given share of a shard's records that are older than the retention, and the shard when it is all gone. What
 * comes before it in the lineage is older, and trimmed whole.
 */
function trimSome(emulator: StreamEmulator, shard: EmulatedShard, share: number): void {
  if (shard.removed) return
  if (shard.parentId !== undefined) trimSome(emulator, emulator.shard(shard.parentId), 1)
  const before = emulator.now() - RETENTION_MS
  const old = shard.records.filter((record) => record.writtenAt < before)
  if (share === 1 && old.length === shard.records.length && (shard.closedAt ?? before) < before) {
    emulator.trim({ shard })
    return
  }
  const last: EmulatedRecord | undefined = old[Math.ceil(old.length * share) - 1]
  if (last) emulator.trim({ shard, through: last.sequenceNumber })
}

/** Nothing is left out of the listing for longer than the library waits for a hidden parent. */
function duration(span: Span): Duration {
  return { ms: LONGEST_HIDDEN_MS, ...span }
}

function pick<T>(list: readonly T[], number: number): T | undefined {
  return list[number % Math.max(1, list.length)]
}

/** a, b, …, z, aa, ab, … */
export function letters(index: number): string {
  const letter = String.fromCharCode(97 + (index % 26))
  return index < 26 ? letter : letters(Math.floor(index / 26) - 1) + letter
}
