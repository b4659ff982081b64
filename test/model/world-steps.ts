import type {
  Call,
  Effect,
  EmulatedRecord,
  EmulatedShard,
  Item,
  StreamEmulator,
} from '../../src/testing/index.ts'
import { pick } from './pick.ts'
import { RETENTION_MS } from './retention.ts'
import type { FaultName, Span, WorldStep } from './steps.ts'

const KEYS = 8

/**
 * No shard is hidden from listings for longer than this, in ms: the library waits five minutes for a hidden
 * parent.
 */
const MAX_HIDDEN_MS = 4 * 60_000

/** A wrong "not found" occurs at most once in this time, in ms. */
const NOT_FOUND_INTERVAL_MS = 10 * 60_000

/** A shard older than this (ms) may be trimmed soon, so that "not found" would not be a wrong error. */
const MAX_AGE_FOR_NOT_FOUND_MS = 20 * 3_600_000

/** What the steps of the world act on. */
export interface WorldContext {
  readonly emulator: StreamEmulator
  readonly recordClockBehindMs: number
  /** Suspends the reader's process and, with `isAsleep`, the machine's monotonic clock. */
  suspend(ms: number, isAsleep: boolean): void
  /** Sets the wall clock of the reader's machine. */
  setClock(byMs: number): void
  perform(step: WorldStep): void
  /** Returns a number that was never written, so that each write changes the item. */
  nextNumber(): number
  /** Registers what ends a fault, to be called when faults are lifted. */
  onLift(end: () => void): void
  /** Notes that a call failed because of missing permissions or invalid credentials. */
  noteDenied(): void
  /** Notes that a call failed with a wrong error that the stream or shard does not exist. */
  noteNotFound(): void
  /** When {@link noteNotFound} was last called, by the service's clock, in ms. */
  readonly lastNotFoundAt: number
  /**
   * Shards that have been hidden. No shard is hidden twice: two spans in a row, without a listing in between,
   * could exceed the time that the library waits.
   */
  readonly hidden: Set<string>
}

/** Steps after which the service still behaves as documented and lists every shard. */
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
  // The steps during a suspension are checked when they are performed.
  return step.do === 'suspend' || plainSteps.has(step.do)
}

/** Performs one step. */
export function performWorldStep<Do extends WorldStep['do']>(
  step: Extract<WorldStep, { do: Do }>,
  context: WorldContext,
): void {
  const handle = handlers[step.do] as (step: WorldStep, context: WorldContext) => void
  handle(step, context)
}

