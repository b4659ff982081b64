import { formatValue, invalidOption } from '../core/options.ts'
import type { MeterLike } from './meter.ts'
import type { TracerLike } from './tracer.ts'

const METER_METHODS = ['createCounter', 'createUpDownCounter', 'createHistogram', 'createObservableGauge']

/** @throws StreamError `options.invalid` */
export function checkMeter(meter: MeterLike | undefined): MeterLike | undefined {
  if (meter === undefined || hasMethods(meter, METER_METHODS)) return meter
  const value = hasMethods(meter, ['getMeter'])
    ? 'the metrics API or a MeterProvider'
    : describe(meter, ['startSpan'], 'a Tracer')
  throw invalidOption('meter', meter, "a Meter, such as metrics.getMeter('my-worker')", value)
}

/** @throws StreamError `options.invalid` */
export function checkTracer(tracer: TracerLike | undefined): TracerLike | undefined {
  if (tracer === undefined || hasMethods(tracer, ['startSpan'])) return tracer
  const value = hasMethods(tracer, ['getTracer'])
    ? 'the trace API or a TracerProvider'
    : describe(tracer, METER_METHODS, 'a Meter')
  throw invalidOption('tracer', tracer, "a Tracer, such as trace.getTracer('my-worker')", value)
}

function describe(value: unknown, methods: readonly string[], name: string): string {
  return hasMethods(value, methods) ? name : formatValue(value)
}

function hasMethods(value: unknown, methods: readonly string[]): boolean {
  return methods.every((method) => typeof Object(value)[method] === 'function')
}
