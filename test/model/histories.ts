import fc from 'fast-check'
import type { Behaviour } from '../../src/testing/index.ts'
import type { History, Interruption, ReaderStep, Setup, Span, Step, WorldStep } from './steps.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

const small: fc.Arbitrary<number> = fc.nat(7)
const span: fc.Arbitrary<Span> = fc.oneof(
  fc.record({ calls: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ ms: fc.constantFrom(100, 1_000, 5_000, 30_000, 2 * MINUTE, 4 * MINUTE) }),
)

/** What happens on the table and with its shards, with nothing odd in it. */
export const plainWorld: fc.Arbitrary<WorldStep> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      how: fc.constantFrom('put', 'put', 'update', 'remove'),
      key: small,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('burst' as const),
      records: fc.integer({ min: 2, max: 24 }),
      everyMs: fc.constantFrom(0, 10, 300, 1_500),
      bytes: fc.constant(0),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('split' as const),
      shard: small,
      into: fc.constantFrom(2, 2, 2, 1, 3, 5),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rollAll' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('generations' as const),
      shard: small,
      count: fc.integer({ min: 2, max: 6 }),
      written: fc.boolean(),
    }),
  },
)

const position = fc.oneof(
  fc.constant('trim_horizon' as const),
  fc.constant('latest' as const),
  fc.record({ agoMs: fc.constantFrom(0, 500, 5_000, MINUTE, 20 * MINUTE, 6 * HOUR, -2_000, -10 * MINUTE) }),
)

const reading: fc.Arbitrary<ReaderStep> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('next' as const),
      times: fc.integer({ min: 1, max: 5 }),
      width: fc.constantFrom(1, 1, 1, 3),
      pauseMs: fc.constantFrom(0, 0, 0, 0, 0, 50, 1_000, 20_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('pause' as const),
      ms: fc.constantFrom(10, 1_000, 6_000, 70_000, 16 * MINUTE, 2 * HOUR),
    }),
  },
)

const habits: fc.Arbitrary<ReaderStep> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('reload' as const),
      token: fc.oneof(fc.constant('now' as const), small),
      pageSize: fc.constantFrom(1_000, 1, 2, 7),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('save' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('heartbeat' as const), whileReading: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('closeMidRead' as const),
      afterMs: fc.constantFrom(0, 1, 150, 2_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('moveTo' as const),
      to: fc.oneof(position, fc.record({ token: small })),
      whileReading: fc.constantFrom(false, false, true),
    }),
  },
)

const calls = fc.constantFrom('GetRecords' as const, 'DescribeStream' as const, 'GetShardIterator' as const)
const which = fc.option(small, { nil: undefined })

export const visibility: fc.Arbitrary<WorldStep> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('split' as const),
      shard: small,
      into: fc.constantFrom(2, 2, 1, 3),
      hidden: fc.record({ which: fc.constantFrom('all' as const, 'first' as const), span }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hide' as const), shard: small, span }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('showOpen' as const), shard: small, span }) },
)

export const errors: fc.Arbitrary<WorldStep> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      call: calls,
      shard: which,
      nth: fc.integer({ min: 1, max: 4 }),
      times: fc.integer({ min: 1, max: 4 }),
      effect: fc.constantFrom(
        'throttled',
        'limited',
        'broken',
        'unavailable',
        'resetBefore',
        'resetAfter',
        'hang',
        'slow',
        'truncated',
        'html',
        'denied',
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      call: fc.constant('GetRecords' as const),
      shard: which,
      nth: fc.integer({ min: 1, max: 4 }),
      times: fc.integer({ min: 1, max: 8 }),
      effect: fc.constantFrom('emptyPage', 'samePage', 'noNext', 'expired'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('expire' as const), shard: which }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('jump' as const), ms: fc.constantFrom(500, 10_000, 20 * MINUTE) }),
  },
)

