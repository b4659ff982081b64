import { describe, expect, it } from 'vitest'
import { linksOf } from '../../../src/telemetry/links.ts'
import type { TraceContext } from '../../../src/telemetry/tracer.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'
const context = { traceId, spanId, traceFlags: 1 }
const expected = { context: { ...context, isRemote: true } }

const linksFrom = (value: unknown) => linksOf([value], (item) => item as TraceContext)

describe('the links of a span', () => {
  it('are read from a span context, a link, a traceparent, and a list of them', () => {
    expect(linksFrom(context)).toEqual([expected])
    expect(linksFrom({ context })).toEqual([expected])
    expect(linksFrom(`00-${traceId}-${spanId}-01`)).toEqual([expected])
    expect(linksFrom(`01-${traceId}-${spanId}-01-what-a-later-version-appends`)).toEqual([expected])
    expect(linksFrom([context, undefined, `00-${traceId}-${spanId}-00`])).toEqual([
      expected,
      { context: { ...expected.context, traceFlags: 0 } },
    ])
  })

  it('contain only ids and flags, not the attributes or the trace state, which can contain values of an item', () => {
    const link = {
      context: { ...context, traceState: 'canary', secret: 'canary' },
      attributes: { secret: 'canary' },
    }
    expect(linksFrom(link)).toEqual([expected])
  })

  it.each([
    [undefined],
    [null],
    ['canary'],
    [42],
    [{}],
    [{ ...context, traceId: 'canary' }],
    [{ ...context, spanId: 'canary' }],
    [{ ...context, traceId: '0'.repeat(32) }],
    [{ ...context, spanId: '0'.repeat(16) }],
    [{ ...context, traceId: traceId.toUpperCase() }],
    [`00-${traceId}-${spanId}`],
    [`ff-${traceId}-${spanId}-01`],
    [`00-${'0'.repeat(32)}-${spanId}-01`],
    [`00-${traceId}-${spanId}-01\ncanary`],
  ])('do not include what is not a span context: %j', (value) => {
    expect(linksFrom(value)).toEqual([])
  })

  it('do not include an object that cannot be read', () => {
    const trap = () => {
      throw new Error('trap')
    }
    expect(linksFrom(new Proxy({}, { get: trap }))).toEqual([])
    expect(linksFrom([new Proxy({}, { get: trap }), context])).toEqual([expected])
  })

  it('do not include a promise, and its rejection does not end the process', async () => {
    const rejected = Promise.reject(new Error('broken'))
    expect(linksFrom(rejected)).toEqual([])
    // An unhandled rejection would fail the test run.
    await new Promise(setImmediate)
  })

  it('of other records are kept if the function throws for one record', () => {
    const links = linksOf([1, 2, 3], (item) => {
      if (item === 2) throw new Error('broken')
      return context
    })
    expect(links).toHaveLength(2)
  })

  it('are limited to 128, and the function is not called for further records', () => {
    let calls = 0
    const links = linksOf(Array.from({ length: 1_000 }), () => {
      calls++
      return context
    })
    expect(links).toHaveLength(128)
    expect(calls).toBeLessThan(130)
  })

  it('have flags of one byte, and none if they are not a number', () => {
    const flagsOf = (traceFlags: unknown) => linksFrom({ ...context, traceFlags })[0]?.context.traceFlags
    expect([flagsOf(undefined), flagsOf('canary'), flagsOf(0x1ff), flagsOf(1.5)]).toEqual([0, 0, 0xff, 0])
  })
})
