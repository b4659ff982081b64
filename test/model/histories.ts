import fc from 'fast-check'
import type { Behavior } from '../../src/testing/index.ts'
import type { History, Interruption, ReaderStep, Setup, Span, Step, WorldStep } from './steps.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

const DAY = 24 * HOUR

const small: fc.Arbitrary<number> = fc.nat(7)
const span: fc.Arbitrary<Span> = fc.oneof(
  fc.record({ calls: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ ms: fc.constantFrom(100, 1_000, 5_000, 30_000, 2 * MINUTE, 4 * MINUTE) }),
)

/** Writes and shard changes, with the service behaving as documented. */
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
    arbitrary: fc.record({
      do: fc.constant('suspend' as const),
      ms: fc.constantFrom(500, 10_000, 20 * MINUTE),
      isAsleep: fc.constant(false),
      meanwhile: fc.constant([]),
    }),
  },
)

/** Wrong errors that the service returns for a single call. */
const wrongErrors: fc.Arbitrary<WorldStep> = fc.record({
  do: fc.constant('fault' as const),
  call: calls,
  shard: which,
  nth: fc.integer({ min: 1, max: 4 }),
  times: fc.constant(1),
  effect: fc.constantFrom('notFound' as const, 'expiredToken' as const, 'denied' as const),
})

/** Credentials that expired while the reader was idle, and are renewed after the first errors. */
const expiredCredentials: fc.Arbitrary<WorldStep> = fc.record({
  do: fc.constant('fault' as const),
  call: fc.constantFrom('GetShardIterator' as const, 'GetShardIterator' as const, 'GetRecords' as const),
  shard: fc.constant(undefined),
  nth: fc.constantFrom(1, 1, 2),
  times: fc.constantFrom(1, 1, 3),
  effect: fc.constantFrom('expiredToken' as const, 'denied' as const),
})

/** Clock changes and suspensions on the reader's machine. */
const clocks: fc.Arbitrary<WorldStep> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('setClock' as const),
      byMs: fc
        .tuple(fc.constantFrom(5 * SECOND, 10 * MINUTE, HOUR, 9 * HOUR, 21 * DAY), fc.constantFrom(1, -1))
        .map(([ms, sign]) => sign * ms),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('suspend' as const),
      ms: fc.constantFrom(3 * SECOND, 40 * SECOND, 6 * MINUTE, 30 * MINUTE, 5.3 * HOUR),
      isAsleep: fc.constantFrom(false, false, true),
      meanwhile: fc.array(plainWorld, { maxLength: 3 }),
    }),
  },
)

const retention: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pause' as const),
      // No sum of these is close to the retention, where the difference between two clocks would decide.
      ms: fc.constantFrom(11.7 * HOUR, 23.5 * HOUR, 25 * HOUR, 30 * HOUR, 5.1 * HOUR),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('trim' as const), shard: small, share: fc.constantFrom(0.5, 1) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('showAgain' as const), shard: small }) },
  // Only the listing shows that such a shard has ended, as it has no children.
  { weight: 2, arbitrary: fc.record({ do: fc.constant('closeShard' as const), shard: small }) },
)

const times: fc.Arbitrary<WorldStep> = fc.record({
  do: fc.constant('setBehavior' as const),
  as: fc.constantFrom<Partial<Behavior>>(
    { timestamps: 'missing' },
    { timestamps: 'second' },
    { timestampJitterMs: 3_000 },
    { timestampJitterMs: 0 },
    { readLagMs: 700 },
    { readLagMs: 0 },
    { openShardNextIterator: 'absent' },
    { openShardNextIterator: 'present' },
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
      moment: fc.constant('before' as const),
      step: steps.map(withoutTime),
    }),
    fc.record({
      do: fc.constant('during' as const),
      call: calls,
      nth: fc.integer({ min: 1, max: 6 }),
      moment: fc.constant('after' as const),
      step: steps,
    }),
    fc.record({ do: fc.constant('later' as const), ms: fc.constantFrom(0, 100, 900, 5_000), step: steps }),
  )
}

/** Returns the step without its pauses: no time passes while the service computes a response. */
function withoutTime(step: WorldStep): WorldStep {
  if (step.do === 'burst') return { ...step, everyMs: 0 }
  if (step.do !== 'suspend') return step
  return { ...step, ms: 0, meanwhile: step.meanwhile.map(withoutTime) }
}

const behavior: fc.Arbitrary<Partial<Behavior>> = fc.record(
  {
    shardsPerPage: fc.constantFrom(100, 1, 2, 3),
    listingOrder: fc.constantFrom('sorted', 'reversed', 'shuffled'),
    exactFullLastPage: fc.constantFrom('final', 'has-next-key'),
    childShards: fc.constantFrom('supported', 'empty', 'ignored', 'refused'),
    omitFromShards: fc.constantFrom([], ['startingSequenceNumber' as const]),
    emptyPagesAtStart: fc.constantFrom(0, 1, 4, 5),
    latestOffset: fc.constantFrom(0, 1, 3),
    trimmedErrorAt: fc.constantFrom('at-iterator', 'at-records'),
    fullyTrimmedShard: fc.constantFrom('readable', 'refused'),
    recordsPerPage: fc.constantFrom(1000, 1, 3),
    shardEnd: fc.constantFrom('absent', 'null', 'empty-string', 'after-empty-page'),
    retentionMs: fc.constantFrom(24 * HOUR, 25 * HOUR, 30 * HOUR),
  },
  { requiredKeys: [] },
)

