import fc from 'fast-check'
import { errors, interrupted, plainWorld, visibility } from '../histories.ts'
import type { StoreFault } from '../stream/steps.ts'
import type {
  Act,
  FailureTarget,
  HandlerForm,
  Order,
  ProcessingHistory,
  ProcessingSetup,
  ProcessingStep,
  Script,
  WorkerStep,
} from './steps.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND

// ---- What the handler does -------------------------------------------------------------------------------

const shortMs = fc.constantFrom(0, 0, 1, 50, 400)
const error = fc.constantFrom('error' as const, 'undefined' as const, 'frozen' as const, 'string' as const)

const succeed: fc.Arbitrary<Act> = fc.record({ do: fc.constant('succeed' as const), ms: shortMs })
/** Takes longer than `handlerTimeoutMs`, or than the time to stop. */
const late: fc.Arbitrary<Act> = fc.record({
  do: fc.constant('succeed' as const),
  ms: fc.constantFrom(3 * SECOND, 16 * SECOND, 40 * SECOND),
})
const fail: fc.Arbitrary<Act> = fc.record({ do: fc.constant('fail' as const), ms: shortMs, error })
const outage: fc.Arbitrary<Act> = fc.record({
  do: fc.constant('fail' as const),
  ms: shortMs,
  error: fc.constant('outage' as const),
})
const reject: fc.Arbitrary<Act> = fc.record({
  do: fc.constant('reject' as const),
  ms: shortMs,
  by: fc.constantFrom('context' as const, 'caught' as const, 'throwing' as const),
})
const hang = fc.constant<Act>({ do: 'hang' })
const waitForAbort = fc.constant<Act>({ do: 'waitForAbort' })
const die: fc.Arbitrary<Act> = fc.record({
  do: fc.constant('die' as const),
  ms: fc.constantFrom(1, 50, 6_000),
})

/** Does each act once or more often, and then succeeds. */
function until(acts: fc.Arbitrary<Act>, maxLength: number): fc.Arbitrary<Script> {
  return fc.tuple(fc.array(acts, { maxLength }), succeed).map(([before, last]) => [...before, last])
}

function forEver(act: fc.Arbitrary<Act>): fc.Arbitrary<Script> {
  return act.map((one) => [one])
}

const good = until(succeed, 0)
const flaky = until(fail, 3)

/** Most records are handled at once, so that something follows a record that is not. */
function scripts(...others: readonly fc.Arbitrary<Script>[]): fc.Arbitrary<readonly Script[]> {
  return fc
    .tuple(good, fc.array(fc.oneof(good, ...others), { minLength: 1, maxLength: 6 }))
    .map(([one, rest]) => [one, ...rest])
}

// ---- What the worker does --------------------------------------------------------------------------------

const order = fc.constantFrom<Order>('key', 'shard', 'none')
const nextOrder = fc.option(order, { freq: 3, nil: undefined })
const saves = fc.constantFrom('written' as const, 'lost' as const)

const pass: fc.Arbitrary<WorkerStep> = fc.record({
  do: fc.constant('pass' as const),
  ms: fc.constantFrom(0, 10, 100, SECOND, SECOND, 6 * SECOND, 6 * SECOND, 20 * SECOND, 2 * MINUTE),
})
const restart: fc.Arbitrary<WorkerStep> = fc.record({
  do: fc.constant('restart' as const),
  by: fc.constantFrom('stop' as const, 'signal' as const, 'close' as const),
  order: nextOrder,
  waits: fc.boolean(),
})
const rerun: fc.Arbitrary<WorkerStep> = fc.record({ do: fc.constant('rerun' as const), order: nextOrder })
const kill: fc.Arbitrary<WorkerStep> = fc.oneof(
  fc.record({ do: fc.constant('kill' as const), saves, order: nextOrder }),
  fc.record({
    do: fc.constant('killAt' as const),
    moment: fc.constantFrom(
      'delivery' as const,
      'attempt' as const,
      'outcome' as const,
      'save' as const,
      'saved' as const,
      'send' as const,
      'accepted' as const,
    ),
    nth: fc.integer({ min: 1, max: 8 }),
    saves,
  }),
)
const pause: fc.Arbitrary<WorkerStep> = fc.record({
  do: fc.constant('pause' as const),
  ms: fc.constantFrom(0, SECOND, 90 * SECOND),
})
const release: fc.Arbitrary<WorkerStep> = fc.record({
  do: fc.constant('release' as const),
  as: fc.constantFrom('success' as const, 'failure' as const),
})

