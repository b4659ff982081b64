import { metrics, trace } from '@opentelemetry/api'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { describe, expect, it } from 'vitest'
import { StreamError } from '../../../src/index.ts'
import { type CheckedOptions, checkProcessOptions } from '../../../src/processing/check-options.ts'
import { checkHandler } from '../../../src/processing/handler.ts'
import type { ProcessOptions } from '../../../src/processing/options.ts'

const check = (options: object): CheckedOptions =>
  checkProcessOptions(
    options as ProcessOptions,
    checkHandler(() => {}),
  ) as CheckedOptions

function messageOf(options: object): string {
  try {
    check(options)
  } catch (error) {
    if (error instanceof StreamError && error.code === 'options.invalid') return error.message
    throw error
  }
  throw new Error('The options were accepted.')
}

const meter = new MeterProvider().getMeter('test')
const tracer = new BasicTracerProvider().getTracer('test')

describe('the options meter and tracer', () => {
  it('accept the meters and tracers of the SDK and of the API, with which nothing is exported', () => {
    expect(check({ meter, tracer })).toMatchObject({ meter, tracer })
    const unregistered = { meter: metrics.getMeter('test'), tracer: trace.getTracer('test') }
    expect(check(unregistered)).toMatchObject(unregistered)
    expect(check({})).toMatchObject({ meter: undefined, tracer: undefined, traceContext: undefined })
  })

  it('refuse the API or a provider in place of a meter, and show how to get one', () => {
    const expected =
      "Option meter is the metrics API or a MeterProvider, but must be a Meter, such as metrics.getMeter('my-worker')."
    expect(messageOf({ meter: metrics })).toBe(expected)
    expect(messageOf({ meter: new MeterProvider() })).toBe(expected)
  })

  it('refuse the API or a provider in place of a tracer, and show how to get one', () => {
    const expected =
      "Option tracer is the trace API or a TracerProvider, but must be a Tracer, such as trace.getTracer('my-worker')."
    expect(messageOf({ tracer: trace })).toBe(expected)
    expect(messageOf({ tracer: new BasicTracerProvider() })).toBe(expected)
  })

  it('refuse a meter and a tracer that were swapped', () => {
    expect(messageOf({ meter: tracer })).toMatch(/^Option meter is a Tracer, /)
    expect(messageOf({ tracer: meter })).toMatch(/^Option tracer is a Meter, /)
  })

  it.each([
    ['meter', { meter: null }],
    ['meter', { meter: true }],
    ['meter', { meter: () => meter }],
    ['tracer', { tracer: null }],
    ['tracer', { tracer: 'my-worker' }],
    ['traceContext', { traceContext: 'traceparent' }],
    ['traceContext', { traceContext: null }],
  ])('refuse any other value of %s before the run starts: %j', (option, options) => {
    expect(messageOf(options)).toMatch(new RegExp(`^Option ${option} is `))
  })
})
