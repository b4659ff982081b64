import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import type { Failure } from './check.ts'
import { anyHistory, kinds } from './histories.ts'
import { makeNaive } from './naive-coordinator.ts'
import { findFailureIn, type Outcome } from './soak-batch.ts'
import { type Player, startPlayers } from './soak-players.ts'
import { makeCoordinator } from './subject.ts'
import { tally } from './tally.ts'

const USAGE = `Plays random histories against the library, until one breaks a promise.

  npm run soak -- [--model stream] [--histories 10000] [--seed 1] [--kind everything] [--workers 2] [--path 12:0:3]

--model      coordinator, or stream: the model of openStream
--histories  how many to play
--seed       the seed of the first batch; each batch of 200 has the next one, and progress tells which is done,
             so that a soak can go on where another one stopped
--kind       of the coordinator: ${Object.keys(kinds).join(', ')};
             of a stream: steady, loops, moves, endings, store, follow or everything; all kinds, if left out
--workers    how many threads play; one for each core, if left out. What is found does not depend on it
--quick      stops at the first broken promise, and only names it
--naive      plays them also against the obvious way to read a stream, and counts which promises each breaks
--path       replays one history of the batch --seed, as a failure tells
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
const firstSeed = wholeNumber('seed', 0)
const total = wholeNumber('histories', 1)
const workers = wholeNumber('workers', 1)

function wholeNumber(name: 'seed' | 'histories' | 'workers', min: number): number {
  const number = Number(values[name])
  if (Number.isSafeInteger(number) && number >= min) return number
  throw new RangeError(`--${name} must be a whole number of ${min} or more, not ${values[name]}`)
}

const print = (text: string): void => void process.stdout.write(text)

/** What is known so far of all batches. */
interface Progress {
  played: number
  readonly done: Map<string, number>
  readonly finished: Set<number>
  /** Every batch below is to be played, and none from here on: where a failure is known, or all there are. */
  endSeed: number
  failure: Failure | undefined
}

async function soak(): Promise<boolean> {
  const players = await startPlayers(workers)
  const progress: Progress = {
    played: 0,
    done: new Map(),
    finished: new Set(),
    endSeed: firstSeed + Math.ceil(total / BATCH),
    failure: undefined,
  }
  const rate = measureRate(progress)
  let seed = firstSeed
  const work = async (player: Player): Promise<void> => {
    while (seed < progress.endSeed) {
      const own = seed++
      const count = Math.min(BATCH, total - (own - firstSeed) * BATCH)
      note(progress, own, await player.play({ model, seed: own, count, kind, shrink: !values.quick }))
      tellProgress(progress, rate)
    }
  }
  try {
    await Promise.all(players.map(work))
  } finally {
    await Promise.all(players.map((player) => player.close()))
  }
  if (progress.failure) await tellFailure(progress, progress.failure)
  else tellSummary(progress, rate)
  return progress.failure === undefined
}

/** The failure that is told is that of the lowest seed, whichever was found first. */
function note(progress: Progress, seed: number, { played, done, failure }: Outcome): void {
  progress.finished.add(seed)
  progress.played += played
  for (const [name, times] of done) progress.done.set(name, (progress.done.get(name) ?? 0) + times)
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
    return `${Math.round(perSecond)} a second (${Math.round(perCpuSecond)} a second of a core)`
  }
}

function tellProgress({ played, finished, failure }: Progress, rate: () => string): void {
  if (values.quick || failure) return
  let seed = firstSeed
  while (finished.has(seed)) seed++
  if (seed === firstSeed) return
  const line = `${played} of ${total} histories, ${rate()}; all is done to seed ${seed - 1}`
  if (process.stdout.isTTY) print(`\r${line}`)
  else if (finished.size % 10 === 0) print(`${line}\n`)
}

/** Plays it again in this thread, where stacks name the sources. */
async function tellFailure(progress: Progress, { promise, seed, number, path }: Failure): Promise<void> {
  if (values.quick) {
    print(`broken after ${(progress.endSeed - firstSeed) * BATCH + number} histories: ${promise}\n`)
    return
  }
  await replay(seed, path)
}

function tellSummary({ played, done, endSeed }: Progress, rate: () => string): void {
  print(`\n${played} histories kept every promise, ${rate()}; the next seed is ${endSeed}\n`)
  const lines = [...done].sort(([, a], [, b]) => b - a).map(([name, times]) => `${pad(times)}  ${name}`)
  print(`${lines.join('\n')}\n`)
}

/** @returns whether it kept every promise */
async function replay(seed: number, path: string): Promise<boolean> {
  const failure = await findFailureIn(model, { kind, seed, count: 1, path })
  print(failure ? `\n${failure.story}\n\n${failure.replay}\n` : 'It kept every promise.\n')
  return failure === undefined
}

/** A table of the first promise that each history broke, for the page of the invariants. */
async function compareWithNaive(): Promise<void> {
  const which = { count: total, seed: firstSeed }
  const naive = await tally(anyHistory, which, makeNaive)
  const ours = await tally(anyHistory, which, makeCoordinator)
  const row = (name: string, ...cells: number[]) => print(`| ${[name, ...cells].join(' | ')} |\n`)
  print('| the first promise that was broken | the obvious way | this package |\n| --- | --- | --- |\n')
  const promises = new Map([...ours.broken, ...naive.broken])
  for (const [promise] of [...promises].sort(([, a], [, b]) => b - a)) {
    row(promise, naive.broken.get(promise) ?? 0, ours.broken.get(promise) ?? 0)
  }
  row('none', naive.kept, ours.kept)
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
