import { parseArgs } from 'node:util'
import { findFailure } from './check.ts'
import { anyHistory } from './histories.ts'
import { makeNaive } from './naive-coordinator.ts'
import type { History, Step } from './steps.ts'
import { makeCoordinator } from './subject.ts'
import { tally } from './tally.ts'

const USAGE = `Plays random histories against the library, until one breaks a promise.

  npm run soak -- [--histories 10000] [--seed 1] [--kind everything] [--path 12:0:3]

--histories  how many to play
--seed       the seed of the first batch; each batch of 200 has the next one, and progress tells which is done,
             so that a soak can go on where another one stopped
--kind       plain, visibility, errors, retention, crowd, heavy or everything; all kinds, if left out
--quick      stops at the first broken promise, and only names it
--naive      plays them also against the obvious way to read a stream, and counts which promises each breaks
--path       replays one history of the batch --seed, as a failure tells
`

const BATCH = 200

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    kind: { type: 'string' },
    path: { type: 'string' },
    quick: { type: 'boolean', default: false },
    naive: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

/** How often each thing was done, by name; faults by their effect. */
const done = new Map<string, number>()
let played = 0

function count(history: History): void {
  played++
  for (const step of history.steps) done.set(nameOf(step), (done.get(nameOf(step)) ?? 0) + 1)
}

function nameOf(step: Step): string {
  if (step.do === 'fault') return `${step.effect} ${step.call}`
  if (step.do === 'during' || step.do === 'later') return `${step.do}: ${nameOf(step.step)}`
  return step.do === 'split' && step.hidden ? 'split, children hidden' : step.do
}

async function soak(): Promise<boolean> {
  const first = Number(values.seed)
  const total = Number(values.histories)
  const started = performance.now()
  const rate = () => `${Math.round((played / (performance.now() - started)) * 1_000)} a second`
  for (let seed = first; played < total; seed++) {
    const failure = await findFailure(
      {
        kind: values.kind,
        seed,
        count: Math.min(BATCH, total - played),
        path: values.path,
        shrink: !values.quick,
      },
      { onHistory: count },
    )
    if (failure && values.quick) {
      process.stdout.write(`broken after ${played} histories: ${failure.promise}\n`)
      return false
    }
    if (failure) {
      process.stdout.write(`\n${failure.story}\n\n${failure.replay}\n`)
      return false
    }
    if (values.path !== undefined) break
    const line = `${played} of ${total} histories, ${rate()}; seed ${seed} is done`
    process.stdout.write(process.stdout.isTTY ? `\r${line}` : (seed - first) % 10 === 9 ? `${line}\n` : '')
  }
  process.stdout.write(`\n${played} histories kept every promise, ${rate()}; the next seed is `)
  process.stdout.write(`${first + Math.ceil(played / BATCH)}\n`)
  const lines = [...done]
    .sort(([, a], [, b]) => b - a)
    .map(([name, times]) => `${String(times).padStart(9)}  ${name}`)
  process.stdout.write(`${lines.join('\n')}\n`)
  return true
}

/** A table of the first promise that each history broke, for the page of the invariants. */
async function compareWithNaive(): Promise<void> {
  const which = { count: Number(values.histories), seed: Number(values.seed) }
  const naive = await tally(anyHistory, which, makeNaive)
  const ours = await tally(anyHistory, which, makeCoordinator)
  const row = (name: string, ...cells: number[]) =>
    process.stdout.write(`| ${[name, ...cells].join(' | ')} |\n`)
  process.stdout.write(
    '| the first promise that was broken | the obvious way | this package |\n| --- | --- | --- |\n',
  )
  row('histories played', naive.played, ours.played)
  const promises = new Map([...ours.broken, ...naive.broken])
  for (const [promise] of [...promises].sort(([, a], [, b]) => b - a)) {
    row(promise, naive.broken.get(promise) ?? 0, ours.broken.get(promise) ?? 0)
  }
  row('none', naive.kept, ours.kept)
}

if (values.help) process.stdout.write(USAGE)
else if (values.naive) await compareWithNaive()
else if (!(await soak())) process.exitCode = 1