const times = fc.constantFrom(1, 2, 5, 30)
const storeFault: fc.Arbitrary<WorkerStep> = fc.record({
  do: fc.constant('store' as const),
  fault: fc.oneof(
    fc.record({
      what: fc.constant('slow' as const),
      ms: fc.constantFrom(100, SECOND, 8 * SECOND, 30 * SECOND),
      times: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({
      what: fc.constant('fails' as const),
      ms: fc.constantFrom(0, 100, 3 * SECOND),
      times,
      written: fc.boolean(),
    }),
    fc.constant<StoreFault>({ what: 'loadFails' }),
  ),
})
const conflict = fc.constant<WorkerStep>({ do: 'store', fault: { what: 'conflict' } })
const sendFault: fc.Arbitrary<WorkerStep> = fc.record({
  do: fc.constant('destination' as const),
  fault: fc.record({
    what: fc.constantFrom('slow' as const, 'fails' as const),
    ms: fc.constantFrom(0, 100, 3 * SECOND, 30 * SECOND, 30 * SECOND),
    times,
  }),
})

// ---- Setups ----------------------------------------------------------------------------------------------

const recordForm = fc.constant<HandlerForm>({ form: 'record' })
const taskForm: fc.Arbitrary<HandlerForm> = fc.record({
  form: fc.constant('tasks' as const),
  count: fc.integer({ min: 1, max: 3 }),
})
const batchForm: fc.Arbitrary<HandlerForm> = fc.record({
  form: fc.constant('batch' as const),
  batchSize: fc.constantFrom(1, 2, 5, 100),
  windowMs: fc.constantFrom(0, 0, 300, 10 * SECOND),
  failsBy: fc.constantFrom('naming' as const, 'throwing' as const, 'malformed response' as const),
})
const anyForm = fc.oneof(recordForm, taskForm, batchForm)

const target = fc.constantFrom<FailureTarget>('destination', 'destination', 'discard', 'stop')

interface Choices {
  readonly form?: fc.Arbitrary<HandlerForm>
  readonly scripts: fc.Arbitrary<readonly Script[]>
  readonly handlerTimeoutMs?: fc.Arbitrary<number | undefined>
  readonly maxAttempts?: fc.Arbitrary<number>
}

function setup(choices: Choices): fc.Arbitrary<ProcessingSetup> {
  return fc
    .record<ProcessingSetup>({
      seed: fc.nat(1_000_000),
      profile: fc.constant('aws' as const),
      roots: fc.constantFrom(1, 1, 2, 4),
      startAt: fc.constant('trim_horizon' as const),
      behavior: fc.record({ recordsPerPage: fc.constantFrom(1000, 1, 3) }, { requiredKeys: [] }),
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
      latencyMs: fc.constantFrom(150, 20, 20, 0),
      clockSkewMs: fc.constant(0),
      recordClockBehindMs: fc.constant(0),
      generationsBefore: fc.constant(0),
      checkpoint: fc.record({
        everyRecords: fc.constantFrom(1, 3, 1_000),
        everyMs: fc.constantFrom(100, 5 * SECOND, MINUTE),
      }),
      form: choices.form ?? anyForm,
      scripts: choices.scripts,
      order,
      concurrency: fc.constantFrom(1, 2, 16),
      maxAttempts: choices.maxAttempts ?? fc.constantFrom(1, 2, 3, 20),
      maxDelayMs: fc.constantFrom(100, 2 * SECOND, 10 * SECOND),
      maxRecordAgeMs: fc.option(fc.constantFrom(10 * SECOND, 5 * MINUTE), { freq: 3, nil: undefined }),
      handlerTimeoutMs: choices.handlerTimeoutMs ?? fc.constant(undefined),
      maxUnsettled: fc.constantFrom(100, 100, 1_000),
      maxFailingKeys: fc.constantFrom(1, 2, 1_000),
      onFailure: fc.oneof(
        target.map((one) => ({ exhausted: one, rejected: one, invalid: one })),
        fc.record({ exhausted: target, rejected: target, invalid: target }),
      ),
      hasFilter: fc.boolean(),
      schema: fc.constantFrom('none', 'none', 'sync', 'async'),
      sendMs: fc.constantFrom(0, 50, 2 * SECOND),
    })
    .map(consistent)
}

/** Some options exclude others. */
function consistent(one: ProcessingSetup): ProcessingSetup {
  const isStopped = one.onFailure.exhausted === 'stop'
  const size = one.form.form === 'batch' ? one.form.batchSize : 1
  return {
    ...one,
    maxRecordAgeMs: isStopped ? undefined : one.maxRecordAgeMs,
    maxUnsettled: Math.max(one.maxUnsettled, size),
  }
}

const tight = (setups: fc.Arbitrary<ProcessingSetup>): fc.Arbitrary<ProcessingSetup> =>
  fc
    .tuple(setups, fc.constantFrom(1, 2, 5))
    .map(([one, maxUnsettled]) => consistent({ ...one, maxUnsettled }))

// ---- Histories -------------------------------------------------------------------------------------------

function history(
  name: string,
  setups: fc.Arbitrary<ProcessingSetup>,
  weighted: readonly (readonly [number, fc.Arbitrary<ProcessingStep>])[],
): fc.Arbitrary<ProcessingHistory> {
  const steps = fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })))
  return fc.record({
    kind: fc.constant(name),
    setup: setups,
    steps: fc.array(steps, { maxLength: 30, size: 'max' }),
  })
}

