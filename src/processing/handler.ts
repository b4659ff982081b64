import { checkNames, integer, invalidOption, namesOf } from '../core/options.ts'
import type { StreamRecord } from '../records/stream-record.ts'

/**
 * The facts about one attempt to handle one record. The properties are getters, so `{ ...context }` produces
 * an empty object; destructuring works.
 */
export interface RecordContext {
  /** The number of this attempt, from 1. A checkpoint keeps it, so it continues after a restart. */
  readonly attempt: number
  /** When the first attempt started, also if that was in an earlier process. */
  readonly firstAttemptAt: Date
  /** The id of the shard that contains the record. */
  readonly shardId: string
  /** The sequence number of the record. */
  readonly sequenceNumber: string
  /**
   * Aborts when the attempt has taken `handlerTimeoutMs` (the reason is an error named `TimeoutError`), when
   * the time to stop is over, or when another worker has acquired the checkpoint. The record stays with the
   * handler until its promise settles, so pass the signal to everything that may take long.
   */
  readonly signal: AbortSignal
  /**
   * The fencing number of the checkpoint's lease. It increases whenever another worker acquires the
   * checkpoint, so a conditional write can refuse the writes of a worker that has lost it. `undefined`
   * without a checkpoint, or with a store that has no leases.
   */
  readonly epoch: number | undefined
  /**
   * Gives the record up without another attempt, by throwing a {@link RejectError}. The record is rejected
   * even if the handler catches that error. In a task, it rejects only that task of the record.
   *
   * @param reason - why; the dead letter contains it.
   */
  reject(reason: string): never
}

/** The facts about one attempt to handle a batch. The properties are getters. */
export interface BatchContext<R = StreamRecord> {
  /** The id of the shard that contains all records of the batch. */
  readonly shardId: string
  /** See {@link RecordContext.signal}. */
  readonly signal: AbortSignal
  /** See {@link RecordContext.epoch}. */
  readonly epoch: number | undefined
  /**
   * Returns the number of this attempt for one record of the batch, from 1. A batch can contain records with
   * different numbers.
   * @throws TypeError if the record is not in the batch.
   */
  attemptOf(record: R): number
  /**
   * Gives one record of the batch up without another attempt, whatever becomes of the others, and returns.
   *
   * @param reason - why; the dead letter contains it.
   * @throws TypeError if the record is not in the batch, or if the handler has returned.
   */
  reject(record: R, reason: string): void
}

/**
 * Handles one record. The record is handled when the function returns or, if it returns a promise, when the
 * promise is fulfilled. The value is ignored. If it throws or rejects, the attempt has failed.
 */
export type RecordHandler<R = StreamRecord> = (record: R, context: RecordContext) => unknown

/** Handles several records of one shard per call. */
export interface BatchHandler<R = StreamRecord> {
  /**
   * Handles a batch. All of its records are handled unless the function throws, or returns a
   * {@link BatchResponse} that names records. If it throws, the batch is split, so that a record that always
   * fails is found; a record spends an attempt only if it was named or was alone in the batch.
   */
  batch(
    records: readonly R[],
    context: BatchContext<R>,
  ): BatchResult | PromiseLike<BatchResult> | Promise<void> | void
  /**
   * The maximum number of records in a batch; 1 to 10,000, and no more than `maxUnsettled`.
   * @default 100
   */
  readonly batchSize?: number | undefined
  /**
   * How long to wait for more records after the first one of a batch, in ms; 0 to 300,000. With 0, a batch
   * contains the records that are already available.
   * @default 0
   */
  readonly maxBatchingWindowMs?: number | undefined
  /**
   * The maximum size of a batch: the sum of `sizeBytes` of its records, in bytes; 1 or more. A record that is
   * larger is in a batch of its own.
   * @default no limit
   */
  readonly maxBatchBytes?: number | undefined
  /** Cannot be combined with `batch`. */
  readonly tasks?: undefined
}

/**
 * Runs several independent tasks per record, all concurrently. A retry runs only those that have not
 * succeeded, also after a restart. The next record of the same key waits until all are finished.
 */
export interface TaskHandlers<R = StreamRecord, T extends string = string> {
  /** The tasks by name; 1 to 100 names of 1 to 100 characters. Checkpoints contain the names. */
  readonly tasks: { readonly [Name in T]: RecordHandler<R> }
}

/**
 * What `processStream` calls: a function for each record, `{ batch }` for several records per call, or
 * `{ tasks }` for independent tasks per record.
 *
 * @typeParam R - the type of the records.
 * @typeParam T - the names of the tasks.
 */
export type Handler<R = StreamRecord, T extends string = string> =
  | RecordHandler<R>
  | BatchHandler<R>
  | TaskHandlers<R, T>

/**
 * The records of a batch that have failed, as in a Lambda function with `ReportBatchItemFailures`. No list,
 * or an empty one, means that all records are handled. A list that names anything but records of the batch
 * fails the whole batch, and so does any other value that is returned, such as the array of `Promise.all`.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 */
export interface BatchResponse {
  readonly batchItemFailures?: readonly BatchItemFailure[] | null | undefined
}

/** A record of a batch that has failed. */
export interface BatchItemFailure {
  /** The sequence number of the record. */
  readonly itemIdentifier: string
}

/** What {@link BatchHandler.batch} returns. Nothing means that all records are handled. */
export type BatchResult = BatchResponse | null | undefined

