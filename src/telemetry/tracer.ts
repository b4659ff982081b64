import type { TelemetryAttributes } from './meter.ts'

/** Identifies a span of another service, as a `SpanContext` of OpenTelemetry does. */
export interface SpanContextLike {
  /** 32 lowercase hexadecimal digits. */
  readonly traceId: string
  /** 16 lowercase hexadecimal digits. */
  readonly spanId: string
  readonly traceFlags: number
  readonly isRemote?: boolean
}

/** A link to a span, as a `Link` of OpenTelemetry. */
export interface SpanLinkLike {
  readonly context: SpanContextLike
}

/**
 * What `traceContext` can return for a record: a span context, a link, or a string in the format of the HTTP
 * header `traceparent`. Anything else is ignored, and so are attributes of a link, because a span must not
 * contain values of an item. Source of the format: W3C Trace Context.
 */
export type TraceContext = string | SpanContextLike | SpanLinkLike

/** What a span is created with. */
export interface SpanOptionsLike {
  readonly kind?: number
  readonly root?: boolean
  readonly attributes?: TelemetryAttributes
  readonly links?: SpanLinkLike[]
}

/** The part of a `Span` of OpenTelemetry that this library uses. */
export interface SpanLike {
  setAttribute(name: string, value: string): unknown
  setStatus(status: { readonly code: number }): unknown
  end(): void
}

/**
 * The part of a `Tracer` of OpenTelemetry that this library uses. Each `Tracer` of `@opentelemetry/api` 1.9
 * has it, such as `trace.getTracer('my-worker')`.
 */
export interface TracerLike {
  startSpan(name: string, options?: SpanOptionsLike): SpanLike
  /** Without it, the handler does not run in the context of its span. */
  startActiveSpan?<Result>(name: string, options: SpanOptionsLike, run: (span: SpanLike) => Result): Result
}
