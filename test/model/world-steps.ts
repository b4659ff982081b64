import type {
  Call,
  Effect,
  EmulatedRecord,
  EmulatedShard,
  Item,
  StreamEmulator,
} from '../../src/testing/index.ts'
import { RETENTION_MS } from './retention.ts'
import type { FaultName, Span, WorldStep } from './steps.ts'

const KEYS = 8

/** Nothing is left out of the listing for longer than this: the library waits five minutes for a hidden parent. */
const LONGEST_HIDDEN_MS = 4 * 60_000

/** A wrong "not found" is an exception: it comes once in this time at most. */
const BETWEEN_NOT_FOUND_MS = 10 * 60_000

/** Shards older than this can be trimmed soon: that they are not found is then no error of the service. */
const SURELY_KEPT_MS = 20 * 3_600_000

/** What a step of the world has to do with. */
export interface Hands {
  readonly emulator: StreamEmulator
  readonly recordClockBehindMs: number
  /** Suspends the reader's process; with `isAsleep` the machine's monotonic clock, too. */
  suspend(ms: number, isAsleep: boolean): void
  /** Sets the wall clock of the reader's machine. */
  setClock(byMs: number): void
  perform(step: WorldStep): void
  /** A number that was never written, so that each write changes something. */
  fresh(): number
  /** Something that ends with all faults. */
  lasting(end: () => void): void
  /** A call was refused for want of permission or of valid credentials. */
  refused(): void
  /** A call was answered wrongly that the stream or the shard does not exist. */
  notFound(): void
  /** When that was the last time, by the service's clock. */
  readonly lastNotFoundAt: number
  /**
   * Shards that were hidden. None is hidden twice: two times in a row would be longer than the library waits if no
   * listing was made in between.
   */
  readonly hidden: Set<string>
}

/** Steps that leave the service as documented, and every shard in sight. */
const plainSteps: ReadonlySet<WorldStep['do']> = new Set([
  'write',
  'burst',
  'rollAll',
  'generations',
  'closeShard',
  'expire',
  'setClock',
  'trim',
  'disable',
])

