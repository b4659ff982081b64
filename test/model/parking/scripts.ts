import type { HandlerForm } from '../processing/steps.ts'
import type { Mode, ParkingHistory, ParkingSetup, ParkingStep, StoreFault } from './steps.ts'

/** The setup of scripted histories. */
const plainSetup: ParkingSetup = {
  seed: 1,
  profile: 'aws',
  roots: 1,
  startAt: 'trim_horizon',
  behavior: {},
  reader: {
    onGap: 'continue',
    pageSize: 1_000,
    maxConcurrentReads: 8,
    maxBufferedBytes: 64 * 1024 * 1024,
    idlePollMs: { min: 1_000, max: 2_000 },
    discoveryIntervalMs: 60_000,
  },
  latencyMs: 20,
  clockSkewMs: 0,
  recordClockBehindMs: 0,
  generationsBefore: 0,
  throughClient: false,
  numbers: 'plain',
  checkpoint: { everyRecords: 1_000, everyMs: 3_000 },
  form: { form: 'record' },
  handlerMs: 40,
  concurrency: 4,
  maxUnsettled: 1_000,
  after: { attempts: 2 },
  maxAttempts: 20,
  maxDelayMs: 100,
  parkingMs: 60,
  checkpointMs: 60,
  sendMs: 0,
  inFlight: 'lost',
  followTable: false,
}

/** The key that is parked, and one that is never. */
const SICK = 1
const WELL = 2

const write = (key: number): ParkingStep => ({ do: 'write', how: 'put', key })
const writes = (key: number, times: number): ParkingStep[] => Array.from({ length: times }, () => write(key))
const pass = (ms: number): ParkingStep => ({ do: 'pass', ms })
const set = (mode: Mode, key = SICK): ParkingStep => ({ do: 'set', key, mode })
const release = (key = SICK): ParkingStep => ({ do: 'request', action: 'release', key })
const drop: ParkingStep = { do: 'request', action: 'drop', key: SICK }
const split = (into: number): ParkingStep => ({ do: 'split', shard: 0, into })
const fault = (store: 'parking' | 'checkpoint', what: StoreFault['what'], times = 1): ParkingStep => ({
  do: 'storeFault',
  store,
  fault: { what, ms: 400, times },
})

/** Writes a record of the key every `everyMs` from now on. */
const arrivals = (times: number, everyMs: number): ParkingStep[] =>
  Array.from({ length: times }, (_, n) => ({ do: 'later', ms: n * everyMs, step: write(SICK) as never }))

/** A key fails, and is parked with the records behind it. */
const parked: readonly ParkingStep[] = [set('fail'), ...writes(SICK, 3), write(WELL), pass(2_500)]

/** The handler works again, and the key is released. */
const repaired: readonly ParkingStep[] = [set('succeed'), release()]

function history(
  kind: string,
  steps: readonly ParkingStep[],
  setup: Partial<ParkingSetup> = {},
): ParkingHistory {
  return { kind, setup: { ...plainSetup, ...setup }, steps }
}

const batches: HandlerForm = { form: 'batch', batchSize: 3, windowMs: 100, failsBy: 'naming' }

