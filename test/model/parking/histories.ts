import fc from 'fast-check'
import { interrupted, plainWorld, visibility } from '../histories.ts'
import type { HandlerForm } from '../processing/steps.ts'
import type { WorldStep } from '../steps.ts'
import type {
  Deed,
  Mode,
  ParkingHistory,
  ParkingSetup,
  ParkingStep,
  StoreFault,
  WorkerStep,
} from './steps.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND

/** Few keys, so that they are busy. */
const key = fc.nat(3)

// ---- Steps -----------------------------------------------------------------------------------------------

const pass: fc.Arbitrary<WorkerStep> = fc.record({
  do: fc.constant('pass' as const),
  ms: fc.constantFrom(10, 300, SECOND, 2 * SECOND, 6 * SECOND, 6 * SECOND, 12 * SECOND),
})

const write: fc.Arbitrary<ParkingStep> = fc.record({
  do: fc.constant('write' as const),
  how: fc.constantFrom('put', 'put', 'put', 'update', 'remove'),
  key,
})

/** Records of one key, for some time. */
const arrival: fc.Arbitrary<ParkingStep> = fc.record({
  do: fc.constant('later' as const),
  ms: fc.constantFrom(0, 100, 700, 1_500, 4_000, 7_000),
  step: fc.record({ do: fc.constant('write' as const), how: fc.constant('put' as const), key }),
})

function set(...modes: readonly Mode[]): fc.Arbitrary<WorkerStep> {
  return fc.record({ do: fc.constant('set' as const), key, mode: fc.constantFrom(...modes) })
}

const failing = set('fail', 'fail', 'succeed')

const request: fc.Arbitrary<WorkerStep> = fc.record({
  do: fc.constant('request' as const),
  action: fc.constantFrom('release' as const, 'release' as const, 'release' as const, 'drop' as const),
  key,
})

function interference(...deeds: readonly Deed[]): fc.Arbitrary<WorkerStep> {
  const deed = fc.constantFrom(...deeds)
  return fc.oneof(
    fc.record({ do: fc.constant('worker' as const), deed }),
    fc.record({ do: fc.constant('at' as const), nth: fc.integer({ min: 1, max: 30 }), deed }),
  )
}

const dying = interference('kill')
const anyDeed = interference('kill', 'kill', 'takeOver', 'restart', 'rerun', 'pause')

const fault: fc.Arbitrary<StoreFault> = fc.record({
  what: fc.constantFrom('refused' as const, 'unanswered' as const, 'late' as const, 'slow' as const),
  ms: fc.constantFrom(100, SECOND, 8 * SECOND),
  times: fc.constantFrom(1, 2, 5),
})
const faults: fc.Arbitrary<WorkerStep> = fc.oneof(
  fc.record({
    do: fc.constant('storeFault' as const),
    store: fc.constantFrom('parking' as const, 'parking' as const, 'checkpoint' as const),
    fault,
  }),
  fc.record({
    do: fc.constant('storeDown' as const),
    store: fc.constantFrom('parking' as const, 'checkpoint' as const),
    ms: fc.constantFrom(3 * SECOND, 15 * SECOND, 4 * MINUTE),
  }),
)

const shards: fc.Arbitrary<WorldStep> = fc.oneof(
  fc.record({
    do: fc.constant('split' as const),
    shard: fc.nat(7),
    into: fc.constantFrom(1, 2, 2, 3),
  }),
  fc.constant<WorldStep>({ do: 'rollAll' }),
)

const down: fc.Arbitrary<WorkerStep> = fc.record({
  do: fc.constant('down' as const),
  ms: fc.constantFrom(SECOND, 10 * MINUTE),
})

/** No process runs for more than a day, and what is older is trimmed. */
const longDown: fc.Arbitrary<WorkerStep> = fc.oneof(
  fc.constant<WorkerStep>({ do: 'down', ms: 25 * 60 * MINUTE }),
  fc.constant<WorkerStep>({ do: 'trimAll' }),
)

const reenable = fc.constant<WorkerStep>({ do: 'reenable' })

// ---- Setups ----------------------------------------------------------------------------------------------

const recordForm = fc.constant<HandlerForm>({ form: 'record' })
const taskForm = fc.constant<HandlerForm>({ form: 'tasks', count: 2 })
const batchForm: fc.Arbitrary<HandlerForm> = fc.record({
  form: fc.constant('batch' as const),
  batchSize: fc.constantFrom(2, 5, 100),
  windowMs: fc.constantFrom(0, 300),
  failsBy: fc.constantFrom('naming' as const, 'throwing' as const),
})

const after: fc.Arbitrary<ParkingSetup['after']> = fc.oneof(
  fc.constantFrom({ attempts: 1 }, { attempts: 2 }, { attempts: 4 }),
  fc.constantFrom({ ms: 500 }, { ms: 3 * SECOND }),
  fc.constantFrom({ queued: 2 }, { attempts: 3, queued: 4 }),
)

