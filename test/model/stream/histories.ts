import fc from 'fast-check'
import { errors, interrupted, plainWorld, endings as streamEndings, visibility } from '../histories.ts'
import type { WorldStep } from '../steps.ts'
import type { ConsumerStep, LoopKind, StreamHistory, StreamSetup, StreamStep } from './steps.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND

const small = fc.nat(7)

// ---- What the consumer does ------------------------------------------------------------------------------

const byRecord = fc.constant<LoopKind>({ as: 'records' })
const byBatch: fc.Arbitrary<LoopKind> = fc.record({
  as: fc.constant('batches' as const),
  maxRecords: fc.constantFrom(1, 2, 5, 100),
  maxWaitMs: fc.constantFrom(0, 0, 300, 5 * SECOND),
})
const readable = fc.constant<LoopKind>({ as: 'readable' })
const anyLoop = fc.oneof(
  { weight: 2, arbitrary: byRecord },
  { weight: 2, arbitrary: byBatch },
  { weight: 1, arbitrary: readable },
)

function taking(loop: fc.Arbitrary<LoopKind>): fc.Arbitrary<ConsumerStep> {
  return fc.record({
    do: fc.constant('take' as const),
    loop,
    times: fc.integer({ min: 1, max: 6 }),
    waitMs: fc.constantFrom(0, 100, SECOND, 6 * SECOND),
  })
}

const pause: fc.Arbitrary<ConsumerStep> = fc.record({
  do: fc.constant('pause' as const),
  ms: fc.constantFrom(10, SECOND, SECOND, 6 * SECOND, 6 * SECOND, 6 * SECOND, 3 * MINUTE, 16 * MINUTE),
})

const restart: fc.Arbitrary<ConsumerStep> = fc.oneof(
  fc.record({ do: fc.constant('reopen' as const) }),
  fc.record({ do: fc.constant('crash' as const), saves: fc.constantFrom('written', 'lost') }),
)

const waits = fc.boolean()
const leaving: fc.Arbitrary<ConsumerStep> = fc.record({ do: fc.constant('leave' as const), waits })

const keepToken = fc.constant<ConsumerStep>({ do: 'keepToken' })
const start = fc.oneof(
  fc.constant('trim_horizon' as const),
  fc.constant('latest' as const),
  fc.record({ agoMs: fc.constantFrom(0, 5 * SECOND, MINUTE, 20 * MINUTE, -2 * SECOND) }),
)
const moving: fc.Arbitrary<ConsumerStep> = fc.record({
  do: fc.constant('moveTo' as const),
  to: fc.oneof(start, fc.record({ token: small })),
  waits,
})

const ending: fc.Arbitrary<ConsumerStep> = fc.oneof(
  fc.constant<ConsumerStep>({ do: 'abort' }),
  fc.record({ do: fc.constant('close' as const), waits }),
  fc.record({
    do: fc.constant('abortOpening' as const),
    afterMs: fc.constantFrom(0, 1, 10, 100, 2 * SECOND),
  }),
)

