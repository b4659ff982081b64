import type { BatchContext, BatchResponse, Handler, RecordContext, StreamRecord } from '../../../src/index.ts'
import type { HandlerForm } from '../processing/steps.ts'
import type { Process } from '../stream/process.ts'
import type { Entry } from './ledger.ts'
import type { RunOracle } from './run-oracle.ts'
import type { Mode } from './steps.ts'

/** The tasks of a handler with tasks. Only the last one fails. */
export const TASKS = ['first', 'second'] as const

/** What a handler needs to know about its process and run. */
export interface HandlerHost {
  readonly form: HandlerForm
  readonly process: Process
  readonly oracle: RunOracle
  find(record: StreamRecord): Entry
  modeOf(entry: Entry): Mode
  /** How long the next call takes, in ms. */
  nextMs(): number
  /** Runs a check. A violation is kept, because the library would treat it as a failed attempt. */
  guard(check: () => void): void
  reach(moment: string): void
  /** The record ends the process. */
  die(entry: Entry): void
  /** A part of a record has succeeded. */
  succeeded(entry: Entry, part: string): void
  trace(line: () => string): void
}

/** The option `classify` recognizes this error. */
export class OutageError extends Error {}

type Outcome = 'handled' | 'failed' | 'rejected' | 'outage'

const never = (): Promise<never> => new Promise<never>(() => {})

/** Creates the handler of the form that the history requires. */
export function createHandler(host: HandlerHost): Handler {
  const { form } = host
  if (form.form === 'record') return (record, context) => handleRecord(host, record, context)
  if (form.form === 'tasks') return { tasks: createTasks(host) }
  return {
    batch: (records: readonly StreamRecord[], context: BatchContext) => handleBatch(host, records, context),
    batchSize: form.batchSize,
    maxBatchingWindowMs: form.windowMs,
  }
}

/** Waits for the time of a call, unless that is 0. Resolves never if the process has died meanwhile. */
function afterTime<T>(host: HandlerHost, act: () => T | Promise<T>): T | Promise<T> {
  const ms = host.nextMs()
  if (ms === 0) return act()
  const sleep = new Promise<void>((resolve) => void host.process.clock.setTimer(ms, resolve))
  return sleep.then(act)
}

/** The outcome of an attempt of one record. */
function outcomeOf(host: HandlerHost, entry: Entry): Outcome | 'dies' {
  switch (host.modeOf(entry)) {
    case 'succeed':
      return 'handled'
    case 'fail':
    case 'failAll':
      return 'failed'
    case 'wait':
      return 'outage'
    case 'die':
      return 'dies'
    case 'rejectSome':
      return entry.index % 2 === 0 ? 'rejected' : 'failed'
  }
}

function handleRecord(host: HandlerHost, record: StreamRecord, context: RecordContext): unknown {
  const { process, oracle } = host
  if (!process.isAlive) return never()
  const entry = host.find(record)
  host.trace(() => `    attempt ${context.attempt} of ${entry.name}`)
  host.guard(() => oracle.started([entry], [context.attempt]))
  host.reach('a handler starts')
  if (!process.isAlive) return never()
  return afterTime(host, () => {
    if (!process.isAlive) return never()
    const outcome = outcomeOf(host, entry)
    if (outcome === 'dies') {
      host.die(entry)
      return never()
    }
    host.trace(() => `    ${entry.name}: ${outcome}`)
    if (outcome === 'handled') host.succeeded(entry, '')
    oracle.ended([entry], outcome === 'handled' ? [entry] : [])
    host.reach('a handler ends')
    return process.isAlive ? settle(outcome, context) : never()
  })
}

function settle(outcome: Outcome, context: RecordContext): undefined {
  if (outcome === 'handled') return undefined
  if (outcome === 'rejected') context.reject('The history rejects it.')
  throw outcome === 'outage' ? new OutageError('Something is down.') : new Error('The history fails it.')
}

// ---- Tasks -----------------------------------------------------------------------------------------------

/** An attempt that runs the tasks of a record that are left. */
interface TaskAttempt {
  running: number
  hasFailed: boolean
}

