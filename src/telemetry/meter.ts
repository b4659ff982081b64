/** Attributes of a measurement or of a span. They never contain values of items. */
export interface TelemetryAttributes {
  readonly [name: string]: string | number | boolean
}

/** What a metric is created with. */
export interface MetricOptionsLike {
  readonly description?: string
  /** The unit in the notation of UCUM, such as `s`. */
  readonly unit?: string
  readonly advice?: { explicitBucketBoundaries?: number[] }
}

/** The part of a `Counter` of OpenTelemetry that this library uses. An `UpDownCounter` has it, too. */
export interface CounterLike {
  add(value: number, attributes?: TelemetryAttributes): void
}

/** The part of a `Histogram` of OpenTelemetry that this library uses. */
export interface HistogramLike {
  record(value: number, attributes?: TelemetryAttributes): void
}

/** The part of an `ObservableResult` of OpenTelemetry that this library uses. */
export interface ObservableResultLike {
  observe(value: number, attributes?: TelemetryAttributes): void
}

/** The part of an `ObservableGauge` of OpenTelemetry that this library uses. */
export interface ObservableGaugeLike {
  addCallback(callback: (result: ObservableResultLike) => void): void
  removeCallback(callback: (result: ObservableResultLike) => void): void
}

/**
 * The part of a `Meter` of OpenTelemetry that this library uses. Each `Meter` of `@opentelemetry/api` 1.9 has
 * it, such as `metrics.getMeter('my-worker')`.
 */
export interface MeterLike {
  createCounter(name: string, options?: MetricOptionsLike): CounterLike
  createUpDownCounter(name: string, options?: MetricOptionsLike): CounterLike
  createHistogram(name: string, options?: MetricOptionsLike): HistogramLike
  createObservableGauge(name: string, options?: MetricOptionsLike): ObservableGaugeLike
}
