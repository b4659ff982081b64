import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { describe, expect, it } from 'vitest'
import type { TracerLike } from '../../../src/index.ts'
import { runAttributes } from '../../../src/telemetry/conventions.ts'
import { type AttemptedRecord, Spans } from '../../../src/telemetry/spans.ts'
import { ManualClock } from '../../../src/testing/index.ts'
import { exportedJson, recordTraces } from '../../support/traces.ts'
import { recordOf } from '../processing/run-subject.ts'

const clock = new ManualClock()
const attributes = runAttributes('orders', 'indexer')
const attempted = (n: number, attempt = 1): AttemptedRecord => ({ record: recordOf(n, clock), attempt })

describe('the spans of a run', () => {
  it('have the name, kind and attributes of the messaging conventions', () => {
    using traces = recordTraces()
    const spans = new Spans(traces.tracer, 'orders', attributes, undefined)
    const { span } = spans.start([attempted(1, 3)], () => undefined)
    spans.end(span as NonNullable<typeof span>, undefined)
    const [exported] = traces.spans
    const { record } = attempted(1)
    expect(exported).toMatchObject({ name: 'process orders', kind: SpanKind.CONSUMER, links: [] })
    expect(exported?.status).toEqual({ code: SpanStatusCode.UNSET })
    expect(exported?.attributes).toEqual({
      'messaging.system': 'aws_dynamodb_streams',
      'messaging.destination.name': 'orders',
      'messaging.consumer.group.name': 'indexer',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.partition.id': record.shardId,
      'messaging.message.id': record.eventId,
      'dynamodb_stream.sequence_number': record.sequenceNumber,
      'dynamodb_stream.attempt': 3,
    })
  })

  it('of a batch have the number of its records, and links to the contexts of all of them', () => {
    using traces = recordTraces()
    const ids = ['1', '2', '3'].map((digit) => digit.repeat(16))
    let next = 0
    const spans = new Spans(traces.tracer, 'orders', attributes, () => ({
      traceId: 'a'.repeat(32),
      spanId: ids[next++] ?? '',
      traceFlags: 1,
    }))
    const { span } = spans.start([attempted(1), attempted(2), attempted(3)], () => undefined)
    spans.end(span as NonNullable<typeof span>, undefined)
    const [exported] = traces.spans
    expect(exported?.attributes['messaging.batch.message_count']).toBe(3)
    expect(exported?.attributes).not.toHaveProperty('messaging.message.id')
    expect(exported?.links.map(({ context: { spanId } }) => spanId)).toEqual(ids)
    expect(exported?.parentSpanContext).toBeUndefined()
  })

  it('are active in the call, and the root of a trace even if the run was started within a span', async () => {
    using traces = recordTraces()
    const spans = new Spans(traces.tracer, 'orders', attributes, undefined)
    await traces.tracer.startActiveSpan('start of the worker', async (outer) => {
      const { span, result } = spans.start([attempted(1)], async () => {
        await Promise.resolve()
        const active = trace.getSpan(context.active())
        traces.tracer.startSpan('write to the database').end()
        return active?.spanContext().spanId
      })
      expect(trace.getSpan(context.active())).toBe(outer)
      const inner = await result
      spans.end(span as NonNullable<typeof span>, undefined)
      outer.end()
      const [child, process] = traces.spans
      expect(inner).toBe(process?.spanContext().spanId)
      expect(child?.parentSpanContext?.spanId).toBe(inner)
      expect(process?.parentSpanContext).toBeUndefined()
      expect(process?.spanContext().traceId).not.toBe(outer.spanContext().traceId)
    })
  })

  it('of a failed call have the type of the error and its status, but neither its message nor an event', () => {
    using traces = recordTraces()
    const spans = new Spans(traces.tracer, 'orders', attributes, undefined)
    const { span } = spans.start([attempted(1)], () => undefined)
    spans.end(span as NonNullable<typeof span>, 'TimeoutError')
    const [exported] = traces.spans
    expect(exported?.status).toEqual({ code: SpanStatusCode.ERROR })
    expect(exported?.attributes['error.type']).toBe('TimeoutError')
    expect(exported?.events).toEqual([])
  })

  it('that are open at the end of the run are ended, once, and a late result changes nothing', () => {
    using traces = recordTraces()
    const spans = new Spans(traces.tracer, 'orders', attributes, undefined)
    const { span } = spans.start([attempted(1)], () => undefined)
    spans.close('Abandoned')
    spans.end(span as NonNullable<typeof span>, undefined)
    spans.close('Abandoned')
    expect(traces.spans.map((ended) => ended.attributes['error.type'])).toEqual(['Abandoned'])
  })

  it('contain nothing that traceContext returns besides ids', () => {
    using traces = recordTraces()
    const link = {
      context: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, traceState: 'canary' },
      attributes: { secret: 'canary' },
    }
    const spans = new Spans(traces.tracer, 'orders', attributes, () => [link, 'canary'])
    const { span } = spans.start([attempted(1)], () => undefined)
    spans.end(span as NonNullable<typeof span>, undefined)
    expect(traces.spans[0]?.links).toHaveLength(1)
    expect(exportedJson(traces.spans[0] as (typeof traces.spans)[0])).not.toContain('canary')
  })
})

describe('a tracer', () => {
  const trap = (): never => {
    throw new Error('broken tracer')
  }

  it('without startActiveSpan still has spans, outside of whose context the call runs', () => {
    using traces = recordTraces()
    const tracer: TracerLike = { startSpan: (name, options) => traces.tracer.startSpan(name, options) }
    const spans = new Spans(tracer, 'orders', attributes, undefined)
    const { span, result } = spans.start([attempted(1)], () => trace.getSpan(context.active()))
    spans.end(span as NonNullable<typeof span>, undefined)
    expect(result).toBeUndefined()
    expect(traces.spans).toHaveLength(1)
  })

  it.each<[string, TracerLike]>([
    ['throws before it calls the function', { startSpan: trap, startActiveSpan: trap }],
    ['never calls the function', { startSpan: trap, startActiveSpan: () => undefined as never }],
    [
      'throws after it has called the function',
      {
        startSpan: trap,
        startActiveSpan: (_name, _options, run) => {
          run({ setAttribute: trap, setStatus: trap, end: trap })
          return trap()
        },
      },
    ],
    [
      'calls the function twice',
      {
        startSpan: trap,
        startActiveSpan: (_name, _options, run) => {
          run({ setAttribute: trap, setStatus: trap, end: trap })
          return run({ setAttribute: trap, setStatus: trap, end: trap })
        },
      },
    ],
    ['has only startSpan, which throws', { startSpan: trap }],
  ])('that %s does not affect the call, which is made once', (_, tracer) => {
    const spans = new Spans(tracer, 'orders', attributes, undefined)
    let calls = 0
    const { result, span } = spans.start([attempted(1)], () => ++calls)
    expect([result, calls]).toEqual([1, 1])
    if (span !== undefined) spans.end(span, 'Error')
    spans.close('Abandoned')
  })

  it('does not see an error of the call twice: the caller does', () => {
    const spans = new Spans(
      { startSpan: trap, startActiveSpan: (_n, _o, run) => run({} as never) },
      'o',
      {},
      undefined,
    )
    let calls = 0
    const failing = () => {
      calls++
      throw new Error('defect')
    }
    expect(() => spans.start([attempted(1)], failing)).toThrow('defect')
    expect(calls).toBe(1)
  })
})
