import type { StreamRecord } from '../records/stream-record.ts'
import { AttemptContext, BatchAttemptContext } from './attempt-context.ts'
import type { AttemptRecord, BatchOutcome, CallOutcome, RecordOutcome } from './attempt-outcome.ts'
import type { AttemptScope } from './attempt-scope.ts'
import { readBatchResponse } from './batch-response.ts'
import type { BatchWork, RecordHandler, TaskWork, Work } from './handler.ts'
import { rejectReason } from './reject-error.ts'
import type { RecordValidator } from './schema.ts'

/**
 * Validates the records of an attempt and calls the handler. The promise is never rejected. It stays pending
 * for as long as the handler's promise does.
 *
 * @param targets - the records: two or more only for a batch handler, and then of one shard.
 * @throws RangeError if the handler has no form for that many records, which would be a defect of the caller.
 */
export function callHandler(
  work: Work,
  validator: RecordValidator | undefined,
  targets: readonly AttemptRecord[],
  scope: AttemptScope,
): Promise<RecordOutcome | BatchOutcome> {
  const [target] = targets
  if (target !== undefined && targets.length === 1) {
    if (validator === undefined) return callForm(work, target, target.record, scope)
    return callWithSchema(work, validator, target, scope)
  }
  if (work.form === 'batch' && target !== undefined) return attemptBatch(work, validator, targets, scope)
  throw new RangeError(`An attempt with the form ${work.form} cannot have ${targets.length} records.`)
}

async function callWithSchema(
  work: Work,
  validator: RecordValidator,
  target: AttemptRecord,
  scope: AttemptScope,
): Promise<RecordOutcome> {
  const { record, outcome } = await validate(validator, target.record, scope)
  return outcome ?? callForm(work, target, record, scope)
}

function callForm(
  work: Work,
  target: AttemptRecord,
  record: StreamRecord,
  scope: AttemptScope,
): Promise<RecordOutcome> {
  switch (work.form) {
    case 'record':
      return callRecord(work.call, target, record, scope)
    case 'batch':
      return callBatchOfOne(work, target, record, scope)
    case 'tasks':
      return callTasks(work, target, record, scope)
  }
}

const handled: CallOutcome = { result: 'handled' }

async function callRecord(
  call: RecordHandler,
  target: AttemptRecord,
  record: StreamRecord,
  scope: AttemptScope,
): Promise<CallOutcome> {
  const context = new AttemptContext(target, scope)
  try {
    await call(record, context)
    const rejection = AttemptContext.rejectionOf(context)
    return rejection === undefined ? handled : failure(rejection, scope)
  } catch (error) {
    // The handler may have caught the error of `reject` and thrown another one.
    return failure(AttemptContext.rejectionOf(context) ?? error, scope)
  }
}

function failure(error: unknown, scope: AttemptScope): CallOutcome {
  const reason = rejectReason(error)
  if (reason !== undefined) return { result: 'rejected', reason, error }
  return { result: 'failed', error: scope.failureOf(error), isReported: false }
}

/** Calls all tasks that have not succeeded yet. The attempt ends when all of them have settled. */
async function callTasks(
  work: TaskWork,
  target: AttemptRecord,
  record: StreamRecord,
  scope: AttemptScope,
): Promise<RecordOutcome> {
  const unfinished = [...work.tasks].filter(([task]) => !target.finishedTasks.includes(task))
  const tasks = await Promise.all(
    unfinished.map(async ([task, call]) => {
      const outcome = await callRecord(call, target, record, scope)
      // The process may end before the other tasks do.
      if (outcome.result === 'handled') target.taskSucceeded(task)
      return { task, ...outcome }
    }),
  )
  return { result: 'tasks', tasks }
}

async function callBatchOfOne(
  work: BatchWork,
  target: AttemptRecord,
  record: StreamRecord,
  scope: AttemptScope,
): Promise<RecordOutcome> {
  const { sequenceNumber } = target.record
  const result = await callBatch(work, [{ target, record }], scope)
  const reason = result.rejected.get(sequenceNumber)
  if (reason !== undefined) return { result: 'rejected', reason }
  if (result.failed === undefined) return failure(result.error, scope)
  return result.failed.has(sequenceNumber)
    ? { result: 'failed', error: undefined, isReported: true }
    : handled
}

