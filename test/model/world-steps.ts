import type {
  Duration,
  Effect,
  EmulatedRecord,
  EmulatedShard,
  ManualClock,
  StreamEmulator,
} from '../../src/testing/index.ts'
import type { FaultName, Span, WorldStep } from './steps.ts'

const KEYS = 8
const RETENTION_MS = 24 * 3_600_000

/** Nothing is left out of the listing for longer than the library waits for a hidden parent. */
const LONGEST_HIDDEN_MS = 4 * 60_000

/** What a step of the world has to do with. */
export interface Hands {
  readonly clock: ManualClock
  readonly emulator: StreamEmulator
  /** A number that was never written, so that each write changes something. */
  fresh(): number
  /** Something that ends with all faults. */
  lasting(end: () => void): void
  /** A call was told that it may not be made. */
  denied(): void
}

/** Steps that leave the service as documented, and every shard in sight. */
const plainSteps: ReadonlySet<WorldStep['do']> = new Set([
  'write',
  'burst',
  'rollAll',
  'generations',
  'closeShard',
  'expire',
  'jump',
  'trim',
  'disable',
])

export function isPlainStep(step: WorldStep): boolean {
  return step.do === 'split' ? step.hidden === undefined : plainSteps.has(step.do)
}

/** Does one step. */
export function performWorldStep<Do extends WorldStep['do']>(
  step: Extract<WorldStep, { do: Do }>,
  hands: Hands,
): void {
  const act = acts[step.do] as (step: WorldStep, hands: Hands) => void
  act(step, hands)
}

const acts: {
  readonly [Do in WorldStep['do']]: (step: Extract<WorldStep, { do: Do }>, hands: Hands) => void
} = {
  write: ({ how, key }, { emulator, fresh }) => {
    const id = `k${key % KEYS}`
    if (how === 'put') emulator.put({ id, n: fresh() })
    else if (how === 'update') emulator.update({ id }, { n: fresh() })
    else emulator.remove({ id }, { ttl: key % 2 === 0 })
  },

  burst: ({ records, everyMs, bytes }, { clock, emulator, fresh }) => {
    const text = 'x'.repeat(bytes)
    for (let n = 0; n < records; n++) {
      if (n > 0) clock.suspend(everyMs)
      emulator.put({ id: `k${n % KEYS}`, n: fresh(), ...(bytes > 0 && { text }) })
    }
  },

  split: ({ shard, into, hidden }, { emulator }) => {
    const parent = pick(emulator.openShards, shard)
    const children = parent ? emulator.split(parent, into) : []
    if (!hidden) return
    for (const child of hidden.which === 'all' ? children : children.slice(0, 1)) {
      emulator.hide(child, duration(hidden.span))
    }
  },

  rollAll: (_, { emulator }) => {
    for (const shard of [...emulator.openShards]) emulator.roll(shard)
  },

  generations: ({ shard, count, written }, { emulator, fresh }) => {
    let last = pick(emulator.openShards, shard)
    for (let n = 0; last && n < count; n++) {
      if (written) emulator.put({ id: emulator.keyIn(last), n: fresh() })
      last = emulator.roll(last)
    }
  },

  closeShard: ({ shard }, { emulator }) => {
    const open = pick(emulator.openShards, shard)
    if (open) emulator.closeShard(open)
  },

  hide: ({ shard, span }, { emulator }) => {
    const found = newest(emulator, shard)
    // A parent of that age that is not listed counts as trimmed.
    if (found.createdAt <= emulator.now() - RETENTION_MS + LONGEST_HIDDEN_MS) return
    emulator.hide(found, duration(span))
  },

  showOpen: ({ shard, span }, { emulator }) =>
    emulator.showOpen(newest(emulator, shard), { ms: LONGEST_HIDDEN_MS, ...span }),

  showAgain: ({ shard }, { emulator }) => {
    const removed = emulator.shards.filter((one) => one.removed)
    const found = pick(removed, shard)
    if (found) emulator.showAgain(found)
  },

  expire: ({ shard }, { emulator }) =>
    emulator.expireIterators(shard === undefined ? undefined : newest(emulator, shard)),

  behave: ({ as }, { emulator }) => void emulator.behave(as),

  fault: ({ call, nth, times, effect, shard }, { emulator, lasting, denied }) => {
    const only = shard === undefined ? undefined : newest(emulator, shard).shardId
    lasting(
      emulator.on(call, { shard: only, nth, times }, () => {
        if (effect !== 'denied') return effects[effect]
        denied()
        return { fail: 'AccessDeniedException' }
      }),
    )
  },

  jump: ({ ms }, { clock }) => clock.suspend(ms),

  trim: ({ shard, share }, { emulator }) => trimSome(emulator, newest(emulator, shard), share),

  disable: (_, { emulator }) => emulator.disable(),

  deleteTable: (_, { emulator }) => emulator.deleteTable(),
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

/** Counted from the newest shard: what was made last is most likely to matter. */
function newest({ shards }: StreamEmulator, number: number): EmulatedShard {
  return shards[shards.length - 1 - (number % shards.length)] as EmulatedShard
}

function duration(span: Span): Duration {
  return { ms: LONGEST_HIDDEN_MS, ...span }
}

function pick<T>(list: readonly T[], number: number): T | undefined {
  return list[number % Math.max(1, list.length)]
}