const handlers: {
  readonly [Do in WorldStep['do']]: (step: Extract<WorldStep, { do: Do }>, context: WorldContext) => void
} = {
  write: ({ how, key }, context) => {
    const { emulator, nextNumber } = context
    const id = `k${key % KEYS}`
    if (emulator.openShards.length === 0) return
    if (how === 'put') put({ id, n: nextNumber() }, context)
    else if (how === 'update') emulator.update({ id }, { n: nextNumber() }, dated(context))
    else emulator.remove({ id }, { ttl: key % 2 === 0, ...dated(context) })
  },

  burst: ({ records, everyMs, bytes }, context) => {
    const padding = 'x'.repeat(bytes)
    for (let n = 0; n < records; n++) {
      if (n > 0) context.suspend(everyMs, false)
      put({ id: `k${n % KEYS}`, n: context.nextNumber(), ...(bytes > 0 && { text: padding }) }, context)
    }
  },

  split: ({ shard, into, hidden }, context) => {
    const parent = pick(context.emulator.openShards, shard)
    const children = parent ? context.emulator.split(parent, into) : []
    if (!hidden) return
    for (const child of hidden.which === 'all' ? children : children.slice(0, 1)) {
      hide(child, hidden.span, context)
    }
  },

  rollAll: (_, { emulator }) => {
    for (const shard of [...emulator.openShards]) emulator.roll(shard)
  },

  generations: ({ shard, count, written }, context) => {
    const { emulator, nextNumber } = context
    let last = pick(emulator.openShards, shard)
    for (let n = 0; last && n < count; n++) {
      if (written) put({ id: emulator.keyForShard(last), n: nextNumber() }, context)
      last = emulator.roll(last)
    }
  },

  closeShard: ({ shard }, { emulator }) => {
    const open = pick(emulator.openShards, shard)
    if (open) emulator.closeShard(open)
  },

  hide: ({ shard, span }, context) => hide(newest(context.emulator, shard), span, context),

  hideParent: ({ shard, span }, context) => {
    const parents = context.emulator.shards.filter(({ childIds, removed }) => childIds.length > 0 && !removed)
    const found = pick(parents, parents.length - 1 - (shard % Math.max(1, parents.length)))
    if (found) hide(found, span, context)
  },

  showOpen: ({ shard, span }, { emulator }) =>
    emulator.showOpen(newest(emulator, shard), { ms: MAX_HIDDEN_MS, ...span }),

  showAgain: ({ shard }, { emulator }) => {
    const removed = emulator.shards.filter((one) => one.removed)
    const found = pick(removed, shard)
    if (found) emulator.showAgain(found)
  },

  expire: ({ shard }, { emulator }) =>
    emulator.expireIterators(shard === undefined ? undefined : newest(emulator, shard)),

  setBehavior: ({ as }, { emulator }) => void emulator.setBehavior(as),

  fault: ({ call, nth, times, effect, shard }, context) => {
    const { emulator, onLift } = context
    const only = shard === undefined ? undefined : newest(emulator, shard).shardId
    onLift(emulator.on(call, { shard: only, nth, times }, (request) => effectOf(effect, request, context)))
  },

  outage: ({ ms, notFound: shard }, { emulator, onLift, perform }) => {
    if (shard !== undefined) {
      perform({ do: 'fault', call: 'GetRecords', shard, nth: 1, times: 1, effect: 'notFound' })
    }
    const until = emulator.now() + ms
    const times = Number.POSITIVE_INFINITY
    onLift(
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

/** Returns the effect of a fault. The world counts the errors that the consumer has to expect. */
function effectOf(name: FaultName, call: Call, context: WorldContext): Effect | undefined {
  switch (name) {
    case 'denied':
      context.noteDenied()
      return { fail: 'AccessDeniedException' }
    case 'expiredToken':
      context.noteDenied()
      return { fail: 'ExpiredTokenException' }
    case 'notFound': {
      const { emulator } = context
      const age = call.shard === undefined ? 0 : emulator.now() - emulator.shard(call.shard).createdAt
      if (age > MAX_AGE_FOR_NOT_FOUND_MS || emulator.now() < context.lastNotFoundAt + NOT_FOUND_INTERVAL_MS)
        return undefined
      context.noteNotFound()
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
 * Trims the given share of a shard's records that are older than the retention, and the shard itself once it
 * is empty. Its ancestors are older and are trimmed completely.
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

function put(item: Item, context: WorldContext): void {
  // A write to a stream without an open shard throws.
  if (context.emulator.openShards.length > 0) context.emulator.put(item, dated(context))
}

/** Records are dated by a clock that may be behind that of the `Date` header. */
function dated({ emulator, recordClockBehindMs }: WorldContext): { readonly createdAt?: number } {
  return recordClockBehindMs === 0 ? {} : { createdAt: emulator.now() - recordClockBehindMs }
}

function hide(shard: EmulatedShard, span: Span, { emulator, hidden }: WorldContext): void {
  // The library considers an unlisted parent of this age trimmed.
  const isOld = shard.createdAt <= emulator.now() - RETENTION_MS + MAX_HIDDEN_MS
  if (isOld || hidden.has(shard.shardId)) return
  hidden.add(shard.shardId)
  emulator.hide(shard, { ms: MAX_HIDDEN_MS, ...span })
}

/** Selects a shard, counted from the newest: recent shards are most likely to matter. */
function newest({ shards }: StreamEmulator, number: number): EmulatedShard {
  return shards[shards.length - 1 - (number % shards.length)] as EmulatedShard
}
