import { EventSourceMapping } from './event-source-mapping.ts'
import type { LambdaContext, LambdaStreamEvent } from './lambda-function.ts'
import { checkMapping, type EventSourceMappingOptions } from './options.ts'

/**
 * Emulates an event source mapping of AWS Lambda: reads the stream of an emulator as Lambda does, and invokes
 * a function with its records. Nothing leaves the process. Use it to test the handler of a function, and to
 * see which records Lambda would lose.
 *
 * The mapping follows Lambda in what a failure leads to: retries, splits, reported failures, the age of
 * records, and the destination. It reads the records that the emulator has stored, not over its API, so
 * hidden shards and injected faults do not affect it. Close it at the end of the test.
 *
 * @example
 * const mapping = emulateEventSourceMapping({
 *   emulator,
 *   clock,
 *   handler,
 *   MaximumRetryAttempts: 2,
 *   FunctionResponseTypes: ['ReportBatchItemFailures'],
 * })
 * await clock.run(mapping.drain())
 * console.log(mapping.invocations, mapping.discarded)
 *
 * @typeParam Event - the type of the handler's event, such as that of `@types/aws-lambda`.
 * @typeParam Context - the type of the handler's context.
 * @throws StreamError `options.invalid` for an unknown name, or a value that Lambda refuses.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
 */
export function emulateEventSourceMapping<Event = LambdaStreamEvent, Context = LambdaContext>(
  options: EventSourceMappingOptions<Event, Context>,
): EventSourceMapping {
  // The types of the handler are those of the same event and context, as another package declares them.
  return new EventSourceMapping(checkMapping(options as unknown as EventSourceMappingOptions))
}