const retention: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pause' as const),
      // Their sums keep away from the retention itself: so near it, clocks that differ decide.
      ms: fc.constantFrom(11.7 * HOUR, 23.5 * HOUR, 25 * HOUR, 30 * HOUR, 5.1 * HOUR),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('trim' as const), shard: small, share: fc.constantFrom(0.5, 1) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('showAgain' as const), shard: small }) },
  // That it is over, only the listing tells: it has no children.
  { weight: 2, arbitrary: fc.record({ do: fc.constant('closeShard' as const), shard: small }) },
)

const times: fc.Arbitrary<WorldStep> = fc.record({
  do: fc.constant('behave' as const),
  as: fc.constantFrom<Partial<Behaviour>>(
    { timestamps: 'missing' },
    { timestamps: 'second' },
    { timestampJitterMs: 3_000 },
    { timestampJitterMs: 0 },
    { readLagMs: 700 },
    { readLagMs: 0 },
    { openShardNext: 'absent' },
    { openShardNext: 'given' },
  ),
})

export const endings: fc.Arbitrary<WorldStep> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('closeShard' as const), shard: small }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('disable' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deleteTable' as const) }) },
)

export function interrupted(steps: fc.Arbitrary<WorldStep>): fc.Arbitrary<Interruption> {
  return fc.oneof(
    fc.record({
      do: fc.constant('during' as const),
      call: calls,
      nth: fc.integer({ min: 1, max: 6 }),
      step: steps.map(withoutTime),
    }),
    fc.record({ do: fc.constant('later' as const), ms: fc.constantFrom(0, 100, 900, 5_000), step: steps }),
  )
}

/** In the middle of a call no time passes: the log would say that the call was made later than it was. */
function withoutTime(step: WorldStep): WorldStep {
  if (step.do === 'burst') return { ...step, everyMs: 0 }
  return step.do === 'jump' ? { ...step, ms: 0 } : step
}

const behaviour: fc.Arbitrary<Partial<Behaviour>> = fc.record(
  {
    shardsPerPage: fc.constantFrom(100, 1, 2, 3),
    listingOrder: fc.constantFrom('sorted', 'reversed', 'shuffled'),
    fullLastPage: fc.constantFrom('final', 'names-next'),
    childShards: fc.constantFrom('right', 'empty', 'ignored', 'refused'),
    omitFromShards: fc.constantFrom([], ['startingSequenceNumber' as const]),
    emptyPagesAtStart: fc.constantFrom(0, 1, 4, 5),
    latestSlack: fc.constantFrom(0, 1, 3),
    trimmedTold: fc.constantFrom('at-iterator', 'at-records'),
    allTrimmed: fc.constantFrom('readable', 'refused'),
    recordsPerPage: fc.constantFrom(1000, 1, 3),
    shardEnd: fc.constantFrom('absent', 'null', 'empty-text', 'after-empty-page'),
    clockSkewMs: fc.constantFrom(0, 2_500, -40_000),
    retentionMs: fc.constantFrom(24 * HOUR, 25 * HOUR, 30 * HOUR),
  },
  { requiredKeys: [] },
)

/** Without its first sequence number nobody can tell what was trimmed of a shard. */
const tellingBehaviour: fc.Arbitrary<Partial<Behaviour>> = behaviour.map(
  ({ omitFromShards: _, ...rest }) => rest,
)

const reader: fc.Arbitrary<Setup['reader']> = fc.record({
  onGap: fc.constantFrom('throw', 'continue'),
  pageSize: fc.constantFrom(1_000, 1, 3, 10),
  maxConcurrentReads: fc.constantFrom(64, 1, 2),
  maxBufferedBytes: fc.constantFrom(64 * 1024 * 1024, 1024 * 1024),
  idlePollMs: fc.constantFrom({ min: 200, max: 1_000 }, { min: 20, max: 20 }, { min: 500, max: 5_000 }),
  discoveryIntervalMs: fc.constantFrom(60_000, 1_000, 10_000),
})