/**
 * Listings with first sequence numbers, without which it is unknown whether records of a shard were trimmed.
 */
const behaviorWithStarts: fc.Arbitrary<Partial<Behavior>> = behavior.map(
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

/** Overrides of the usual setup. */
type Special = { readonly [Name in keyof Setup]?: fc.Arbitrary<Setup[Name]> }

function setup(behaviors: fc.Arbitrary<Partial<Behavior>>, special: Special): fc.Arbitrary<Setup> {
  return fc.record({
    seed: fc.nat(1_000_000),
    profile: fc.constantFrom('aws', 'aws', 'aws', 'aws', 'aws', 'aws', 'local'),
    roots: fc.constantFrom(1, 1, 2, 4),
    startAt: fc.oneof(
      { weight: 2, arbitrary: fc.constant('trim_horizon' as const) },
      { weight: 1, arbitrary: position },
    ),
    behavior: behaviors,
    reader,
    throughClient: fc.nat(99).map((n) => n === 99),
    numbers: fc.constantFrom('plain', 'crossing', 'padded'),
    latencyMs: fc.constantFrom(150, 60, 60, 60, 400, 10, 0),
    clockSkewMs: fc.constantFrom(0, 0, 0, 2_500, -40_000, 3 * HOUR, -8 * HOUR, 9 * HOUR),
    recordClockBehindMs: fc.constantFrom(0, 0, 0, 0, 0, 10, 300),
    generationsBefore: fc.constant(0),
    ...special,
  })
}

function history(
  name: string,
  behaviors: fc.Arbitrary<Partial<Behavior>>,
  weighted: readonly (readonly [number, fc.Arbitrary<Step>])[],
  special: Special = {},
  maxLength = 40,
): fc.Arbitrary<History> {
  const steps = fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })))
  return fc.record({
    kind: fc.constant(name),
    setup: setup(behaviors, special),
    steps: fc.array(steps, { maxLength, size: 'max' }),
  })
}

const documented = fc.constant<Partial<Behavior>>({})

/** Records so large that a few of them fill the buffer. */
const heavy: fc.Arbitrary<WorldStep> = fc.record({
  do: fc.constant('burst' as const),
  records: fc.integer({ min: 5, max: 40 }),
  everyMs: fc.constantFrom(0, 300),
  bytes: fc.constantFrom(40_000, 1_000, 150_000),
})

/** Enough closed shards for a listing of two pages, so that children are requested shard by shard. */
const crowd: WorldStep = { do: 'generations', shard: 0, count: 101, written: false }

function crowded(histories: fc.Arbitrary<History>): fc.Arbitrary<History> {
  return histories.map(({ setup: { startAt, ...setup }, steps, ...rest }) => ({
    ...rest,
    setup: { ...setup, startAt: 'latest' },
    steps: [crowd, ...steps],
  }))
}

/** Bursts during a long absence of the reader, with shards that roll in between. */
const backlog: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('burst' as const),
      records: fc.integer({ min: 8, max: 40 }),
      everyMs: fc.constantFrom(20 * SECOND, MINUTE, 3 * MINUTE),
      bytes: fc.constant(0),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('split' as const),
      shard: small,
      into: fc.constantFrom(1, 1, 2),
    }),
  },
)

const hiddenParent: fc.Arbitrary<WorldStep> = fc.record({
  do: fc.constant('hideParent' as const),
  shard: small,
  span,
})

/** DescribeStream is unavailable for minutes, while a read of some shard fails with "not found". */
const outages: fc.Arbitrary<WorldStep> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('outage' as const),
      ms: fc.constantFrom(20 * SECOND, 5 * MINUTE, 10 * MINUTE),
      notFound: which,
    }),
  },
  { weight: 1, arbitrary: wrongErrors },
)

/** What happens during the four hours that a shard is open. */
const shardLifetime: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('burst' as const),
      records: fc.integer({ min: 1, max: 4 }),
      everyMs: fc.constantFrom(0, 1_500),
      bytes: fc.constant(0),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('reload' as const),
      token: fc.constant('now' as const),
      pageSize: fc.constant(1_000),
    }),
  },
)

/** Prepends four to nine days in which every shard rolls every four hours, with reads every 80 minutes. */
function rollingForDays(histories: fc.Arbitrary<History>): fc.Arbitrary<History> {
  const days = fc.integer({ min: 4, max: 9 })
  return fc
    .tuple(histories, days, shardLifetime, shardLifetime)
    .map(([{ steps, ...rest }, days, first, second]) => {
      const reads: Step[] = [{ do: 'drain' }, { do: 'pause', ms: 80 * MINUTE }]
      const generation: Step[] = [{ do: 'rollAll' }, first, ...reads, ...reads, ...reads, second]
      return { ...rest, steps: [...Array.from({ length: days * 6 }, () => generation).flat(), ...steps] }
    })
}