/**
 * Validates the records, and calls the handler with the valid ones. A validator that throws fails the whole
 * batch, like a handler that throws: the batch is split until the record is alone.
 */
async function attemptBatch(
  work: BatchWork,
  validator: RecordValidator | undefined,
  targets: readonly AttemptRecord[],
  scope: AttemptScope,
): Promise<BatchOutcome> {
  const invalid = new Map<string, string>()
  const rejected = new Map<string, string>()
  let entries: readonly BatchEntry[] = targets.map((target) => ({ target, record: target.record }))
  if (validator !== undefined) {
    const valid: BatchEntry[] = []
    // One after another, because an asynchronous validator may call a service.
    for (const target of targets) {
      const { record, outcome } = await validate(validator, target.record, scope)
      if (outcome === undefined) valid.push({ target, record })
      else if (outcome.result === 'failed') {
        return { kind: 'batchFailed', error: outcome.error, rejected, invalid }
      } else {
        const given = outcome.result === 'invalid' ? invalid : rejected
        given.set(target.record.sequenceNumber, outcome.reason)
      }
    }
    entries = valid
  }
  if (entries.length === 0) return { kind: 'named', failed: new Set(), rejected, invalid }
  const result = await callBatch(work, entries, scope)
  for (const [sequenceNumber, reason] of result.rejected) rejected.set(sequenceNumber, reason)
  if (result.failed === undefined) {
    return { kind: 'batchFailed', error: scope.failureOf(result.error), rejected, invalid }
  }
  const failed = new Set([...result.failed].filter((sequenceNumber) => !rejected.has(sequenceNumber)))
  return { kind: 'named', failed, rejected, invalid }
}

/** A record of a batch, and what the handler receives in its place. */
interface BatchEntry {
  readonly target: AttemptRecord
  readonly record: StreamRecord
}

type BatchCallResult =
  | { readonly failed: ReadonlySet<string>; readonly rejected: ReadonlyMap<string, string> }
  | {
      readonly failed: undefined
      readonly error: unknown
      readonly rejected: ReadonlyMap<string, string>
    }

async function callBatch(
  work: BatchWork,
  entries: readonly BatchEntry[],
  scope: AttemptScope,
): Promise<BatchCallResult> {
  const targets = new Map(entries.map(({ target }) => [target.record.sequenceNumber, target]))
  const context = new BatchAttemptContext(targets, scope)
  try {
    // The handler receives an array of its own, which it may sort or empty.
    const response = await work.call(
      entries.map(({ record }) => record),
      context,
    )
    const failed = readBatchResponse(response, (sequenceNumber) => targets.has(sequenceNumber))
    return { failed, rejected: BatchAttemptContext.end(context) }
  } catch (error) {
    return { failed: undefined, error, rejected: BatchAttemptContext.end(context) }
  }
}

type ValidationResult =
  | { readonly record: StreamRecord; readonly outcome: undefined }
  | { readonly record?: undefined; readonly outcome: Exclude<RecordOutcome, { result: 'handled' | 'tasks' }> }

/** Validates a record. If the attempt was aborted meanwhile, the handler is not called. */
async function validate(
  validator: RecordValidator,
  record: StreamRecord,
  scope: AttemptScope,
): Promise<ValidationResult> {
  try {
    const validation = await validator.validate(record)
    if (!validation.isValid) return { outcome: { result: 'invalid', reason: validation.reason } }
    if (scope.abortion === undefined) return { record: validation.record, outcome: undefined }
    return { outcome: { result: 'failed', error: scope.abortion.reason, isReported: false } }
  } catch (error) {
    const reason = rejectReason(error)
    if (reason !== undefined) return { outcome: { result: 'rejected', reason, error } }
    return { outcome: { result: 'failed', error: scope.failureOf(error), isReported: false } }
  }
}
