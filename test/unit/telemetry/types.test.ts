import type { Link, Meter, SpanContext, Tracer } from '@opentelemetry/api'
import type { MeterProvider } from '@opentelemetry/sdk-metrics'
import { describe, expectTypeOf, it } from 'vitest'
import type { MeterLike, ProcessOptions, TraceContext, TracerLike } from '../../../src/index.ts'

describe('the types of telemetry', () => {
  it('a Meter and a Tracer of @opentelemetry/api can be passed, and so can what a provider returns', () => {
    expectTypeOf<Meter>().toExtend<MeterLike>()
    expectTypeOf<ReturnType<MeterProvider['getMeter']>>().toExtend<MeterLike>()
    expectTypeOf<Tracer>().toExtend<TracerLike>()
    const options = (meter: Meter, tracer: Tracer): ProcessOptions => ({ meter, tracer })
    expectTypeOf(options).returns.toExtend<ProcessOptions>()
  })

  it('traceContext can return a SpanContext, a Link, a string, several of them, or nothing', () => {
    expectTypeOf<SpanContext>().toExtend<TraceContext>()
    expectTypeOf<Link>().toExtend<TraceContext>()
    const several = (context: SpanContext, link: Link): ProcessOptions => ({
      traceContext: () => [context, link, 'traceparent'],
    })
    const nothing: ProcessOptions = { traceContext: () => undefined }
    expectTypeOf([several, nothing]).toBeArray()
  })

  it('a MeterProvider, and the wrong one of meter and tracer, do not compile', () => {
    const provider = (meter: MeterProvider): ProcessOptions => ({
      // @ts-expect-error: a provider is not a meter
      meter,
    })
    const swapped = (meter: Meter, tracer: Tracer): ProcessOptions => ({
      // @ts-expect-error: a tracer is not a meter
      meter: tracer,
      // @ts-expect-error: a meter is not a tracer
      tracer: meter,
    })
    expectTypeOf([provider, swapped]).toBeArray()
  })
})
