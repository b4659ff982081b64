import type { BatchContext, BatchResponse, Handler, RecordContext, StreamRecord } from '../../../src/index.ts'
import { RejectError } from '../../../src/index.ts'
import type { EmulatedRecord } from '../../../src/testing/index.ts'
import type { Process } from '../stream/process.ts'
import { TASKS } from './acts.ts'
import type { HandlerCall, RunOracle } from './oracle.ts'
import type { Outcome, RecordState } from './record-state.ts'
import type { Act, ErrorKind, Moment, ProcessingSetup } from './steps.ts'

/** What a handler needs to know about the history, the process and the run that it belongs to. */
export interface HandlerHost {
  readonly setup: ProcessingSetup
  readonly process: Process
  readonly oracle: RunOracle
  /** Whether the process is alive and the run has not ended. What a handler does afterward is ignored. */
  readonly isLive: boolean
  /** Whether a call of the handler counts. Reports a violation if the run has ended. */
  mayStart(): boolean
  find(record: StreamRecord): EmulatedRecord
  next(record: EmulatedRecord, task: string): Act
  /** An attempt of a record alone starts. */
  started(state: RecordState, attempt: number): void
  /** An attempt of the record has ended. */
  ended(record: EmulatedRecord): void
  /** Runs a check. A violation is kept, because the library would treat it as a failed attempt. */
  guard(act: () => void): void
  /** Something has happened at which the history may end the process. */
  reach(moment: Moment): void
  /** The record ends the process. */
  die(record: EmulatedRecord): void
  /** Registers a call that hangs, until `settle` is called. */
  hang(settle: (as: 'success' | 'failure') => void): void
  trace(line: () => string): void
}

/** What the handler returns to the library. */
type Handled = unknown

const never = (): Promise<never> => new Promise<never>(() => {})

/** Creates the handler of the form that the history requires. */
export function createHandler(host: HandlerHost): Handler {
  const { form } = host.setup
  if (form.form === 'record')
    return (record: StreamRecord, context: RecordContext) => handleRecord(host, record, context)
  if (form.form === 'batch') {
    return {
      batch: (records: readonly StreamRecord[], context: BatchContext) => handleBatch(host, records, context),
      batchSize: form.batchSize,
      maxBatchingWindowMs: form.windowMs,
    }
  }
  const attempts = new Map<RecordState, TaskAttempt>()
  const names = TASKS.slice(1, 1 + form.count)
  return {
    tasks: Object.fromEntries(
      names.map((task) => [
        task,
        (record: StreamRecord, context: RecordContext) => handleTask(host, attempts, task, record, context),
      ]),
    ),
  }
}

function handleRecord(host: HandlerHost, record: StreamRecord, context: RecordContext): Handled {
  if (!host.mayStart()) return never()
  const state = host.oracle.stateOf(host.find(record))
  const call = startRecord(host, state, context)
  const act = host.next(state.record, '')
  host.trace(() => `    attempt ${context.attempt} of ${host.find(record).sequenceNumber}: ${act.do}`)
  host.reach('attempt')
  return perform(host, act, state.record, context, (outcome) => {
    host.guard(() => host.oracle.endedRecord(call, state, new Map([['', outcome]])))
  })
}

/** An attempt of a record alone starts. */
function startRecord(host: HandlerHost, state: RecordState, context: RecordContext): HandlerCall {
  const call: HandlerCall = { records: [{ state, attempt: context.attempt }] }
  host.started(state, context.attempt)
  host.guard(() => host.oracle.started(call, () => context.firstAttemptAt.getTime()))
  return call
}

// ---- Tasks -----------------------------------------------------------------------------------------------

/** An attempt that runs several tasks of a record. */
interface TaskAttempt {
  readonly call: HandlerCall
  readonly attempt: number
  readonly outcomes: Map<string, Outcome>
  running: number
}

