import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import type { Failure } from './check.ts'
import { countViolations } from './count-violations.ts'
import { anyHistory, kinds } from './histories.ts'
import { createNaiveCoordinator } from './naive-coordinator.ts'
import { parkingKinds } from './parking/histories.ts'
import { processingKinds } from './processing/histories.ts'
import { findFailureIn, type Outcome } from './soak-batch.ts'
import { type Player, startPlayers } from './soak-players.ts'
import { streamKinds } from './stream/histories.ts'
import { createCoordinator } from './subject.ts'

const USAGE = `Runs random histories against the library until one violates a guarantee.

  npm run soak -- [--model stream|processing|parking] [--histories 10000] [--seed 1] [--kind everything] [--workers 2] [--path 12:0:3]

--model      coordinator, stream (of openStream), processing (of processStream) or parking;
             default: coordinator
--histories  the number of histories to run; default: 10000
--seed       the seed of the first batch; default: 1. Each batch of 200 histories uses the next seed, and the
             progress line shows the last completed one, so that a later soak can continue from there
--kind       only histories of this kind; default: all kinds.
             coordinator: ${Object.keys(kinds).join(', ')};
             stream: ${Object.keys(streamKinds).join(', ')};
             processing: ${Object.keys(processingKinds).join(', ')};
             parking: ${Object.keys(parkingKinds).join(', ')}
--workers    the number of threads; default: one per core. The result does not depend on it
--quick      stops at the first violation without shrinking it, and prints only the name of the guarantee
--naive      runs the histories against a naive reader and against the library, and prints a table of the
             guarantees that each violates
--path       runs only the history with this path in the batch --seed; a failure prints both
`

const BATCH = 200

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'coordinator' },
    histories: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    kind: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
    path: { type: 'string' },
    quick: { type: 'boolean', default: false },
    naive: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const { kind, model } = values
const firstSeed = parseInteger('seed', 0)
const total = parseInteger('histories', 1)
const workers = parseInteger('workers', 1)

function parseInteger(name: 'seed' | 'histories' | 'workers', min: number): number {
  const number = Number(values[name])
  if (Number.isSafeInteger(number) && number >= min) return number
  throw new RangeError(`--${name} must be an integer of at least ${min}, but is ${values[name]}`)
}

const print = (text: string): void => void process.stdout.write(text)

/** The combined results of the batches so far. */
interface Progress {
  played: number
  readonly stepCounts: Map<string, number>
  /** The seeds of the completed batches. */
  readonly finished: Set<number>
  /** Batches from this seed on need not run: it is the end of the soak, or the lowest seed with a failure. */
  endSeed: number
  failure: Failure | undefined
}

async function soak(): Promise<boolean> {
  const players = await startPlayers(workers)
  const progress: Progress = {
    played: 0,
    stepCounts: new Map(),
    finished: new Set(),
    endSeed: firstSeed + Math.ceil(total / BATCH),
    failure: undefined,
  }
  const rate = measureRate(progress)
  let seed = firstSeed
  const work = async (player: Player): Promise<void> => {
    while (seed < progress.endSeed) {
      const batchSeed = seed++
      const count = Math.min(BATCH, total - (batchSeed - firstSeed) * BATCH)
      const outcome = await player.play({ model, seed: batchSeed, count, kind, shrink: !values.quick })
      addOutcome(progress, batchSeed, outcome)
      printProgress(progress, rate)
    }
  }
  try {
    await Promise.all(players.map(work))
  } finally {
    await Promise.all(players.map((player) => player.close()))
  }
  if (progress.failure) await printFailure(progress, progress.failure)
  else printSummary(progress, rate)
  return progress.failure === undefined
}

/**
 * Adds the result of a batch. Of several failures, that of the lowest seed is reported, whichever is found
 * first.
 */
function addOutcome(progress: Progress, seed: number, { played, stepCounts, failure }: Outcome): void {
  progress.finished.add(seed)
  progress.played += played
  for (const [name, times] of stepCounts) {
    progress.stepCounts.set(name, (progress.stepCounts.get(name) ?? 0) + times)
  }
  if (!failure || seed >= progress.endSeed) return
  progress.failure = failure
  progress.endSeed = seed
}

function measureRate(progress: Progress): () => string {
  const started = performance.now()
  const used = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(used)
    const perSecond = progress.played / ((performance.now() - started) / 1_000)
    const perCpuSecond = progress.played / ((user + system) / 1_000_000)
    return `${Math.round(perSecond)} per second (${Math.round(perCpuSecond)} per CPU second)`
  }
}

function printProgress({ played, finished, failure }: Progress, rate: () => string): void {
  if (values.quick || failure) return
  let seed = firstSeed
  while (finished.has(seed)) seed++
  if (seed === firstSeed) return
  const line = `${played} of ${total} histories, ${rate()}; completed through seed ${seed - 1}`
  if (process.stdout.isTTY) print(`\r${line}`)
  else if (finished.size % 10 === 0) print(`${line}\n`)
}

/** Reproduces the failure in this thread, where stack traces refer to the sources instead of the bundle. */
async function printFailure(progress: Progress, { guarantee, seed, number, path }: Failure): Promise<void> {
  if (values.quick) {
    print(`violated after ${(progress.endSeed - firstSeed) * BATCH + number} histories: ${guarantee}\n`)
    return
  }
  await replay(seed, path)
}

function printSummary({ played, stepCounts, endSeed }: Progress, rate: () => string): void {
  print(`\n${played} histories passed, ${rate()}; the next seed is ${endSeed}\n`)
  const lines = [...stepCounts].sort(([, a], [, b]) => b - a).map(([name, times]) => `${pad(times)}  ${name}`)
  print(`${lines.join('\n')}\n`)
}

/** @returns whether no guarantee was violated */
async function replay(seed: number, path: string): Promise<boolean> {
  const failure = await findFailureIn(model, { kind, seed, count: 1, path })
  print(failure ? `\n${failure.trace}\n\n${failure.replay}\n` : 'The history violated no guarantee.\n')
  return failure === undefined
}

/** Prints the figures of the table in docs/internals/invariants.md. */
async function compareWithNaive(): Promise<void> {
  const options = { count: total, seed: firstSeed }
  const naive = await countViolations(anyHistory, options, createNaiveCoordinator)
  const library = await countViolations(anyHistory, options, createCoordinator)
  const row = (name: string, ...cells: number[]) => print(`| ${[name, ...cells].join(' | ')} |\n`)
  print('| first guarantee broken | hand-written loop | this package |\n| --- | --- | --- |\n')
  const guarantees = new Map([...library.violations, ...naive.violations])
  for (const [guarantee] of [...guarantees].sort(([, a], [, b]) => b - a)) {
    row(guarantee, naive.violations.get(guarantee) ?? 0, library.violations.get(guarantee) ?? 0)
  }
  row('no guarantee broken', naive.passed, library.passed)
}

function pad(times: number): string {
  return String(times).padStart(9)
}

async function run(): Promise<boolean> {
  if (values.path !== undefined) return replay(firstSeed, values.path)
  return soak()
}

if (values.help) print(USAGE)
else if (values.naive) await compareWithNaive()
else if (!(await run())) process.exitCode = 1
