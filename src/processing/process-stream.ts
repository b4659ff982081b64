import { systemClock } from '../core/clock.ts'
import { Emitter, type Unsubscribe } from '../core/emitter.ts'
import { StreamError } from '../core/errors.ts'
import { invalidOption } from '../core/options.ts'
import type { PlainItem } from '../records/stream-record.ts'
import type { RecordSource } from '../stream/record-source.ts'
import { DynamoDBStream } from '../stream/stream.ts'
import { type CheckedOptions, checkProcessOptions } from './check-options.ts'
import { Counters, type ProcessingSummary } from './counts.ts'
import { type ProcessingEvents, processingEventNames } from './events.ts'
import { checkHandler, type Handler, keepsOrder } from './handler.ts'
import type { ProcessingHealth } from './health.ts'
import type { ProcessOptions } from './options.ts'
import { Run } from './run.ts'
import type { NoSchemas, RecordOf, Schemas } from './schema.ts'

/**
 * A run of `processStream`: a promise of its summary, with methods to control and observe it.
 *
 * The promise resolves when the stream has ended and every record is settled, or after {@link stop}. If it
 * rejects and nothing awaits it, the process ends with an unhandled rejection.
 */
export interface ProcessingRun extends Promise<ProcessingSummary>, AsyncDisposable {
  /**
   * Stops the run: no record is taken or started any more; running handlers have `drainTimeoutMs` to finish,
   * then their signals abort, and after `abandonAfterMs` the rest is left for the next run; the checkpoint is
   * saved. The stream stays open. Idempotent.
   *
   * @returns the run itself.
   */
  stop(): Promise<ProcessingSummary>
  /**
   * Starts no attempt and takes no record until {@link resume}. Running handlers finish, and checkpoints and
   * heartbeats continue.
   */
  pause(): void
  /** Continues after {@link pause}. */
  resume(): void
  /** Returns the state of the run, for readiness checks and alerts. Not meant for liveness checks. */
  health(): ProcessingHealth
  /** The same as {@link stop}, for `await using`. It does not reject: the run itself does. */
  [Symbol.asyncDispose](): Promise<void>
  /** The counters of the summary, with their present values. */
  readonly counters: ProcessingSummary
  /**
   * Adds a listener for an event. It is called after the change that the event reports, and nothing waits for
   * it. A listener that throws causes an uncaught exception.
   *
   * @returns a function that removes the listener.
   * @throws StreamError `options.invalid` if there is no event of that name.
   */
  on<Name extends keyof ProcessingEvents>(
    name: Name,
    listener: (event: ProcessingEvents[Name]) => void,
  ): Unsubscribe
}

/**
 * Processes the records of a stream: calls the handler, retries what fails, sends what is given up to a
 * destination, and checkpoints what is done. By default, the records of one item key are processed in order,
 * one at a time, and those of different keys concurrently, so a key that fails blocks only itself.
 *
 * ```ts
 * await using stream = await openStream({ tableName: 'orders', checkpoint: { store, name: 'indexer' } })
 * const run = processStream(stream, async (record) => { await index(record.keys, record.newImage) })
 * for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => run.stop())
 * await run
 * ```
 *
 * While it runs, iterating over the stream, `batches`, `moveTo` and another run reject with `stream.busy`.
 * Closing the stream, or aborting its `signal`, stops the run first. Afterwards the stream can be used again;
 * records that the run has not settled are redelivered.
 *
 * The promise rejects with
 * - `handler.failed`: a record was given up, and `onFailure` does not say what to do with it;
 * - `destination.failed`: the check of a destination has failed at the start; `options.invalid`: the SDK
 *   package of a destination is not installed;
 * - `checkpoint.conflict`: another worker has acquired the checkpoint; `checkpoint.failed`: the last
 *   checkpoint could not be saved or, with `standby`, the lease could not be renewed in time;
 * - `stream.busy`: the stream is being read already;
 * - the errors of a loop over the stream, such as `records.trimmed`. Credential and permission errors are
 *   rethrown unchanged.
 *
 * @typeParam Image - the type of the table's items.
 * @typeParam S - the type of the option `schema`, from which the types of the records follow.
 * @typeParam T - the names of the tasks, with a handler of the form `{ tasks }`.
 * @throws StreamError `options.invalid` immediately, if the handler or an option is invalid.
 */
export function processStream<
  Image = PlainItem,
  const S extends Schemas = NoSchemas,
  T extends string = string,
>(
  stream: DynamoDBStream<Image>,
  handler: Handler<RecordOf<Image, S>, T>,
  options: ProcessOptions<RecordOf<Image, NoInfer<S>>, S, T, RecordOf<Image, NoSchemas>> = {},
): ProcessingRun {
  if (!(stream instanceof DynamoDBStream)) {
    const isPromise = typeof Object(stream).then === 'function'
    const expected = `a stream that openStream has returned${isPromise ? ': await openStream(…) first' : ''}`
    throw invalidOption('stream', stream, expected, isPromise ? 'a promise' : undefined)
  }
  const work = checkHandler(handler)
  // The handler and the callbacks are called with what the schema has made of the records.
  const checked = checkProcessOptions(options, work) as unknown as CheckedOptions
  if (keepsOrder(handler)) checkRelayed(checked)
  let finish = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  let source: RecordSource
  try {
    source = stream.attach({ stop: () => void run.stop(), finished })
  } catch (error) {
    return rejectedRun(error)
  }
  if (checked.parking !== undefined && source.name === undefined) {
    source.detach()
    const expected = 'used with a stream that has a checkpoint: openStream({ checkpoint: { store, name } })'
    const details = { option: 'parking', value: options.parking, expected }
    throw new StreamError('options.invalid', `Option parking must be ${expected}.`, details)
  }
  const run = new Run(source, work, checked)
  void run.finished.then(finish)
  void run.start()
  const stop = (): Promise<ProcessingSummary> => {
    void run.stop()
    return run.result
  }
  return Object.assign(run.result, {
    stop,
    pause: () => run.pause(),
    resume: () => run.resume(),
    health: () => run.health(),
    counters: run.counters.live,
    on: <Name extends keyof ProcessingEvents>(
      name: Name,
      listener: (event: ProcessingEvents[Name]) => void,
    ) => run.events.on(name, listener),
    // The promise itself reports an error.
    [Symbol.asyncDispose]: () => run.stop(),
  })
}

/** A record that was given up while it is being sent could be overtaken by the next one of its item. */
function checkRelayed({ order, handlerTimeoutMs }: CheckedOptions): void {
  if (order === 'none') {
    throw invalidOption('order', order, "'key' or 'shard', because a relay keeps the order of each item")
  }
  if (handlerTimeoutMs !== undefined) {
    throw invalidOption(
      'handlerTimeoutMs',
      handlerTimeoutMs,
      'omitted with a relay, which has its own retries',
    )
  }
}

/** A run that could not start. */
function rejectedRun(error: unknown): ProcessingRun {
  const result = Promise.reject<ProcessingSummary>(error)
  const events = new Emitter<ProcessingEvents>(processingEventNames)
  return Object.assign(result, {
    stop: () => result,
    pause: () => {},
    resume: () => {},
    health: (): ProcessingHealth => ({
      state: 'failed',
      lastProgressAt: undefined,
      oldestUnsettledAt: undefined,
    }),
    counters: new Counters(systemClock).live,
    on: <Name extends keyof ProcessingEvents>(
      name: Name,
      listener: (event: ProcessingEvents[Name]) => void,
    ) => events.on(name, listener),
    [Symbol.asyncDispose]: async () => {},
  })
}