/** Kinds of histories: each concentrates on one area of failure, and the last one combines them. */
export const kinds: Readonly<Record<string, fc.Arbitrary<History>>> = {
  plain: history('plain', documented, [
    [4, plainWorld],
    [3, reading],
    [2, habits],
  ]),
  visibility: history('visibility', documented, [
    [3, plainWorld],
    [3, visibility],
    [1, interrupted(visibility)],
    [3, reading],
    [2, habits],
  ]),
  errors: history('errors', behavior, [
    [4, plainWorld],
    [4, errors],
    [1, interrupted(plainWorld)],
    [4, reading],
    [2, habits],
  ]),
  retention: history('retention', behaviorWithStarts, [
    [4, plainWorld],
    [2, retention],
    [4, reading],
    [2, habits],
  ]),
  crowd: crowded(
    history('crowd', documented, [
      [3, plainWorld],
      [3, visibility],
      [1, interrupted(visibility)],
      [1, errors],
      [4, reading],
      [2, habits],
    ]),
  ),
  heavy: history('heavy', documented, [
    [3, heavy],
    [1, plainWorld],
    [1, errors],
    [3, reading],
    [1, habits],
  ]),
  clocks: history('clocks', documented, [
    [4, plainWorld],
    [2, clocks],
    [2, visibility],
    [1, hiddenParent],
    [2, interrupted(clocks)],
    [4, reading],
    [2, habits],
  ]),
  wrong: history('wrong', documented, [
    [4, plainWorld],
    [3, wrongErrors],
    [1, retention],
    [4, reading],
    [2, habits],
  ]),
  credentials: history('credentials', documented, [
    [3, plainWorld],
    [2, expiredCredentials],
    [2, retention],
    [2, reading],
    [3, habits],
  ]),
  backlog: history(
    'backlog',
    documented,
    [
      [4, backlog],
      [1, plainWorld],
      [2, reading],
      [1, habits],
    ],
    { roots: fc.constantFrom(2, 3) },
  ),
  outage: history(
    'outage',
    documented,
    [
      [3, plainWorld],
      [3, outages],
      [4, reading],
      [1, habits],
    ],
    { roots: fc.constantFrom(2, 4), startAt: fc.constant('trim_horizon') },
  ),
  old: history(
    'old',
    documented,
    [
      [3, plainWorld],
      [1, visibility],
      [1, hiddenParent],
      [1, clocks],
      [4, reading],
      [2, habits],
    ],
    {
      generationsBefore: fc.constantFrom(7, 10),
      roots: fc.constantFrom(1, 2, 2, 5, 5, 30),
      reader: fc
        .tuple(reader, fc.constantFrom(MINUTE, HOUR))
        .map(([usual, discoveryIntervalMs]) => ({ ...usual, discoveryIntervalMs })),
    },
  ),
  weeks: rollingForDays(
    history(
      'weeks',
      documented,
      [
        [2, plainWorld],
        [2, reading],
        [1, habits],
      ],
      {
        roots: fc.constantFrom(1, 2, 4),
        latencyMs: fc.constantFrom(0, 20, 60),
        reader: reader.map((usual) => ({
          ...usual,
          maxConcurrentReads: 64,
          idlePollMs: { min: 500, max: 5_000 },
          discoveryIntervalMs: MINUTE,
        })),
      },
      15,
    ),
  ),
  saturated: history(
    'saturated',
    documented,
    [
      [4, plainWorld],
      [1, errors],
      [4, reading],
      [1, habits],
    ],
    {
      roots: fc.constantFrom(20, 40),
      latencyMs: fc.constantFrom(20, 60),
      reader: fc
        .tuple(reader, fc.constantFrom(1, 2, 8), fc.constantFrom({ min: 5, max: 20 }, { min: 20, max: 20 }))
        .map(([usual, maxConcurrentReads, idlePollMs]) => ({ ...usual, maxConcurrentReads, idlePollMs })),
    },
    15,
  ),
  everything: history('everything', behaviorWithStarts, [
    [8, plainWorld],
    [3, visibility],
    [4, errors],
    [1, wrongErrors],
    [2, clocks],
    [1, hiddenParent],
    [1, retention],
    [1, times],
    [1, endings],
    [2, interrupted(fc.oneof(plainWorld, visibility, errors, clocks))],
    [8, reading],
    [5, habits],
  ]),
}

/** Kinds that are slow to run: long listings, large records, many shards, weeks of time. */
export const slowKinds: ReadonlySet<string> = new Set(['crowd', 'heavy', 'old', 'weeks', 'saturated'])

/** A history of any kind; the slow kinds are less frequent. */
export const anyHistory: fc.Arbitrary<History> = fc.oneof(
  ...Object.entries(kinds).map(([name, arbitrary]) => ({ weight: slowKinds.has(name) ? 1 : 4, arbitrary })),
)
