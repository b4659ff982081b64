import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { onInterrupt } from '../interrupt.ts'
import type { Terminal } from '../terminal.ts'
import { emulatedTable } from './emulated-table.ts'
import { judge } from './evidence.ts'
import { localTable } from './local-table.ts'
import { DemoRun } from './run.ts'
import { canRedraw, createScreen, type Screen } from './screen.ts'
import { DEADLINE_MS, KILL_DELAY_MS, type Step, script } from './script.ts'
import { verdictLines } from './verdict-text.ts'
import { frame, summaryLine } from './view.ts'

/** How often the view is drawn, and how often a plain line tells the same, in ms. */
const FRAME_MS = 100
const LINE_MS = 1_000

/** How long to watch when everything has come: what comes twice comes now. */
const SETTLE_MS = 700

/** The text of a line begins behind its time, as in `  1.2 s  all shard iterators expired`. */
const EVENT_INDENT = 9

/** Shows a worker that is killed and resumed on a stream that reshards, and counts what came of it. */
export async function demo({ local }: { readonly local: boolean }, terminal: Terminal): Promise<ExitCode> {
  using interrupt = onInterrupt()
  const { signal } = interrupt
  const folder = await mkdtemp(join(tmpdir(), 'dynamodb-stream-iterator-demo-'))
  try {
    await using table = local ? await localTable(signal) : await emulatedTable()
    using screen = createScreen(terminal.stdout, canRedraw(terminal.stdout, process.env))
    screen.line(
      `An order table on ${table.place}, steadily written to. A worker reads its stream, and is killed twice.`,
    )
    await using run = new DemoRun(table, folder, (text) => screen.line(text, EVENT_INDENT))
    const isComplete = await play(run, screen, signal)
    if (signal.aborted) return exitCodes.interrupted
    if (!isComplete) screen.line('The worker did not get through in time.')
    const verdict = judge(await run.finish())
    screen.keep()
    const columns = terminal.stdout.isTTY ? screen.size.columns : Number.POSITIVE_INFINITY
    for (const line of verdictLines(verdict, terminal.paint, columns)) screen.line(line)
    await screen.flush()
    return verdict.isGood ? exitCodes.ok : exitCodes.failed
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Follows the script to its end. Returns whether everything was processed. */
async function play(run: DemoRun, screen: Screen, signal: AbortSignal): Promise<boolean> {
  const steps = [...script]
  let stepAt = 0
  let completeAt: number | undefined
  let nextLineAt = LINE_MS
  run.start()
  while (!signal.aborted && run.elapsedMs < DEADLINE_MS) {
    for (let step = steps[0]; step && isDue(step, stepAt, run); step = steps[0]) {
      steps.shift()
      stepAt = run.elapsedMs
      await run.perform(step)
    }
    const state = run.state()
    screen.show(frame(state, screen.size))
    if (!screen.isLive && state.elapsedMs >= nextLineAt) {
      nextLineAt += LINE_MS
      screen.line(summaryLine(state), EVENT_INDENT)
    }
    if (steps.length === 0 && run.isComplete) completeAt ??= state.elapsedMs
    if (completeAt !== undefined && state.elapsedMs > completeAt + SETTLE_MS) return true
    await wait(FRAME_MS, undefined, { signal }).catch(() => {})
  }
  return false
}

function isDue({ step, afterMs }: Step, stepAt: number, run: DemoRun): boolean {
  const overdueMs = run.elapsedMs - stepAt - afterMs
  return overdueMs >= 0 && (step !== 'kill' || run.isWorthKilling || overdueMs >= KILL_DELAY_MS)
}