function handleTask(
  host: HandlerHost,
  attempts: Map<RecordState, TaskAttempt>,
  task: string,
  record: StreamRecord,
  context: RecordContext,
): Handled {
  if (!host.mayStart()) return never()
  const { oracle } = host
  const state = oracle.stateOf(host.find(record))
  const current = attempts.get(state) ?? startTasks(host, state, context)
  attempts.set(state, current)
  host.guard(() => oracle.startedTask(state, task, current.attempt === context.attempt))
  current.running++
  const act = host.next(state.record, task)
  host.trace(() => `    attempt ${context.attempt} of ${state.record.sequenceNumber} ${task}: ${act.do}`)
  host.reach('attempt')
  return perform(host, act, state.record, context, (outcome) => {
    current.outcomes.set(task, outcome)
    if (outcome === 'handled') oracle.taskSucceeded(state, task)
    current.running--
    // Other tasks of the same attempt may not have been called yet.
    queueMicrotask(() => {
      if (current.running > 0 || attempts.get(state) !== current || !host.isLive) return
      attempts.delete(state)
      host.guard(() => oracle.endedRecord(current.call, state, current.outcomes))
    })
  })
}

function startTasks(host: HandlerHost, state: RecordState, context: RecordContext): TaskAttempt {
  const call = startRecord(host, state, context)
  return { call, attempt: context.attempt, outcomes: new Map(), running: 0 }
}

// ---- One record or task ----------------------------------------------------------------------------------

/** Does what the script says. `onEnd` is called before the library can know the outcome. */
function perform(
  host: HandlerHost,
  act: Act,
  record: EmulatedRecord,
  context: RecordContext,
  onEnd: (outcome: Outcome) => void,
): Handled {
  const end = (outcome: Outcome, finish: () => Handled): Handled => {
    if (host.isLive) {
      host.ended(record)
      onEnd(outcome)
      host.reach('outcome')
    }
    return host.process.isAlive ? finish() : never()
  }
  const after = (ms: number, act: () => Handled): Handled => (ms === 0 ? act() : sleep(host, ms).then(act))
  switch (act.do) {
    case 'succeed':
      return after(act.ms, () => end('handled', () => undefined))
    case 'fail':
      return after(act.ms, () =>
        end(act.error === 'outage' ? 'outage' : 'failed', () => {
          throw createError(act.error)
        }),
      )
    case 'reject':
      return after(act.ms, () => end('rejected', () => reject(act.by, context)))
    case 'hang':
      return new Promise((resolve, fail) =>
        host.hang((as) => {
          const isSuccess = as === 'success'
          end(isSuccess ? 'handled' : 'failed', () =>
            isSuccess ? resolve(undefined) : fail(createError('error')),
          )
        }),
      )
    case 'waitForAbort':
      return new Promise((_, fail) => {
        let isOver = false
        const failWith = (reason: unknown): void => {
          if (isOver) return
          isOver = true
          end('failed', () => fail(reason))
        }
        onAbort(context.signal, failWith)
        host.hang(() => failWith(createError('error')))
      })
    case 'die':
      return sleep(host, act.ms).then(() => {
        host.die(record)
        return never()
      })
  }
}

function sleep(host: HandlerHost, ms: number): Promise<void> {
  return new Promise((resolve) => void host.process.clock.setTimer(ms, resolve))
}

function onAbort(signal: AbortSignal, listener: (reason: unknown) => void): void {
  if (signal.aborted) listener(signal.reason)
  else signal.addEventListener('abort', () => listener(signal.reason), { once: true })
}

function reject(by: 'context' | 'caught' | 'throwing', context: RecordContext): void {
  if (by === 'throwing') throw new RejectError('The history rejects it.')
  try {
    context.reject('The history rejects it.')
  } catch (error) {
    if (by === 'context') throw error
  }
}

/** The option `classify` recognizes this error. */
export class OutageError extends Error {}

function createError(kind: ErrorKind): unknown {
  switch (kind) {
    case 'error':
      return new Error('The history fails it.')
    case 'outage':
      return new OutageError('Something that the handler needs is unavailable.')
    case 'frozen':
      return Object.freeze({ frozen: true })
    case 'string':
      return 'a string'
    case 'undefined':
      return undefined
  }
}

// ---- Batches ---------------------------------------------------------------------------------------------

function handleBatch(
  host: HandlerHost,
  records: readonly StreamRecord[],
  context: BatchContext,
): Promise<BatchResponse | undefined> {
  if (!host.mayStart()) return never()
  const { oracle } = host
  const items = records.map((record) => {
    const state = oracle.stateOf(host.find(record))
    return { record, state, attempt: context.attemptOf(record), act: host.next(state.record, '') }
  })
  const call: HandlerCall = { records: items }
  const [first] = items
  if (items.length === 1 && first) host.started(first.state, first.attempt)
  host.guard(() => oracle.started(call, () => undefined))
  host.trace(
    () =>
      `    batch of ${items.map(({ state, attempt, act }) => `${state.record.sequenceNumber}:${attempt}:${act.do}`).join(' ')}`,
  )
  host.reach('attempt')
  return performBatch(host, call, items, context)
}

