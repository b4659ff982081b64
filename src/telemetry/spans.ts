import type { StreamRecord } from '../records/stream-record.ts'
import { attributeNames, PROCESS } from './conventions.ts'
import { guard } from './guard.ts'
import { linksOf } from './links.ts'
import type { TelemetryAttributes } from './meter.ts'
import type { SpanLike, SpanLinkLike, SpanOptionsLike, TraceContext, TracerLike } from './tracer.ts'

/** `SpanKind.CONSUMER` and `SpanStatusCode.ERROR` of OpenTelemetry. */
const CONSUMER = 4
const ERROR = 2

/** A record of a handler call. */
export interface AttemptedRecord {
  readonly record: StreamRecord
  /** The number of the attempt, from 1. */
  readonly attempt: number
}

/** Returns the span contexts that a record contains. */
export type TraceContextOf = (record: StreamRecord) => TraceContext | readonly TraceContext[] | undefined

/**
 * The spans of a run: one for each handler call. Each is the root of a trace of its own, because a run never
 * ends and records are processed long after they were written. It links to the spans found in its records.
 */
export class Spans {
  readonly #tracer: TracerLike
  readonly #name: string
  readonly #attributes: TelemetryAttributes
  readonly #traceContext: TraceContextOf | undefined
  readonly #open = new Set<SpanLike>()

  constructor(
    tracer: TracerLike,
    table: string,
    attributes: TelemetryAttributes,
    traceContext: TraceContextOf | undefined,
  ) {
    const { operationName, operationType } = attributeNames
    this.#tracer = tracer
    this.#name = `${PROCESS} ${table}`
    this.#attributes = { ...attributes, [operationName]: PROCESS, [operationType]: PROCESS }
    this.#traceContext = traceContext
  }

  /**
   * Starts a span, and calls `call` in its context. `call` is called exactly once, whatever the tracer does.
   *
   * @returns what `call` returns, and the span, if the tracer has created one.
   */
  start<Result>(
    records: readonly AttemptedRecord[],
    call: () => Result,
  ): { readonly result: Result; readonly span: SpanLike | undefined } {
    const callOnce = once(call)
    const started: { span?: SpanLike } = {}
    guard(() => {
      const options = this.#optionsFor(records)
      if (typeof this.#tracer.startActiveSpan !== 'function') {
        started.span = this.#tracer.startSpan(this.#name, options)
        return
      }
      this.#tracer.startActiveSpan(this.#name, options, (span) => {
        started.span = span
        callOnce()
      })
    })
    const { span } = started
    if (span !== undefined) this.#open.add(span)
    return { result: callOnce(), span }
  }

  /** Ends a span, unless it has ended. `errorType` is undefined if the call has succeeded. */
  end(span: SpanLike, errorType: string | undefined): void {
    if (!this.#open.delete(span)) return
    guard(() => {
      if (errorType === undefined) return
      // Without a message, which can contain values of an item.
      span.setStatus({ code: ERROR })
      span.setAttribute(attributeNames.errorType, errorType)
    })
    guard(() => span.end())
  }

  /** Ends the spans of the calls that were abandoned: a span that never ends would not be exported. */
  close(errorType: string): void {
    for (const span of [...this.#open]) this.end(span, errorType)
  }

  #optionsFor(records: readonly AttemptedRecord[]): SpanOptionsLike {
    return {
      kind: CONSUMER,
      root: true,
      attributes: { ...this.#attributes, ...attributesOf(records) },
      links: this.#linksFor(records),
    }
  }

  #linksFor(records: readonly AttemptedRecord[]): SpanLinkLike[] {
    const traceContext = this.#traceContext
    return traceContext === undefined ? [] : linksOf(records, ({ record }) => traceContext(record))
  }
}

function attributesOf(records: readonly AttemptedRecord[]): TelemetryAttributes {
  const { partition, messageId, messageCount } = attributeNames
  const [first] = records
  if (first === undefined) return {}
  const { record, attempt } = first
  if (records.length > 1) return { [partition]: record.shardId, [messageCount]: records.length }
  return {
    [partition]: record.shardId,
    [messageId]: record.eventId,
    'dynamodb_stream.sequence_number': record.sequenceNumber,
    'dynamodb_stream.attempt': attempt,
  }
}

/** Returns a function that calls `call` the first time, and returns or throws the same after that. */
function once<Result>(call: () => Result): () => Result {
  let outcome: { readonly result: Result } | { readonly error: unknown } | undefined
  return () => {
    outcome ??= settle(call)
    if ('error' in outcome) throw outcome.error
    return outcome.result
  }
}

function settle<Result>(call: () => Result): { readonly result: Result } | { readonly error: unknown } {
  try {
    return { result: call() }
  } catch (error) {
    return { error }
  }
}
