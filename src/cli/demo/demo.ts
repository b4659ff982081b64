import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type ExitCode, exitCodes } from '../errors.ts'
import { onInterrupt } from '../interrupt.ts'
import type { Terminal } from '../terminal.ts'
import { DemoRun } from './demo-run.ts'
import { emulatedTable } from './emulated-table.ts'
import { localTable } from './local-table.ts'
import { canRedraw, createScreen, type Screen } from './screen.ts'
import { DEADLINE_MS, MAX_KILL_DELAY_MS, type Step, script } from './script.ts'
import { verify } from './verify.ts'
import { frame, summaryLine, verdictLines } from './view.ts'

/** How often the view is redrawn, in ms. */
const FRAME_MS = 100

/** How often a summary line is printed where the view is not redrawn, in ms. */
const SUMMARY_MS = 1_000

/** How long to wait for duplicates after every record has been processed, in ms. */
const SETTLE_MS = 700

/** The text of a permanent line starts after its time, as in `  1.2 s  all shard iterators expired`. */
const EVENT_INDENT = 9

/** Kills and restarts a worker on a stream that reshards, and verifies which records it processed. */
export async function demo({ local }: { readonly local: boolean }, terminal: Terminal): Promise<ExitCode> {
  using interrupt = onInterrupt()
  const { signal } = interrupt
  const folder = await mkdtemp(join(tmpdir(), 'dynamodb-stream-iterator-demo-'))
  try {
    await using table = local ? await localTable(signal) : await emulatedTable()
    using screen = createScreen(terminal.stdout, canRedraw(terminal.stdout, process.env))
    screen.line(
      `Orders are written to a table on ${table.place}. A worker reads its stream, and is killed twice.`,
    )
    await using run = new DemoRun(table, folder, (text) => screen.line(text, EVENT_INDENT))
    const isComplete = await play(run, screen, signal)
    if (signal.aborted) return exitCodes.interrupted
    if (!isComplete) screen.line('The worker did not process all records in time.')
    const verdict = verify(await run.finish())
    screen.keep()
    const columns = terminal.stdout.isTTY ? screen.size.columns : Number.POSITIVE_INFINITY
    for (const line of verdictLines(verdict, terminal.style, columns)) screen.line(line)
    await screen.flush()
    return verdict.isGood ? exitCodes.ok : exitCodes.failed
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Follows the script to its end. Returns whether all records were processed in time. */
async function play(run: DemoRun, screen: Screen, signal: AbortSignal): Promise<boolean> {
  const steps = [...script]
  let lastStepAt = 0
  let completeAt: number | undefined
  let nextSummaryAt = SUMMARY_MS
  run.start()
  while (!signal.aborted && run.elapsedMs < DEADLINE_MS) {
    for (let step = steps[0]; step && isDue(step, lastStepAt, run); step = steps[0]) {
      steps.shift()
      lastStepAt = run.elapsedMs
      await run.perform(step)
    }
    const state = run.sampleState()
    screen.show(frame(state, screen.size))
    if (!screen.isLive && state.elapsedMs >= nextSummaryAt) {
      nextSummaryAt += SUMMARY_MS
      screen.line(summaryLine(state), EVENT_INDENT)
    }
    if (steps.length === 0 && run.isComplete) completeAt ??= state.elapsedMs
    if (completeAt !== undefined && state.elapsedMs > completeAt + SETTLE_MS) return true
    await wait(FRAME_MS, undefined, { signal }).catch(() => {})
  }
  return false
}

function isDue({ step, afterMs }: Step, lastStepAt: number, run: DemoRun): boolean {
  const overdueMs = run.elapsedMs - lastStepAt - afterMs
  return overdueMs >= 0 && (step !== 'kill' || run.isWorthKilling || overdueMs >= MAX_KILL_DELAY_MS)
}