interface BatchItem {
  readonly record: StreamRecord
  readonly state: RecordState
  readonly act: Act
}

async function performBatch(
  host: HandlerHost,
  call: HandlerCall,
  items: readonly BatchItem[],
  context: BatchContext,
): Promise<BatchResponse | undefined> {
  const acts = items.map(({ act }) => act)
  const ms = Math.max(...acts.map((act) => ('ms' in act ? act.ms : 0)))
  if (ms > 0) await sleep(host, ms)
  const deadly = items.find(({ act }) => act.do === 'die')
  if (deadly) {
    host.die(deadly.state.record)
    return never()
  }
  const rejected = items.filter(({ act }) => act.do === 'reject')
  for (const { record } of rejected) context.reject(record, 'The history rejects it.')
  const failed = items.filter(({ act }) => act.do === 'fail')
  const result = await resultOf(host, acts, context, failed)
  if (host.isLive) {
    for (const { state } of items) host.ended(state.record)
    host.guard(() => reportBatch(host, call, result, failed, rejected))
    host.reach('outcome')
  }
  if (!host.process.isAlive) return never()
  if (result.kind === 'throws') throw result.error
  return result.kind === 'returns' ? result.response : undefined
}

type BatchResult =
  | { readonly kind: 'success' }
  | { readonly kind: 'returns'; readonly response: BatchResponse; readonly isWellFormed: boolean }
  | { readonly kind: 'throws'; readonly error: unknown }

async function resultOf(
  host: HandlerHost,
  acts: readonly Act[],
  { signal }: BatchContext,
  failed: readonly BatchItem[],
): Promise<BatchResult> {
  if (acts.some((act) => act.do === 'hang')) {
    const as = await new Promise<'success' | 'failure'>((resolve) => host.hang(resolve))
    return as === 'success' ? { kind: 'success' } : { kind: 'throws', error: createError('error') }
  }
  if (acts.some((act) => act.do === 'waitForAbort')) {
    const error = await new Promise((resolve) => {
      onAbort(signal, resolve)
      host.hang(() => resolve(createError('error')))
    })
    return { kind: 'throws', error }
  }
  const { form } = host.setup
  const [first] = failed
  if (!first || form.form !== 'batch') return { kind: 'success' }
  if (form.failsBy === 'throwing') return { kind: 'throws', error: createError(errorOf(first.act)) }
  const isWellFormed = form.failsBy === 'naming'
  const names = failed.map(({ record }) => ({ itemIdentifier: record.sequenceNumber }))
  const response = { batchItemFailures: isWellFormed ? names : [...names, { itemIdentifier: '' }] }
  return { kind: 'returns', response, isWellFormed }
}

function errorOf(act: Act): ErrorKind {
  return act.do === 'fail' ? act.error : 'error'
}

function reportBatch(
  { oracle }: HandlerHost,
  call: HandlerCall,
  result: BatchResult,
  failed: readonly BatchItem[],
  rejected: readonly BatchItem[],
): void {
  const [only] = call.records
  const statesOf = (items: readonly BatchItem[]) => new Set(items.map(({ state }) => state))
  if (only && call.records.length === 1) {
    oracle.endedRecord(call, only.state, new Map([['', outcomeOf(result, rejected.length > 0)]]))
  } else if (result.kind === 'success') oracle.endedBatch(call, new Set(), statesOf(rejected))
  else if (result.kind === 'returns' && result.isWellFormed)
    oracle.endedBatch(call, statesOf(failed), statesOf(rejected))
  else oracle.endedBatch(call, undefined, statesOf(rejected))
}

/** The outcome of a batch of one record. */
function outcomeOf(result: BatchResult, isRejected: boolean): Outcome {
  if (isRejected) return 'rejected'
  if (result.kind === 'success') return 'handled'
  return result.kind === 'throws' && result.error instanceof OutageError ? 'outage' : 'failed'
}