function setup(
  form: fc.Arbitrary<HandlerForm>,
  changes: Partial<ParkingSetup> = {},
): fc.Arbitrary<ParkingSetup> {
  return fc
    .record<ParkingSetup>({
      seed: fc.nat(1_000_000),
      profile: fc.constant('aws' as const),
      roots: fc.constantFrom(1, 2),
      startAt: fc.constant('trim_horizon' as const),
      behavior: fc.constant({}),
      reader: fc.record({
        onGap: fc.constant('continue' as const),
        pageSize: fc.constantFrom(1_000, 3),
        maxConcurrentReads: fc.constantFrom(64, 2),
        maxBufferedBytes: fc.constant(64 * 1024 * 1024),
        idlePollMs: fc.constantFrom({ min: 1_000, max: 5_000 }, { min: 200, max: 1_000 }),
        discoveryIntervalMs: fc.constantFrom(60_000, 10_000),
      }),
      throughClient: fc.constant(false),
      numbers: fc.constantFrom('plain', 'crossing', 'padded'),
      latencyMs: fc.constantFrom(150, 20, 20),
      clockSkewMs: fc.constantFrom(0, 0, -90 * MINUTE, 90 * MINUTE),
      recordClockBehindMs: fc.constant(0),
      generationsBefore: fc.constant(0),
      checkpoint: fc.record({
        everyRecords: fc.constantFrom(2, 1_000),
        everyMs: fc.constantFrom(500, 5 * SECOND, 20 * SECOND),
      }),
      form,
      handlerMs: fc.constantFrom(0, 50, 400, 3 * SECOND),
      concurrency: fc.constantFrom(1, 2, 16),
      maxUnsettled: fc.constantFrom(1_000, 1_000, 20),
      after,
      maxAttempts: fc.constantFrom(5, 100),
      maxDelayMs: fc.constantFrom(100, 2 * SECOND),
      parkingMs: fc.constantFrom(0, 20, 300),
      checkpointMs: fc.constantFrom(0, 20, 300),
      sendMs: fc.constantFrom(0, 1_500),
      inFlight: fc.constantFrom('written' as const, 'lost' as const),
      followTable: fc.constant(false),
    })
    .map((one) => consistent({ ...one, ...changes }))
}

/** Some options exclude others. */
function consistent(one: ParkingSetup): ParkingSetup {
  const { form, maxUnsettled } = one
  return form.form === 'batch' ? { ...one, maxUnsettled: Math.max(maxUnsettled, form.batchSize) } : one
}

// ---- Histories -------------------------------------------------------------------------------------------

type Weighted = readonly (readonly [number, fc.Arbitrary<ParkingStep>])[]

function history(
  name: string,
  setups: fc.Arbitrary<ParkingSetup>,
  weighted: Weighted,
): fc.Arbitrary<ParkingHistory> {
  const steps = fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })))
  return fc.record({
    kind: fc.constant(name),
    setup: setups,
    steps: fc.array(steps, { minLength: 5, maxLength: 40, size: 'max' }),
  })
}

const usual: Weighted = [
  [4, write],
  [3, arrival],
  [1, shards],
  [6, pass],
  [3, request],
]

/** Kinds of histories: each concentrates on one area of failure, and the last one combines them. */
export const parkingKinds: Readonly<Record<string, fc.Arbitrary<ParkingHistory>>> = {
  /** Keys fail and recover, and the process is killed. */
  kills: history('kills', setup(recordForm), [...usual, [3, failing], [2, dying]]),
  /** A worker is replaced, stopped and paused. */
  workers: history('workers', setup(recordForm), [...usual, [3, failing], [3, anyDeed], [1, down]]),
  tasks: history('tasks', setup(taskForm), [
    ...usual,
    [3, set('fail', 'fail', 'failAll', 'succeed', 'succeed')],
    [2, anyDeed],
  ]),
  /** Batches, of which some records are rejected. */
  batches: history('batches', setup(batchForm), [
    ...usual,
    [3, set('fail', 'fail', 'rejectSome', 'succeed')],
    [2, anyDeed],
  ]),
  /** Handlers that end the process, and errors that do not count. */
  poison: history('poison', setup(fc.oneof(recordForm, batchForm), { handlerMs: 100 }), [
    ...usual,
    [3, set('die', 'die', 'fail', 'wait', 'succeed', 'succeed')],
  ]),
  /** Stores that fail, for minutes. */
  stores: history('stores', setup(recordForm), [...usual, [3, failing], [2, faults], [1, anyDeed]]),
  /** What was parked is trimmed from the stream. */
  trims: history('trims', setup(recordForm), [...usual, [3, failing], [1, dying], [2, longDown]]),
  /** The table has several streams, one after the other. */
  follow: history('follow', setup(recordForm, { followTable: true }), [
    ...usual,
    [3, failing],
    [2, anyDeed],
    [1, reenable],
  ]),
  /** The stream is disabled. */
  ends: history('ends', setup(recordForm), [
    ...usual,
    [3, failing],
    [2, anyDeed],
    [1, fc.constant<WorldStep>({ do: 'disable' })],
  ]),
  everything: history('everything', setup(fc.oneof(recordForm, taskForm, batchForm)), [
    ...usual,
    [2, plainWorld],
    [1, visibility],
    [1, interrupted(plainWorld)],
    [3, set('fail', 'fail', 'fail', 'die', 'wait', 'succeed', 'succeed')],
    [2, anyDeed],
    [1, faults],
    [1, down],
  ]),
}

/** A history of any kind. */
export const anyParkingHistory: fc.Arbitrary<ParkingHistory> = fc.oneof(...Object.values(parkingKinds))