function setup(withBehaviour: fc.Arbitrary<Partial<Behaviour>>): fc.Arbitrary<Setup> {
  return fc.record({
    seed: fc.nat(1_000_000),
    profile: fc.constantFrom('aws', 'aws', 'aws', 'aws', 'aws', 'aws', 'local'),
    roots: fc.constantFrom(1, 1, 2, 4),
    startAt: fc.oneof(
      { weight: 2, arbitrary: fc.constant('trim_horizon' as const) },
      { weight: 1, arbitrary: position },
    ),
    behaviour: withBehaviour,
    reader,
    throughClient: fc.nat(99).map((n) => n === 99),
    numbers: fc.constantFrom('plain', 'crossing', 'padded'),
  })
}

function history(
  name: string,
  withBehaviour: fc.Arbitrary<Partial<Behaviour>>,
  weighted: readonly (readonly [number, fc.Arbitrary<Step>])[],
): fc.Arbitrary<History> {
  const steps = fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })))
  return fc.record({
    kind: fc.constant(name),
    setup: setup(withBehaviour),
    steps: fc.array(steps, { maxLength: 40, size: 'max' }),
  })
}

const as = fc.constant<Partial<Behaviour>>({})

/** Records so large that a few of them fill the buffer. */
const heavy: fc.Arbitrary<WorldStep> = fc.record({
  do: fc.constant('burst' as const),
  records: fc.integer({ min: 5, max: 40 }),
  everyMs: fc.constantFrom(0, 300),
  bytes: fc.constantFrom(40_000, 1_000, 150_000),
})

/** So many closed shards that a listing has two pages, and children are asked for shard by shard. */
const crowd: WorldStep = { do: 'generations', shard: 0, count: 101, written: false }

function crowded(histories: fc.Arbitrary<History>): fc.Arbitrary<History> {
  return histories.map(({ setup: { startAt, ...setup }, steps, ...rest }) => ({
    ...rest,
    setup: { ...setup, startAt: 'latest' },
    steps: [crowd, ...steps],
  }))
}

/** Kinds of histories: each goes deep into one sort of trouble, and the last one has them all. */
export const kinds: Readonly<Record<string, fc.Arbitrary<History>>> = {
  plain: history('plain', as, [
    [4, plainWorld],
    [3, reading],
    [2, habits],
  ]),
  visibility: history('visibility', as, [
    [3, plainWorld],
    [3, visibility],
    [1, interrupted(visibility)],
    [3, reading],
    [2, habits],
  ]),
  errors: history('errors', behaviour, [
    [4, plainWorld],
    [4, errors],
    [1, interrupted(plainWorld)],
    [4, reading],
    [2, habits],
  ]),
  retention: history('retention', tellingBehaviour, [
    [4, plainWorld],
    [2, retention],
    [4, reading],
    [2, habits],
  ]),
  crowd: crowded(
    history('crowd', as, [
      [3, plainWorld],
      [3, visibility],
      [1, interrupted(visibility)],
      [1, errors],
      [4, reading],
      [2, habits],
    ]),
  ),
  heavy: history('heavy', as, [
    [3, heavy],
    [1, plainWorld],
    [1, errors],
    [3, reading],
    [1, habits],
  ]),
  everything: history('everything', tellingBehaviour, [
    [8, plainWorld],
    [3, visibility],
    [4, errors],
    [1, retention],
    [1, times],
    [1, endings],
    [2, interrupted(fc.oneof(plainWorld, visibility, errors))],
    [8, reading],
    [5, habits],
  ]),
}

/** Any kind. */
export const anyHistory: fc.Arbitrary<History> = fc.oneof(
  ...Object.entries(kinds).map(([name, arbitrary]) => ({
    // Long listings and large records take their time.
    weight: name === 'crowd' || name === 'heavy' ? 1 : 4,
    arbitrary,
  })),
)