const storeFault: fc.Arbitrary<ConsumerStep> = fc.record({
  do: fc.constant('store' as const),
  fault: fc.oneof(
    fc.record({
      what: fc.constant('slow' as const),
      ms: fc.constantFrom(100, SECOND, 8 * SECOND),
      times: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({
      what: fc.constant('fails' as const),
      ms: fc.constantFrom(0, 100, 3 * SECOND),
      times: fc.constantFrom(1, 2, 5, 40),
      written: fc.boolean(),
    }),
    fc.record({ what: fc.constant('conflict' as const) }),
    fc.record({ what: fc.constant('loadFails' as const) }),
  ),
})

// ---- What the service does -------------------------------------------------------------------------------

const denied: fc.Arbitrary<WorldStep> = fc.record({
  do: fc.constant('fault' as const),
  call: fc.constantFrom('GetRecords' as const, 'GetShardIterator' as const),
  shard: small,
  nth: fc.constant(1),
  times: fc.constantFrom(1, 3, 20),
  effect: fc.constant('denied' as const),
})

/** Throttling that lasts long enough for the stream to be closed before it ends. */
const throttled: fc.Arbitrary<WorldStep> = fc.record({
  do: fc.constant('fault' as const),
  call: fc.constant('DescribeStream' as const),
  shard: fc.constant(undefined),
  nth: fc.integer({ min: 1, max: 3 }),
  times: fc.constantFrom(5, 30),
  effect: fc.constant('throttled' as const),
})

const reenabled = fc.constant<StreamStep>({ do: 'enable' })

// ---- Histories -------------------------------------------------------------------------------------------

const setup: fc.Arbitrary<StreamSetup> = fc.record({
  seed: fc.nat(1_000_000),
  profile: fc.constant('aws' as const),
  roots: fc.constantFrom(1, 1, 2, 4),
  startAt: fc.oneof(fc.constant('trim_horizon' as const), start),
  behavior: fc.record(
    {
      recordsPerPage: fc.constantFrom(1000, 1, 3),
      emptyPagesAtStart: fc.constantFrom(0, 1, 4),
      shardEnd: fc.constantFrom('absent' as const, 'after-empty-page' as const),
    },
    { requiredKeys: [] },
  ),
  reader: fc.record({
    onGap: fc.constant('throw' as const),
    pageSize: fc.constantFrom(1_000, 1, 3, 10),
    maxConcurrentReads: fc.constantFrom(64, 1, 2),
    maxBufferedBytes: fc.constant(64 * 1024 * 1024),
    idlePollMs: fc.constantFrom({ min: 500, max: 5_000 }, { min: 200, max: 1_000 }),
    discoveryIntervalMs: fc.constantFrom(60_000, 10_000),
  }),
  throughClient: fc.constant(false),
  numbers: fc.constantFrom('plain', 'crossing', 'padded'),
  latencyMs: fc.constantFrom(150, 150, 20, 1_500, 0),
  clockSkewMs: fc.constant(0),
  recordClockBehindMs: fc.constant(0),
  generationsBefore: fc.constant(0),
  checkpoint: fc.option(
    fc.record({
      everyRecords: fc.constantFrom(1, 3, 1_000),
      everyMs: fc.constantFrom(100, 5 * SECOND, MINUTE),
    }),
    { freq: 6, nil: undefined },
  ),
  keepsIterator: fc.boolean(),
  follows: fc.constant(false),
})

function history(
  name: string,
  weighted: readonly (readonly [number, fc.Arbitrary<StreamStep>])[],
  setups: fc.Arbitrary<StreamSetup> = setup,
): fc.Arbitrary<StreamHistory> {
  const steps = fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })))
  return fc.record({
    kind: fc.constant(name),
    setup: setups,
    steps: fc.array(steps, { maxLength: 40, size: 'max' }),
  })
}

/**
 * Streams that follow the table have a checkpoint. Otherwise the position would be lost with the process.
 */
const following = setup.map(
  (one): StreamSetup => ({
    ...one,
    startAt: 'trim_horizon',
    follows: true,
    checkpoint: one.checkpoint ?? { everyRecords: 3, everyMs: 5 * SECOND },
  }),
)

/** Kinds of histories: each concentrates on one activity of a consumer, and the last one combines them. */
export const streamKinds: Readonly<Record<string, fc.Arbitrary<StreamHistory>>> = {
  /** One loop per process that reads record by record and is never left. */
  steady: history('steady', [
    [3, plainWorld],
    [1, errors],
    [4, taking(byRecord)],
    [1, pause],
    [1, restart],
  ]),
  loops: history('loops', [
    [3, plainWorld],
    [1, denied],
    [4, taking(anyLoop)],
    [2, leaving],
    [1, pause],
    [1, restart],
  ]),
  moves: history('moves', [
    [3, plainWorld],
    [4, taking(anyLoop)],
    [1, leaving],
    [2, moving],
    [1, keepToken],
    [1, pause],
  ]),
  endings: history('endings', [
    [4, plainWorld],
    [6, taking(anyLoop)],
    [2, leaving],
    [2, ending],
    [1, interrupted(streamEndings)],
    [1, pause],
    [1, restart],
  ]),
  store: history('store', [
    [3, plainWorld],
    [5, taking(anyLoop)],
    [2, storeFault],
    [1, leaving],
    [1, ending],
    [1, pause],
    [2, restart],
  ]),
  follow: history(
    'follow',
    [
      [3, plainWorld],
      [1, errors],
      [4, taking(anyLoop)],
      [1, leaving],
      [1, ending],
      [1, pause],
      [1, restart],
      [1, throttled],
      [2, reenabled],
    ],
    following,
  ),
  everything: history('everything', [
    [6, plainWorld],
    [1, visibility],
    [2, errors],
    [1, denied],
    [1, interrupted(plainWorld)],
    [8, taking(anyLoop)],
    [3, leaving],
    [2, moving],
    [1, keepToken],
    [1, ending],
    [1, storeFault],
    [1, fc.constant<ConsumerStep>({ do: 'heartbeat' })],
    [2, pause],
    [1, restart],
  ]),
}

/** A history of any kind. */
export const anyStreamHistory: fc.Arbitrary<StreamHistory> = fc.oneof(...Object.values(streamKinds))