/** The defaults of {@link BatchHandler}. */
export const batchHandlerDefaults: { readonly batchSize: number; readonly maxBatchingWindowMs: number } = {
  batchSize: 100,
  maxBatchingWindowMs: 0,
}

/** A checked handler, in one form for each kind, with all defaults. */
export type Work = RecordWork | BatchWork | TaskWork

export interface RecordWork {
  readonly form: 'record'
  readonly call: RecordHandler
}

export interface BatchWork {
  readonly form: 'batch'
  readonly call: (records: readonly StreamRecord[], context: BatchContext) => unknown
  readonly batchSize: number
  readonly maxBatchingWindowMs: number
  readonly maxBatchBytes: number | undefined
}

export interface TaskWork {
  readonly form: 'tasks'
  readonly tasks: ReadonlyMap<string, RecordHandler>
}

/** The maximum number of tasks, and the maximum length of a task's name. A token is limited likewise. */
export const MAX_TASKS = 100
export const MAX_TASK_NAME_LENGTH = 100

const MAX_BATCH_SIZE = 10_000
const MAX_BATCHING_WINDOW_MS = 300_000

const batchNames = namesOf<Omit<BatchHandler, 'tasks'>>({
  batch: true,
  batchSize: true,
  maxBatchingWindowMs: true,
  maxBatchBytes: true,
})
const taskNames = namesOf<TaskHandlers>({ tasks: true })

const FORMS = 'a function, an object with the method batch, or an object with tasks'

/**
 * Checks a handler and converts it to the internal form. Its options are read once, now.
 *
 * @throws StreamError `options.invalid`
 */
export function checkHandler(handler: unknown): Work {
  if (typeof handler === 'function') return { form: 'record', call: handler as RecordHandler }
  if (typeof handler !== 'object' || handler === null) throw invalidOption('handler', handler, FORMS)
  const { batch, tasks } = handler as { readonly batch?: unknown; readonly tasks?: unknown }
  if (batch !== undefined && tasks !== undefined) {
    throw invalidOption('handler', handler, 'either a batch handler or tasks', 'an object with both')
  }
  if (batch === undefined && tasks === undefined) {
    checkOwnNames(handler, [...batchNames, ...taskNames])
    throw invalidOption('handler', handler, FORMS)
  }
  return batch === undefined ? checkTasks(handler, tasks) : checkBatch(handler, batch)
}

/** Whether a handler, or one of its tasks, is a relay, which has this property. */
export function keepsOrder(handler: object): boolean {
  const functions: unknown[] = [handler, ...Object.values(Object(Reflect.get(handler, 'tasks')))]
  return functions.some((one) => Reflect.get(Object(one), 'keepsOrder') === true)
}

function checkBatch(handler: object, batch: unknown): BatchWork {
  checkOwnNames(handler, batchNames)
  if (typeof batch !== 'function') throw invalidOption('handler.batch', batch, 'a function')
  const {
    batchSize = batchHandlerDefaults.batchSize,
    maxBatchingWindowMs = batchHandlerDefaults.maxBatchingWindowMs,
    maxBatchBytes,
  } = handler as Partial<BatchHandler>
  return {
    form: 'batch',
    // The handler may be an instance of a class.
    call: (records, context) => batch.call(handler, records, context),
    batchSize: integer('handler.batchSize', batchSize, 1, MAX_BATCH_SIZE),
    maxBatchingWindowMs: integer(
      'handler.maxBatchingWindowMs',
      maxBatchingWindowMs,
      0,
      MAX_BATCHING_WINDOW_MS,
    ),
    maxBatchBytes:
      maxBatchBytes === undefined
        ? undefined
        : integer('handler.maxBatchBytes', maxBatchBytes, 1, Number.MAX_SAFE_INTEGER),
  }
}

function checkTasks(handler: object, tasks: unknown): TaskWork {
  checkOwnNames(handler, taskNames)
  if (typeof tasks !== 'object' || tasks === null || Array.isArray(tasks)) {
    throw invalidOption('handler.tasks', tasks, 'an object with a function for each task')
  }
  const entries = Object.entries(tasks)
  if (entries.length === 0 || entries.length > MAX_TASKS) {
    const formatted = entries.length === 0 ? 'an empty object' : `an object with ${entries.length} tasks`
    throw invalidOption('handler.tasks', tasks, `an object with 1 to ${MAX_TASKS} tasks`, formatted)
  }
  return {
    form: 'tasks',
    tasks: new Map(entries.map(([name, task]) => [name, checkTask(tasks, name, task)])),
  }
}

function checkTask(tasks: object, name: string, task: unknown): RecordHandler {
  if (name === '' || name.length > MAX_TASK_NAME_LENGTH || !name.isWellFormed()) {
    const expected = `named by well-formed strings of 1 to ${MAX_TASK_NAME_LENGTH} characters`
    const shown = JSON.stringify(name.slice(0, MAX_TASK_NAME_LENGTH))
    throw invalidOption('handler.tasks', tasks, expected, `an object with a task named ${shown}`)
  }
  if (typeof task !== 'function') throw invalidOption(`handler.tasks.${name}`, task, 'a function')
  return (record, context) => task.call(tasks, record, context)
}

/** An instance of a class may have properties of its own. In a literal, an unknown name is a mistake. */
function checkOwnNames(handler: object, known: readonly string[]): void {
  const prototype: unknown = Object.getPrototypeOf(handler)
  if (prototype === Object.prototype || prototype === null) {
    checkNames('handler', handler, known)
  }
}
