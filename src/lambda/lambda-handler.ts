import { StreamError } from '../core/errors.ts'
import { checkHandler, type Handler } from '../processing/handler.ts'
import type { NoSchemas, RecordOf, Schemas } from '../processing/schema.ts'
import type { PlainItem } from '../records/stream-record.ts'
import { type CheckedLambdaOptions, checkLambdaOptions } from './check-options.ts'
import { EventSourceMappings, type MappingKey } from './event-source-mappings.ts'
import { FailureLog } from './failure-log.ts'
import { invoke } from './invocation.ts'
import type { InvokedRecord } from './invoked-record.ts'
import {
  type DynamoDBBatchResponse,
  type LambdaContext,
  type LambdaStreamEvent,
  readEvent,
  remainingMsOf,
} from './lambda-event.ts'
import { Lifetime } from './lifetime.ts'
import { MappingCheck } from './mapping-check.ts'
import type { LambdaOptions } from './options.ts'
import { RecordAttempts } from './record-attempts.ts'

/** A function for AWS Lambda. `DynamoDBStreamHandler` of `@types/aws-lambda` accepts it. */
export type LambdaStreamHandler = (
  event: LambdaStreamEvent,
  context?: LambdaContext,
) => Promise<DynamoDBBatchResponse>

/**
 * Creates a function for AWS Lambda whose event source is a DynamoDB stream. It processes the records of each
 * invocation with the same handlers as `processStream`: a failing key blocks only itself, the records of one
 * key are handled in order, and invalid or rejected records go to a destination.
 *
 * ```ts
 * import { lambdaHandler } from 'dynamodb-stream-iterator/lambda'
 *
 * export const handler = lambdaHandler(async (record) => {
 *   await index(record.keys, record.newImage)
 * })
 * ```
 *
 * **The mapping must have `FunctionResponseTypes: ['ReportBatchItemFailures']`.** Lambda ignores the response
 * otherwise, and failed records are lost: see the option `checkMapping`.
 *
 * The function returns the lowest sequence number that is not settled. Lambda invokes it again with all
 * records from there on, including those that were handled: handlers must be idempotent. `context.attempt`
 * counts the attempts within an invocation, because Lambda does not reveal others; `context.epoch` is
 * undefined, and `context.shardId` is `'unknown'`.
 *
 * It throws, so that the invocation counts as an error, if
 * - none of the records was settled (`handler.failed`, with the handler's error as its cause), unless
 *   `throwOnFullBatchFailure` is false;
 * - a record has failed, and `checkMapping` has found that Lambda would ignore the response;
 * - the event is not one of a DynamoDB stream (`TypeError`).
 *
 * It keeps no state about records between invocations, so one process can run several of them at a time.
 * Destinations stay open.
 *
 * @typeParam Image - the type of the table's items.
 * @typeParam S - the type of the option `schema`, from which the types of the records follow.
 * @typeParam T - the names of the tasks, with a handler of the form `{ tasks }`.
 * @throws StreamError `options.invalid` immediately, if the handler or an option is invalid.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 */
export function lambdaHandler<
  Image = PlainItem,
  const S extends Schemas = NoSchemas,
  T extends string = string,
>(
  handler: Handler<RecordOf<Image, S>, T>,
  options: LambdaOptions<RecordOf<Image, NoInfer<S>>, S, T, RecordOf<Image, NoSchemas>> = {},
): LambdaStreamHandler {
  const work = checkHandler(handler)
  // The handler and the callbacks are called with what the schema has made of the records.
  const checked = checkLambdaOptions(options as unknown as LambdaOptions)
  const { clock, logger, checkMapping, disableMapping } = checked
  const check = checkMapping && new MappingCheck(new EventSourceMappings(checkMapping))
  const switchable = disableMapping && new EventSourceMappings(disableMapping)

  return async (event, context) => {
    const { streamArn, records } = readEvent(event, clock.now())
    if (records.length === 0) return { batchItemFailures: [] }
    const lifetime = new Lifetime(context, checked.reserveMs, clock)
    const log = new FailureLog(logger)
    const functionArn = context?.invokedFunctionArn
    const key = { streamArn, functionArn }
    const readsResponse = check?.readsResponse(key, lifetime.remainingMs, log)
    const identity = { ...key, name: checked.name ?? context?.functionName ?? 'lambdaHandler' }
    const attempts = new RecordAttempts(work, checked, identity, lifetime, log)
    const invoked = await invoke(records, work, checked, attempts, lifetime)
    if (attempts.isFatal) await disable(switchable, key, remainingMsOf(context) / 2, log)
    return respond(invoked, checked, log, await readsResponse)
  }
}

function respond(
  invoked: readonly InvokedRecord[],
  { throwOnFullBatchFailure }: CheckedLambdaOptions,
  log: FailureLog,
  readsResponse: boolean | undefined,
): DynamoDBBatchResponse {
  const unsettled = invoked.filter(({ isSettled }) => !isSettled)
  const [first] = unsettled
  if (first === undefined) return { batchItemFailures: [] }
  const isFullFailure = unsettled.length === invoked.length
  if (log.firstReported === undefined && !isFullFailure) {
    log.warn(`The time of the invocation was over before ${unsettled.length} records were handled.`)
  }
  if (readsResponse === false || (isFullFailure && throwOnFullBatchFailure)) {
    throw failed(unsettled.length, invoked.length, first, log)
  }
  // The records of an event are in the order of their sequence numbers.
  return { batchItemFailures: [{ itemIdentifier: first.sequenceNumber }] }
}

function failed(
  unsettled: number,
  total: number,
  first: InvokedRecord,
  { firstReported }: FailureLog,
): StreamError<'handler.failed'> {
  const { record, error } = firstReported ?? { record: first, error: undefined }
  const { sequenceNumber, attempts } = record
  const why =
    firstReported === undefined
      ? 'The time of the invocation was over before.'
      : `The first failure was that of record ${sequenceNumber}.`
  return new StreamError(
    'handler.failed',
    `${unsettled} of ${total} records were not handled. ${why}`,
    { shardId: record.record.shardId, sequenceNumber, attempts },
    error,
  )
}

async function disable(
  mappings: EventSourceMappings | undefined,
  key: MappingKey,
  timeLimitMs: number,
  log: FailureLog,
): Promise<void> {
  try {
    const count = await mappings?.disable(key, timeLimitMs)
    log.warn(
      count === 0
        ? 'A failure was fatal, but no event source mapping of this function was found.'
        : 'A failure was fatal: the event source mapping is being disabled. Enable it within 24 hours, before ' +
            'records are lost.',
    )
  } catch (error) {
    log.warn('A failure was fatal, but the event source mapping could not be disabled.', error)
  }
}
