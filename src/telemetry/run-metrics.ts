import { attributeNames, DURATION_BUCKETS, PROCESS } from './conventions.ts'
import { ErrorTypes } from './error-type.ts'
import { guard } from './guard.ts'
import type {
  CounterLike,
  HistogramLike,
  MeterLike,
  ObservableGaugeLike,
  ObservableResultLike,
  TelemetryAttributes,
} from './meter.ts'
import { ages, counters, duration, levels, type ReadMetricDefinition } from './metric-definitions.ts'
import type { MetricReadings } from './readings.ts'

/** How many error types have a time series of `messaging.process.duration`. */
const MAX_ERROR_TYPES = 30

/** A time series of a counter, and the value that was reported last. */
interface ReportedSeries {
  readonly instrument: CounterLike
  readonly attributes: TelemetryAttributes
  read(readings: MetricReadings): number
  reported: number | undefined
}

/** An instrument whose callback must be removed at the end of the run. */
interface Observed {
  readonly gauge: ObservableGaugeLike
  readonly callback: (result: ObservableResultLike) => void
}

/**
 * The metrics of one run. Nothing is done per record: whenever the metrics are collected, the callback of an
 * observable gauge reads the counters of the run and adds what is new since the last time. What is left is
 * added when the run ends. Counters that were observable themselves would lose that, because their callbacks
 * are removed at the end, and two runs with the same attributes would overwrite each other's values.
 */
export class RunMetrics {
  readonly #readings: MetricReadings
  readonly #attributes: TelemetryAttributes
  readonly #callAttributes: TelemetryAttributes
  readonly #counters: readonly ReportedSeries[]
  readonly #levels: readonly ReportedSeries[]
  readonly #observed: readonly Observed[]
  readonly #duration: HistogramLike | undefined
  readonly #errorTypes = new ErrorTypes(MAX_ERROR_TYPES)

  constructor(meter: MeterLike, attributes: TelemetryAttributes, readings: MetricReadings) {
    this.#readings = readings
    this.#attributes = attributes
    this.#callAttributes = { ...attributes, [attributeNames.operationName]: PROCESS }
    this.#counters = this.#createSeries(counters, (name, options) => meter.createCounter(name, options))
    this.#levels = this.#createSeries(levels, (name, options) => meter.createUpDownCounter(name, options))
    this.#duration = guard(() =>
      meter.createHistogram(duration.name, {
        unit: duration.unit,
        description: duration.description,
        advice: { explicitBucketBoundaries: [...DURATION_BUCKETS] },
      }),
    )
    this.#report()
    this.#observed = ages.flatMap((definition) => this.#observe(meter, definition))
  }

  /** A handler call has ended. `errorType` is undefined if it has succeeded. */
  callEnded(seconds: number, errorType: string | undefined): void {
    const attributes =
      errorType === undefined
        ? this.#callAttributes
        : { ...this.#callAttributes, [attributeNames.errorType]: this.#errorTypes.limit(errorType) }
    guard(() => this.#duration?.record(seconds, attributes))
  }

  /** Reports the final counts, sets the levels to 0, and removes every callback. */
  close(): void {
    for (const { gauge, callback } of this.#observed) guard(() => gauge.removeCallback(callback))
    this.#report()
    for (const series of this.#levels) guard(() => add(series, 0))
  }

  #report(): void {
    for (const series of [...this.#counters, ...this.#levels]) {
      guard(() => add(series, series.read(this.#readings)))
    }
  }

  #createSeries(
    definitions: readonly ReadMetricDefinition[],
    create: (name: string, options: { unit: string; description: string }) => CounterLike,
  ): ReportedSeries[] {
    return definitions.flatMap(({ name, unit, description, series }) => {
      const instrument = guard(() => create(name, { unit, description }))
      if (instrument === undefined) return []
      return series.map(({ attributes, read }) => ({
        instrument,
        attributes: { ...this.#attributes, ...attributes },
        read,
        reported: undefined,
      }))
    })
  }

  /** Observes an age; with it, everything else is reported. */
  #observe(meter: MeterLike, { name, unit, description, series }: ReadMetricDefinition): Observed[] {
    const gauge = guard(() => meter.createObservableGauge(name, { unit, description }))
    if (gauge === undefined) return []
    const callback = (result: ObservableResultLike): void => {
      this.#report()
      for (const { attributes, read } of series) {
        guard(() => result.observe(read(this.#readings), { ...this.#attributes, ...attributes }))
      }
    }
    guard(() => gauge.addCallback(callback))
    return [{ gauge, callback }]
  }
}

/** Adds the difference to the value that was reported last. The first time, that creates the time series. */
function add(series: ReportedSeries, value: number): void {
  const difference = value - (series.reported ?? 0)
  if (difference === 0 && series.reported !== undefined) return
  series.reported = value
  series.instrument.add(difference, series.attributes)
}
