import {
  AggregationTemporality,
  type DataPoint,
  MeterProvider,
  MetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import { describe, expect, it } from 'vitest'
import type { MeterLike } from '../../../src/index.ts'
import { runAttributes } from '../../../src/telemetry/conventions.ts'
import { ages, counters, duration, levels } from '../../../src/telemetry/metric-definitions.ts'
import type { MetricReadings, RunReadings } from '../../../src/telemetry/readings.ts'
import { RunMetrics } from '../../../src/telemetry/run-metrics.ts'

class TestReader extends MetricReader {
  async onShutdown(): Promise<void> {}
  async onForceFlush(): Promise<void> {}
}

function meterWith(temporality = AggregationTemporality.CUMULATIVE) {
  const reader = new TestReader({ aggregationTemporalitySelector: () => temporality })
  const provider = new MeterProvider({ readers: [reader] })
  return {
    meter: provider.getMeter('test') as MeterLike,
    collect: async () => pointsOf((await reader.collect()).resourceMetrics),
  }
}

/** Returns all data points, by the name of the metric and the attributes that differ. */
function pointsOf({ scopeMetrics }: ResourceMetrics): Map<string, DataPoint<unknown>['value']> {
  const points = new Map<string, DataPoint<unknown>['value']>()
  for (const { descriptor, dataPoints } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
    for (const { attributes, value } of dataPoints) {
      const differing = Object.entries(attributes).filter(([name]) => !name.startsWith('messaging.'))
      const id = [descriptor.name, ...differing.map((entry) => entry.join('='))].join(' ')
      expect(points.has(id), `${id} is exported once`).toBe(false)
      points.set(id, value)
    }
  }
  return points
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] extends object ? Mutable<T[Key]> : T[Key] }

function readings(): Mutable<MetricReadings> {
  const deadLettered = { exhausted: 0, aged: 0, rejected: 0, invalid: 0, workerLost: 0 }
  return {
    run: {
      counts: {
        records: 0,
        handled: 0,
        filtered: 0,
        deadLettered,
        discarded: 0,
        parked: 0,
        lost: 0,
        attempts: 0,
        retries: 0,
      },
      saves: { saved: 0, failed: 0 },
      parked: { parkedKeys: 0, parkedRecords: 0 },
      unsettled: 0,
      isStalled: false,
      lagMs: 0,
      oldestUnsettledMs: 0,
    },
    failedAttempts: 0,
    destinationFailures: 0,
  }
}

const attributes = runAttributes('orders', 'worker')

const allNames = [...counters, ...levels, ...ages].map(({ name }) => name)

