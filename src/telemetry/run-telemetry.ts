import type { Clock } from '../core/clock.ts'
import { runAttributes } from './conventions.ts'
import type { MeterLike } from './meter.ts'
import type { MetricReadings, RunReadings } from './readings.ts'
import { RunMetrics } from './run-metrics.ts'
import { type AttemptedRecord, Spans, type TraceContextOf } from './spans.ts'
import type { SpanLike, TracerLike } from './tracer.ts'

export interface RunTelemetryOptions {
  readonly meter: MeterLike | undefined
  readonly tracer: TracerLike | undefined
  readonly traceContext: TraceContextOf | undefined
  /** The name of the table. */
  readonly table: string
  /** The name of the run. */
  readonly name: string
  readonly clock: Clock
  readonly readings: RunReadings
}

/** How a handler call has ended. */
export interface CallResult {
  /** The number of its records whose attempt has not succeeded. */
  readonly failed: number
  /** Undefined if none has failed. */
  readonly errorType: string | undefined
}

/** The `error.type` of a call that is still running when the run ends. */
const ABANDONED = 'Abandoned'

/** The metrics and spans of one run. Whatever a meter or tracer throws is ignored. */
export class RunTelemetry {
  readonly #clock: Clock
  readonly #metrics: RunMetrics | undefined
  readonly #spans: Spans | undefined
  #failedAttempts = 0
  #destinationFailures = 0
  #isClosed = false

  constructor({ meter, tracer, traceContext, table, name, clock, readings }: RunTelemetryOptions) {
    const attributes = runAttributes(table, name)
    this.#clock = clock
    this.#metrics = meter && new RunMetrics(meter, attributes, this.#readingsOf(readings))
    this.#spans = tracer && new Spans(tracer, table, attributes, traceContext)
  }

  /** Calls a handler, with a span around it, and reports how the call has ended. `call` must not reject. */
  observe<Outcome>(
    records: readonly AttemptedRecord[],
    call: () => Promise<Outcome>,
    resultOf: (outcome: Outcome) => CallResult,
  ): Promise<Outcome> {
    const startedAt = this.#clock.monotonic()
    const { result: pending, span } = this.#spans?.start(records, call) ?? { result: call(), span: undefined }
    void this.#report(pending, resultOf, startedAt, span)
    return pending
  }

  /** An attempt has failed without a call of the handler. */
  attemptFailed(): void {
    this.#failedAttempts++
  }

  /** A destination has not accepted a dead letter. */
  destinationFailed(): void {
    this.#destinationFailures++
  }

  /** The run has ended: nothing is reported any more, and no callback is left. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#metrics?.close()
    this.#spans?.close(ABANDONED)
  }

  #readingsOf(run: RunReadings): MetricReadings {
    const self = this
    return {
      run,
      get failedAttempts() {
        return self.#failedAttempts
      },
      get destinationFailures() {
        return self.#destinationFailures
      },
    }
  }

  async #report<Outcome>(
    pending: Promise<Outcome>,
    resultOf: (outcome: Outcome) => CallResult,
    startedAt: number,
    span: SpanLike | undefined,
  ): Promise<void> {
    const { failed, errorType } = resultOf(await pending)
    if (this.#isClosed) return
    this.#failedAttempts += failed
    this.#metrics?.callEnded((this.#clock.monotonic() - startedAt) / 1_000, errorType)
    if (span !== undefined) this.#spans?.end(span, errorType)
  }
}