const mixedScripts = scripts(flaky, forEver(fail), forEver(reject), until(outage, 4), until(late, 1))

/** Kinds of histories: each concentrates on one area of failure, and the last one combines them. */
export const processingKinds: Readonly<Record<string, fc.Arbitrary<ProcessingHistory>>> = {
  /** One record at a time, which succeeds in the end; the process is stopped and killed. */
  retries: history('retries', setup({ form: recordForm, scripts: scripts(flaky, until(outage, 4)) }), [
    [4, plainWorld],
    [5, pass],
    [1, kill],
    [1, restart],
    [1, rerun],
  ]),
  /** Records that are given up, for every reason, and destinations that fail. */
  letters: history(
    'letters',
    setup({ scripts: scripts(forEver(fail), forEver(reject), flaky), maxAttempts: fc.constantFrom(1, 2, 3) }),
    [
      [4, plainWorld],
      [5, pass],
      [2, sendFault],
      [1, kill],
      [1, restart],
      [2, rerun],
    ],
  ),
  batches: history('batches', setup({ form: batchForm, scripts: mixedScripts }), [
    [4, plainWorld],
    [5, pass],
    [1, kill],
    [1, restart],
    [1, pause],
  ]),
  tasks: history('tasks', setup({ form: taskForm, scripts: mixedScripts }), [
    [4, plainWorld],
    [5, pass],
    [1, sendFault],
    [2, kill],
    [1, restart],
  ]),
  /** Handlers that hang, time out, ignore the signal or settle late. */
  timeouts: history(
    'timeouts',
    setup({
      scripts: scripts(until(fc.oneof(hang, waitForAbort, late), 2), forEver(waitForAbort), flaky),
      handlerTimeoutMs: fc.constantFrom(undefined, SECOND, 5 * SECOND),
    }),
    [
      [4, plainWorld],
      [5, pass],
      [2, release],
      [1, restart],
      [1, rerun],
      [1, kill],
      [1, pause],
    ],
  ),
  /** Records that end the process. */
  poison: history(
    'poison',
    setup({
      scripts: scripts(forEver(die), until(die, 2), flaky),
      maxAttempts: fc.constantFrom(1, 2, 3, 4, 4),
    }),
    [
      [4, plainWorld],
      [6, pass],
    ],
  ),
  /** Checkpoints that fail, are slow, or belong to another worker. */
  store: history('store', setup({ scripts: mixedScripts }), [
    [4, plainWorld],
    [5, pass],
    [2, storeFault],
    [1, conflict],
    [2, sendFault],
    [1, kill],
    [1, restart],
    [1, rerun],
  ]),
  /** Shards that split, and bounds that stop the reading. */
  bounds: history('bounds', tight(setup({ scripts: mixedScripts })), [
    [4, plainWorld],
    [1, visibility],
    [1, errors],
    [6, pass],
    [1, kill],
    [1, restart],
  ]),
  everything: history(
    'everything',
    setup({
      scripts: scripts(
        flaky,
        forEver(fail),
        forEver(reject),
        until(outage, 4),
        until(fc.oneof(hang, waitForAbort, late, die), 2),
      ),
      handlerTimeoutMs: fc.constantFrom(undefined, undefined, 5 * SECOND),
    }),
    [
      [8, plainWorld],
      [1, visibility],
      [2, errors],
      [1, interrupted(plainWorld)],
      [10, pass],
      [2, kill],
      [2, restart],
      [1, rerun],
      [1, pause],
      [2, release],
      [1, storeFault],
      [1, conflict],
      [1, sendFault],
    ],
  ),
}

/** A history of any kind. */
export const anyProcessingHistory: fc.Arbitrary<ProcessingHistory> = fc.oneof(
  ...Object.values(processingKinds),
)