/** Histories that are run once for each of their moments, with an interference at that moment. */
export const scripts: readonly ParkingHistory[] = [
  history('park, append, release, return', [
    ...parked,
    ...writes(SICK, 2),
    pass(1_500),
    ...repaired,
    ...arrivals(4, 1_700),
    pass(9_000),
    write(SICK),
    pass(2_000),
  ]),
  history(
    'records arrive at every stage of the return',
    [...parked, ...repaired, pass(2_000), ...arrivals(24, 150), pass(4_500)],
    { checkpointMs: 300, latencyMs: 5, reader: { ...plainSetup.reader, idlePollMs: { min: 100, max: 200 } } },
  ),
  history('fails again during a release', [
    ...parked,
    release(),
    ...arrivals(3, 1_500),
    pass(6_500),
    ...repaired,
    pass(6_500),
  ]),
  history('drop', [...parked, drop, ...arrivals(4, 1_300), pass(5_500), set('succeed'), pass(3_000)]),
  history(
    'drop during a release',
    [
      ...parked,
      ...writes(SICK, 4),
      pass(1_500),
      ...repaired,
      pass(4_000),
      drop,
      ...arrivals(3, 1_300),
      pass(8_000),
    ],
    { handlerMs: 2_500 },
  ),
  history('shards split and roll in between', [
    ...parked,
    split(2),
    ...writes(SICK, 2),
    pass(2_500),
    { do: 'rollAll' },
    write(SICK),
    write(WELL),
    ...repaired,
    pass(3_000),
    { do: 'rollAll' },
    ...arrivals(3, 900),
    pass(4_500),
  ]),
  history(
    'tasks',
    [...parked, ...writes(SICK, 1), pass(1_500), ...repaired, ...arrivals(3, 1_900), pass(8_000)],
    {
      form: { form: 'tasks', count: 2 },
    },
  ),
  history(
    'tasks that succeed during a release that fails',
    [
      set('failAll'),
      ...writes(SICK, 3),
      write(WELL),
      pass(2_500),
      set('fail'),
      release(),
      pass(6_000),
      ...repaired,
      ...arrivals(2, 1_900),
      pass(7_000),
    ],
    { form: { form: 'tasks', count: 2 } },
  ),
  history(
    'batches',
    [...parked, ...writes(SICK, 3), pass(1_500), ...repaired, ...arrivals(4, 1_500), pass(8_000)],
    {
      form: batches,
    },
  ),
  history(
    'batches that reject records while others fail',
    [
      set('rejectSome'),
      ...writes(SICK, 5),
      ...writes(WELL, 2),
      pass(4_000),
      ...writes(SICK, 2),
      pass(2_000),
      release(),
      pass(6_000),
      ...repaired,
      ...arrivals(2, 1_500),
      pass(6_000),
    ],
    { form: batches, sendMs: 600 },
  ),
  history(
    'a handler that ends the process',
    [
      set('die'),
      ...writes(SICK, 2),
      write(WELL),
      pass(6_000),
      ...repaired,
      ...arrivals(2, 1_500),
      pass(8_000),
    ],
    { handlerMs: 100 },
  ),
  history(
    'a handler that ends the process during a release',
    [...parked, set('die'), release(), pass(9_000), ...repaired, pass(6_500)],
    { handlerMs: 100 },
  ),
  history('stores that fail', [
    set('fail'),
    fault('parking', 'unanswered'),
    ...writes(SICK, 3),
    pass(2_500),
    fault('parking', 'late', 2),
    ...writes(SICK, 2),
    pass(2_500),
    ...repaired,
    fault('parking', 'unanswered', 2),
    pass(5_500),
    fault('checkpoint', 'refused', 3),
    ...arrivals(3, 600),
    fault('parking', 'late', 2),
    pass(5_000),
  ]),
  history(
    'the next stream of the table',
    [
      ...parked,
      { do: 'reenable' },
      ...writes(SICK, 2),
      write(WELL),
      pass(12_000),
      ...repaired,
      ...arrivals(2, 1_500),
      pass(7_000),
    ],
    { followTable: true },
  ),
  history(
    'a stream that ends during a release',
    [
      ...parked,
      set('fail', WELL),
      ...writes(WELL, 2),
      ...writes(SICK, 4),
      pass(2_000),
      ...repaired,
      pass(1_500),
      { do: 'disable' },
      pass(9_000),
      release(WELL),
      set('succeed', WELL),
      pass(6_000),
    ],
    { handlerMs: 600 },
  ),
  history('two keys', [
    set('fail'),
    set('fail', WELL),
    ...writes(SICK, 2),
    ...writes(WELL, 2),
    pass(2_500),
    set('succeed', WELL),
    ...repaired,
    release(WELL),
    ...arrivals(2, 1_500),
    write(WELL),
    pass(8_000),
  ]),
]

/** Histories that are as dangerous, but long, or in which single moments matter. They are run once. */
export const longScripts: readonly ParkingHistory[] = [
  history(
    'releases while another parked key is busy',
    [
      ...[SICK, WELL, 3].flatMap((key) => [set('fail', key), write(key)]),
      pass(3_000),
      ...arrivals(150, 150),
      pass(2_000),
      set('succeed', WELL),
      release(WELL),
      pass(5_000),
      set('succeed', 3),
      release(3),
      pass(15_000),
    ],
    { parkingMs: 450, latencyMs: 5, reader: { ...plainSetup.reader, idlePollMs: { min: 100, max: 200 } } },
  ),
  history(
    'a key that is finished in a stream that the checkpoint does not know',
    [
      write(SICK),
      pass(1_500),
      { do: 'reenable' },
      set('fail'),
      ...writes(SICK, 2),
      pass(4_500),
      fault('checkpoint', 'refused', 12),
      ...repaired,
      pass(7_000),
      { do: 'worker', deed: 'kill' },
      {
        do: 'during',
        call: 'DescribeStream',
        nth: 3,
        moment: 'after',
        step: { do: 'outage', ms: 720_000, notFound: undefined },
      },
      pass(800_000),
    ],
    { followTable: true, checkpoint: { everyRecords: 1_000, everyMs: 60_000 } },
  ),
  history(
    'a key that is finished when nothing can be read',
    [
      ...parked,
      fault('checkpoint', 'refused', 12),
      ...repaired,
      pass(7_000),
      { do: 'worker', deed: 'kill' },
      { do: 'fault', call: 'GetRecords', shard: undefined, nth: 1, times: 8, effect: 'unavailable' },
      pass(14_000),
    ],
    { checkpoint: { everyRecords: 1_000, everyMs: 60_000 } },
  ),
  history(
    'a key that is finished in a shard that is not listed',
    [
      ...writes(SICK, 1),
      pass(1_500),
      fault('checkpoint', 'refused', 20),
      split(2),
      set('fail'),
      ...writes(SICK, 2),
      pass(4_000),
      ...repaired,
      pass(6_500),
      { do: 'hide', shard: 0, span: { ms: 60_000 } },
      { do: 'worker', deed: 'kill' },
      pass(40_000),
    ],
    { checkpoint: { everyRecords: 1_000, everyMs: 60_000 } },
  ),
  // One of these times is when requests are read, and another one when attempts are saved.
  ...[140, 220, 500, 620].map((ms) =>
    history(
      `a parking store that fails ${ms} ms after the start of a process`,
      [
        ...parked,
        set('succeed'),
        { do: 'down', ms: 1_000 },
        release(),
        pass(ms),
        { do: 'storeDown', store: 'parking', ms: 120_000 },
        ...writes(WELL, 2),
        pass(60_000),
        write(WELL),
        pass(70_000),
      ],
      { concurrency: 1 },
    ),
  ),
]