describe('the metrics of a run', () => {
  it('all exist from the start with the value 0, so that the first increase is seen as one', async () => {
    const { meter, collect } = meterWith()
    const metrics = new RunMetrics(meter, attributes, readings())
    const points = await collect()
    expect([...points.values()]).toEqual([...points.values()].map(() => 0))
    const series = [...counters, ...levels, ...ages].flatMap(({ series }) => series)
    expect(points.size).toBe(series.length)
    metrics.close()
  })

  it('are those of the run at the moment when they are collected', async () => {
    const { meter, collect } = meterWith()
    const at = readings()
    const metrics = new RunMetrics(meter, attributes, at)
    at.run.counts = {
      records: 30,
      handled: 1,
      filtered: 2,
      deadLettered: { exhausted: 3, aged: 4, rejected: 5, invalid: 6, workerLost: 7 },
      discarded: 8,
      parked: 9,
      lost: 10,
      attempts: 11,
      retries: 12,
    }
    at.run.saves = { saved: 13, failed: 14 }
    at.run.parked = { parkedKeys: 15, parkedRecords: 16 }
    at.run.unsettled = 17
    at.run.isStalled = true
    at.run.lagMs = 18_500
    at.run.oldestUnsettledMs = 19_250
    at.failedAttempts = 20
    at.destinationFailures = 21
    expect(Object.fromEntries(await collect())).toEqual({
      'messaging.client.consumed.messages': 30,
      'dynamodb_stream.records fate=handled': 1,
      'dynamodb_stream.records fate=filtered': 2,
      'dynamodb_stream.records fate=deadLettered reason=exhausted': 3,
      'dynamodb_stream.records fate=deadLettered reason=aged': 4,
      'dynamodb_stream.records fate=deadLettered reason=rejected': 5,
      'dynamodb_stream.records fate=deadLettered reason=invalid': 6,
      'dynamodb_stream.records fate=deadLettered reason=workerLost': 7,
      'dynamodb_stream.records fate=discarded': 8,
      'dynamodb_stream.records fate=parked': 9,
      'dynamodb_stream.records fate=lost': 10,
      'dynamodb_stream.attempts': 11,
      'dynamodb_stream.retries': 12,
      'dynamodb_stream.checkpoint.saves outcome=saved': 13,
      'dynamodb_stream.checkpoint.saves outcome=failed': 14,
      'dynamodb_stream.parked.keys': 15,
      'dynamodb_stream.parked.records': 16,
      'dynamodb_stream.unsettled': 17,
      'dynamodb_stream.stalled': 1,
      'dynamodb_stream.lag': 18.5,
      'dynamodb_stream.oldest_unsettled.age': 19.25,
      'dynamodb_stream.failed_attempts': 20,
      'dynamodb_stream.destination.failures': 21,
    })
    at.run.unsettled = 4
    at.run.isStalled = false
    at.run.lagMs = 0
    const later = await collect()
    expect(later.get('dynamodb_stream.unsettled')).toBe(4)
    expect(later.get('dynamodb_stream.stalled')).toBe(0)
    expect(later.get('dynamodb_stream.lag')).toBe(0)
    expect(later.get('dynamodb_stream.attempts')).toBe(11)
    metrics.close()
  })

  it('include what was counted after the last collection, and the levels are 0 after the end', async () => {
    const { meter, collect } = meterWith()
    const at = readings()
    const metrics = new RunMetrics(meter, attributes, at)
    at.run.isStalled = true
    at.run.unsettled = 9
    at.run.counts.handled = 5
    await collect()
    at.run.counts.handled = 8
    metrics.close()
    const points = await collect()
    expect(points.get('dynamodb_stream.records fate=handled')).toBe(8)
    expect(points.get('dynamodb_stream.unsettled')).toBe(0)
    expect(points.get('dynamodb_stream.stalled')).toBe(0)
    at.run.counts.handled = 100
    at.run.lagMs = 1_000
    const afterwards = await collect()
    expect(afterwards.get('dynamodb_stream.records fate=handled')).toBe(8)
    expect(afterwards.get('dynamodb_stream.lag') ?? 0).toBe(0)
  })

  it('of two runs with the same attributes are added up, whether or not they overlap', async () => {
    const { meter, collect } = meterWith()
    const [first, second] = [readings(), readings()]
    const one = new RunMetrics(meter, attributes, first)
    const other = new RunMetrics(meter, attributes, second)
    first.run.counts.handled = 3
    second.run.counts.handled = 4
    first.run.unsettled = 1
    second.run.unsettled = 2
    const points = await collect()
    expect(points.get('dynamodb_stream.records fate=handled')).toBe(7)
    expect(points.get('dynamodb_stream.unsettled')).toBe(3)
    one.close()
    other.close()
    const third = readings()
    const next = new RunMetrics(meter, attributes, third)
    third.run.counts.handled = 1
    expect((await collect()).get('dynamodb_stream.records fate=handled')).toBe(8)
    next.close()
  })

  it('with delta temporality, the sum of all deltas is the final count', async () => {
    const { meter, collect } = meterWith(AggregationTemporality.DELTA)
    const at = readings()
    const metrics = new RunMetrics(meter, attributes, at)
    let sum = 0
    const add = async () => {
      sum += Number((await collect()).get('dynamodb_stream.records fate=handled') ?? 0)
    }
    for (const handled of [2, 2, 7]) {
      at.run.counts.handled = handled
      await add()
    }
    at.run.counts.handled = 9
    metrics.close()
    await add()
    await add()
    expect(sum).toBe(9)
  })

  it('have the durations of handler calls in the buckets of the conventions, by error type', async () => {
    const { meter, collect } = meterWith()
    const metrics = new RunMetrics(meter, attributes, readings())
    metrics.callEnded(0.02, undefined)
    metrics.callEnded(3, 'TimeoutError')
    const points = await collect()
    expect(points.get(duration.name)).toMatchObject({
      count: 1,
      sum: 0.02,
      buckets: { boundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] },
    })
    expect(points.get(`${duration.name} error.type=TimeoutError`)).toMatchObject({ count: 1, sum: 3 })
    metrics.close()
  })

  it('have at most 31 series of failed calls, whatever the handler throws', async () => {
    const { meter, collect } = meterWith()
    const metrics = new RunMetrics(meter, attributes, readings())
    for (let n = 0; n < 1_000; n++) metrics.callEnded(1, `Error${n}`)
    const failed = [...(await collect()).keys()].filter((id) => id.includes('error.type='))
    expect(failed).toHaveLength(31)
    expect(failed.at(-1)).toContain('_OTHER')
    metrics.close()
  })

  it('have names and units that no other metric has, and no attribute with the id of a shard', async () => {
    expect(new Set(allNames).size).toBe(allNames.length)
    expect(Object.keys(attributes).sort()).toEqual([
      'messaging.consumer.group.name',
      'messaging.destination.name',
      'messaging.system',
    ])
  })
})

describe('a meter that throws', () => {
  const trap = (): never => {
    throw new Error('broken meter')
  }

  it.each([
    ['createCounter'],
    ['createUpDownCounter'],
    ['createHistogram'],
    ['createObservableGauge'],
  ] as const)('does not affect the run, and the other instruments work, if %s throws', async (method) => {
    const { meter, collect } = meterWith()
    const broken: MeterLike = Object.assign(Object.create(meter), { [method]: trap })
    const at = readings()
    const metrics = new RunMetrics(broken, attributes, at)
    at.run.counts.handled = 3
    metrics.callEnded(1, undefined)
    await collect()
    metrics.close()
    const points = await collect()
    expect(points.size).toBeGreaterThan(0)
    if (method !== 'createCounter') expect(points.get('dynamodb_stream.records fate=handled')).toBe(3)
  })

  it('does not affect the run if its instruments throw', () => {
    const instrument = { add: trap, record: trap, addCallback: trap, removeCallback: trap }
    const create = () => instrument
    const metrics = new RunMetrics(
      {
        createCounter: create,
        createUpDownCounter: create,
        createHistogram: create,
        createObservableGauge: create,
      },
      attributes,
      readings(),
    )
    metrics.callEnded(1, 'Error')
    metrics.close()
  })

  it('one reading that throws does not hide the others', async () => {
    const { meter, collect } = meterWith()
    const at = readings()
    const run: RunReadings = Object.defineProperty({ ...at.run }, 'lagMs', { get: trap })
    const metrics = new RunMetrics(meter, attributes, { ...at, run, failedAttempts: 2 })
    const points = await collect()
    expect(points.get('dynamodb_stream.failed_attempts')).toBe(2)
    expect(points.has('dynamodb_stream.lag')).toBe(false)
    metrics.close()
  })
})