export function isPlainStep(step: WorldStep): boolean {
  if (step.do === 'split') return step.hidden === undefined
  // What happens meanwhile counts when it is performed.
  return step.do === 'suspend' || plainSteps.has(step.do)
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
  write: ({ how, key }, hands) => {
    const { emulator, fresh } = hands
    const id = `k${key % KEYS}`
    if (how === 'put') put({ id, n: fresh() }, hands)
    else if (how === 'update') emulator.update({ id }, { n: fresh() }, dated(hands))
    else emulator.remove({ id }, { ttl: key % 2 === 0, ...dated(hands) })
  },

  burst: ({ records, everyMs, bytes }, hands) => {
    const text = 'x'.repeat(bytes)
    for (let n = 0; n < records; n++) {
      if (n > 0) hands.suspend(everyMs, false)
      put({ id: `k${n % KEYS}`, n: hands.fresh(), ...(bytes > 0 && { text }) }, hands)
    }
  },

  split: ({ shard, into, hidden }, hands) => {
    const parent = pick(hands.emulator.openShards, shard)
    const children = parent ? hands.emulator.split(parent, into) : []
    if (!hidden) return
    for (const child of hidden.which === 'all' ? children : children.slice(0, 1)) {
      hide(child, hidden.span, hands)
    }
  },

  rollAll: (_, { emulator }) => {
    for (const shard of [...emulator.openShards]) emulator.roll(shard)
  },

  generations: ({ shard, count, written }, hands) => {
    const { emulator, fresh } = hands
    let last = pick(emulator.openShards, shard)
    for (let n = 0; last && n < count; n++) {
      if (written) put({ id: emulator.keyForShard(last), n: fresh() }, hands)
      last = emulator.roll(last)
    }
  },

  closeShard: ({ shard }, { emulator }) => {
    const open = pick(emulator.openShards, shard)
    if (open) emulator.closeShard(open)
  },

  hide: ({ shard, span }, hands) => hide(newest(hands.emulator, shard), span, hands),

  hideParent: ({ shard, span }, hands) => {
    const parents = hands.emulator.shards.filter(({ childIds, removed }) => childIds.length > 0 && !removed)
    const found = pick(parents, parents.length - 1 - (shard % Math.max(1, parents.length)))
    if (found) hide(found, span, hands)
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

  setBehavior: ({ as }, { emulator }) => void emulator.setBehavior(as),

  fault: ({ call, nth, times, effect, shard }, hands) => {
    const { emulator, lasting } = hands
    const only = shard === undefined ? undefined : newest(emulator, shard).shardId
    lasting(emulator.on(call, { shard: only, nth, times }, (made) => effectOf(effect, made, hands)))
  },

  outage: ({ ms, notFound: shard }, { emulator, lasting, perform }) => {
    if (shard !== undefined) {
      perform({ do: 'fault', call: 'GetRecords', shard, nth: 1, times: 1, effect: 'notFound' })
    }
    const until = emulator.now() + ms
    const times = Number.POSITIVE_INFINITY
    lasting(
      emulator.on('DescribeStream', { times }, () =>
        emulator.now() < until ? effects.throttled : undefined,
      ),
    )
  },

  suspend: ({ ms, isAsleep, meanwhile }, { suspend, perform }) => {
    suspend(ms / 2, isAsleep)
    for (const step of meanwhile) perform(step)
    suspend(ms / 2, isAsleep)
  },

  setClock: ({ byMs }, { setClock }) => setClock(byMs),

  trim: ({ shard, share }, { emulator }) => trimSome(emulator, newest(emulator, shard), share),

  disable: (_, { emulator }) => emulator.disable(),

  deleteTable: (_, { emulator }) => emulator.deleteTable(),
}

type Special = 'denied' | 'expiredToken' | 'notFound'

/** Effects that the oracle has to know of. */
function effectOf(name: FaultName, call: Call, hands: Hands): Effect | undefined {
  switch (name) {
    case 'denied':
      hands.refused()
      return { fail: 'AccessDeniedException' }
    case 'expiredToken':
      hands.refused()
      return { fail: 'ExpiredTokenException' }
    case 'notFound': {
      const { emulator } = hands
      const age = call.shard === undefined ? 0 : emulator.now() - emulator.shard(call.shard).createdAt
      if (age > SURELY_KEPT_MS || emulator.now() < hands.lastNotFoundAt + BETWEEN_NOT_FOUND_MS)
        return undefined
      hands.notFound()
      return { fail: 'ResourceNotFoundException' }
    }
    default:
      return effects[name]
  }
}

const effects: Readonly<Record<Exclude<FaultName, Special>, Effect>> = {
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
  noNext: { openShardNextIterator: 'absent' },
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

function put(item: Item, hands: Hands): void {
  hands.emulator.put(item, dated(hands))
}

/** Records are dated by a clock that may be behind the one that listings tell. */
function dated({ emulator, recordClockBehindMs }: Hands): { readonly createdAt?: number } {
  return recordClockBehindMs === 0 ? {} : { createdAt: emulator.now() - recordClockBehindMs }
}

function hide(shard: EmulatedShard, span: Span, { emulator, hidden }: Hands): void {
  // A parent of that age that is not listed counts as trimmed.
  const isOld = shard.createdAt <= emulator.now() - RETENTION_MS + LONGEST_HIDDEN_MS
  if (isOld || hidden.has(shard.shardId)) return
  hidden.add(shard.shardId)
  emulator.hide(shard, { ms: LONGEST_HIDDEN_MS, ...span })
}

/** Counted from the newest shard: what was made last is most likely to matter. */
function newest({ shards }: StreamEmulator, number: number): EmulatedShard {
  return shards[shards.length - 1 - (number % shards.length)] as EmulatedShard
}

function pick<T>(list: readonly T[], number: number): T | undefined {
  return list[number % Math.max(1, list.length)]
}