function createTasks(
  host: HandlerHost,
): Record<string, (record: StreamRecord, context: RecordContext) => unknown> {
  const attempts = new Map<Entry, TaskAttempt>()
  const run = (task: string) => (record: StreamRecord, context: RecordContext) => {
    const { process, oracle } = host
    if (!process.isAlive) return never()
    const entry = host.find(record)
    const attempt = attempts.get(entry) ?? { running: 0, hasFailed: false }
    attempts.set(entry, attempt)
    attempt.running++
    host.trace(() => `    attempt ${context.attempt} of ${entry.name}, ${task}`)
    host.guard(() => oracle.started([entry], [context.attempt], task))
    host.reach('a task starts')
    if (!process.isAlive) return never()
    return afterTime(host, () => {
      if (!process.isAlive) return never()
      const isHandled = task === TASKS[0] && host.modeOf(entry) !== 'failAll'
      const outcome = isHandled ? 'handled' : outcomeOf(host, entry)
      if (outcome === 'dies') {
        host.die(entry)
        return never()
      }
      if (outcome === 'handled') {
        host.succeeded(entry, task)
        oracle.taskSucceeded(entry, task)
      } else attempt.hasFailed = true
      attempt.running--
      // Other tasks of the attempt may not have been called yet.
      queueMicrotask(() => {
        if (!process.isAlive || attempt.running > 0 || attempts.get(entry) !== attempt) return
        attempts.delete(entry)
        oracle.ended([entry], attempt.hasFailed ? [] : [entry])
      })
      host.reach('a task ends')
      return process.isAlive ? settle(outcome, context) : never()
    })
  }
  return Object.fromEntries(TASKS.map((task) => [task, run(task)]))
}

// ---- Batches ---------------------------------------------------------------------------------------------

function handleBatch(
  host: HandlerHost,
  records: readonly StreamRecord[],
  context: BatchContext,
): Promise<BatchResponse | undefined> | BatchResponse | undefined {
  const { process, oracle } = host
  if (!process.isAlive) return never()
  const entries = records.map((record) => host.find(record))
  const attempts = records.map((record) => context.attemptOf(record))
  host.trace(() => `    batch of ${entries.map(({ name }) => name).join(' ')}`)
  host.guard(() => oracle.started(entries, attempts))
  host.reach('a handler starts')
  if (!process.isAlive) return never()
  return afterTime(host, () => (process.isAlive ? endBatch(host, records, entries, context) : never()))
}

function endBatch(
  host: HandlerHost,
  records: readonly StreamRecord[],
  entries: readonly Entry[],
  context: BatchContext,
): Promise<never> | BatchResponse | undefined {
  const outcomes = entries.map((entry) => outcomeOf(host, entry))
  const deadly = entries[outcomes.indexOf('dies')]
  if (deadly) {
    host.die(deadly)
    return never()
  }
  const throws = host.form.form === 'batch' && host.form.failsBy === 'throwing'
  const hasFailed = outcomes.some((outcome) => outcome === 'failed' || outcome === 'outage')
  const isThrown = throws && hasFailed
  host.trace(() => `    ${entries.map(({ name }, index) => `${name}: ${outcomes[index]}`).join(', ')}`)
  const done = isThrown ? [] : doneIn(entries, outcomes)
  for (const entry of done) host.succeeded(entry, '')
  host.oracle.ended(entries, done)
  for (const [index, record] of records.entries()) {
    if (outcomes[index] === 'rejected') context.reject(record, 'The history rejects it.')
  }
  host.reach('a handler ends')
  if (!host.process.isAlive) return never()
  const isOutage = outcomes.every((outcome) => outcome === 'outage')
  if (isThrown) throw isOutage ? new OutageError('Something is down.') : new Error('The history fails it.')
  const isNamed = (index: number) => outcomes[index] === 'failed' || outcomes[index] === 'outage'
  const failed = records.filter((_, index) => isNamed(index))
  return { batchItemFailures: failed.map(({ sequenceNumber }) => ({ itemIdentifier: sequenceNumber })) }
}

/** The records that the run settles: those of each key that succeeded before the first one that failed. */
function doneIn(entries: readonly Entry[], outcomes: readonly (Outcome | 'dies')[]): readonly Entry[] {
  const blocked = new Set<string>()
  const done: Entry[] = []
  for (const [index, entry] of entries.entries()) {
    const outcome = outcomes[index]
    if (outcome === 'failed' || outcome === 'outage') blocked.add(entry.keyHash)
    else if (outcome === 'handled' && !blocked.has(entry.keyHash)) done.push(entry)
  }
  return done
}
