import { context, type Meter, trace } from '@opentelemetry/api'
import { describe, expect, it } from 'vitest'
import {
  type CheckpointStore,
  memoryDestination,
  memoryParkingStore,
  processStream,
  type StreamRecord,
} from '../../../src/index.ts'
import { type Scrape, startScraper } from '../../support/prometheus.ts'
import { recordTraces } from '../../support/traces.ts'
import { keyOf, numberOf, workerFixture } from './worker.ts'

/** A handler that does not return before `open` was called. */
function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { handler: () => opened, open: () => open() }
}

/** A meter that counts the callbacks that are registered at present. */
function countingMeter(meter: Meter): { readonly meter: Meter; readonly callbacks: number } {
  let callbacks = 0
  const counting: Meter = Object.create(meter)
  counting.createObservableGauge = (name, options) => {
    const gauge = meter.createObservableGauge(name, options)
    const add = gauge.addCallback.bind(gauge)
    const remove = gauge.removeCallback.bind(gauge)
    return Object.assign(gauge, {
      addCallback: (callback: Parameters<typeof add>[0]) => {
        callbacks++
        add(callback)
      },
      removeCallback: (callback: Parameters<typeof remove>[0]) => {
        callbacks--
        remove(callback)
      },
    })
  }
  return {
    meter: counting,
    get callbacks() {
      return callbacks
    },
  }
}

describe('the metrics of a run, scraped by Prometheus', () => {
  it('show a lag that rises while a handler is blocked, and that falls to 0 at the tip and stays there', async () => {
    await using scraper = await startScraper()
    const { clock, put, work } = workerFixture()
    for (const key of ['a', 'b', 'a']) put(key)
    const { handler, open } = gate()
    const { stop } = await work(handler, { meter: scraper.meter })
    await clock.advance(10_000)
    const early = await scraper.scrape()
    await clock.advance(30_000)
    const late = await scraper.scrape()
    expect(early.value('unsettled')).toBe(3)
    expect(early.value('lag')).toBeGreaterThanOrEqual(10)
    expect((late.value('lag') ?? 0) - (early.value('lag') ?? 0)).toBeCloseTo(30, 0)
    expect(late.value('oldest_unsettled_age')).toBeGreaterThanOrEqual(40)
    open()
    await clock.advance(5_000)
    for (let hour = 0; hour < 3; hour++) {
      const scrape = await scraper.scrape()
      for (const name of ['lag', 'unsettled', 'oldest_unsettled_age']) expect(scrape.value(name)).toBe(0)
      await clock.advance(3_600_000)
    }
    await stop()
  })

  it('show whether the run is stalled: 0, 1, 0 again, and 0 after a stalled run was stopped', async () => {
    await using scraper = await startScraper()
    const { clock, put, work } = workerFixture()
    put('a')
    const { handler, open } = gate()
    const { stop } = await work(handler, { meter: scraper.meter, stallAfterMs: 20_000 })
    const stalled = async () => (await scraper.scrape()).value('stalled')
    await clock.advance(10_000)
    expect(await stalled()).toBe(0)
    await clock.advance(20_000)
    expect(await stalled()).toBe(1)
    open()
    await clock.advance(1_000)
    expect(await stalled()).toBe(0)
    await stop()
    put('a')
    const second = await work(() => new Promise(() => {}), { meter: scraper.meter, stallAfterMs: 1_000 })
    await clock.advance(10_000)
    expect(await stalled()).toBe(1)
    await second.stop()
    expect(await stalled()).toBe(0)
    expect((await scraper.scrape()).value('unsettled')).toBe(0)
  })

  it('show what is parked, until it is released', async () => {
    await using scraper = await startScraper()
    const { clock, put, work } = workerFixture()
    const store = memoryParkingStore()
    let isFixed = false
    const { run, stop } = await work(
      (record: StreamRecord) => {
        if (keyOf(record) === 'a' && !isFixed) throw new Error('broken')
      },
      { meter: scraper.meter, parking: { store, after: { attempts: 2 } } },
    )
    for (let n = 0; n < 4; n++) for (const key of ['a', 'b']) put(key)
    await clock.advance(30_000)
    const parked = await scraper.scrape()
    expect(parked.value('parked_keys')).toBe(1)
    expect(parked.value('parked_records')).toBe(4)
    expect(parked.value('records_total{fate="parked"}')).toBe(4)
    for (const name of ['unsettled', 'lag', 'stalled']) expect(parked.value(name)).toBe(0)
    isFixed = true
    for await (const { keyHash } of store.list('worker')) await store.release('worker', keyHash)
    await clock.advance(30_000)
    const released = await scraper.scrape()
    expect(released.value('parked_keys')).toBe(0)
    expect(released.value('parked_records')).toBe(0)
    expect(released.value('records_total{fate="handled"}')).toBe(8)
    await stop()
    const { value } = await scraper.scrape()
    expect(value('records_total{fate="parked"}')).toBe((await run).parked)
  })

  it('have a constant number of series over six generations of shards', async () => {
    await using scraper = await startScraper()
    const { clock, emulator, put, work } = workerFixture()
    const { run, stop } = await work(() => {}, { meter: scraper.meter })
    const numbers: number[] = []
    let text = ''
    for (let generation = 0; generation < 6; generation++) {
      for (let n = 0; n < 40; n++) put(`key-${n}`)
      await clock.advance(60_000)
      for (const { shardId } of [...emulator.openShards]) {
        if (generation % 2 === 0) emulator.split(shardId)
        else emulator.roll(shardId)
      }
      await clock.advance(60_000)
      const scrape = await scraper.scrape()
      numbers.push(scrape.series.size)
      text = scrape.text
    }
    expect(run.counters.handled).toBe(240)
    expect(emulator.shards.length).toBeGreaterThan(12)
    expect(new Set(numbers).size, String(numbers)).toBe(1)
    expect(text).not.toContain('shardId-')
    await stop()
  })

  it('are those of the summary when the run has ended', async () => {
    await using scraper = await startScraper()
    const { clock, put, work } = workerFixture()
    for (let n = 0; n < 60; n++) put(`key-${n}`)
    const destination = memoryDestination()
    const { run, stop } = await work(
      async (record: StreamRecord, { reject }: { reject(reason: string): never }) => {
        const n = numberOf(record)
        if (n % 10 === 1) throw new Error('broken')
        if (n % 10 === 2) reject('not wanted')
      },
      {
        meter: scraper.meter,
        filter: (record: StreamRecord) => numberOf(record) % 10 !== 3,
        schema: {
          newImage: {
            '~standard': {
              version: 1,
              vendor: 'test',
              validate: (value: { n: number }) =>
                value.n % 10 === 4 ? { issues: [{ message: 'wrong' }] } : { value },
            },
          },
        },
        retry: { maxAttempts: 3, maxDelayMs: 1_000 },
        onFailure: { exhausted: destination, rejected: 'discard', invalid: destination },
      },
    )
    await clock.advance(3_000)
    await scraper.scrape()
    await clock.advance(60_000)
    await stop()
    const summary = await run
    const { value, series } = await scraper.scrape()
    const letters = (reason: string) => value(`records_total{fate="deadLettered",reason="${reason}"}`)
    expect({
      records: series.get('messaging_client_consumed_messages_total'),
      handled: value('records_total{fate="handled"}'),
      filtered: value('records_total{fate="filtered"}'),
      discarded: value('records_total{fate="discarded"}'),
      parked: value('records_total{fate="parked"}'),
      lost: value('records_total{fate="lost"}'),
      deadLettered: Object.fromEntries(
        Object.keys(summary.deadLettered).map((reason) => [reason, letters(reason)]),
      ),
      attempts: value('attempts_total'),
      retries: value('retries_total'),
    }).toEqual({
      records: 60,
      handled: 36,
      filtered: 6,
      discarded: 6,
      parked: 0,
      lost: 0,
      deadLettered: { ...summary.deadLettered, exhausted: 6, invalid: 6 },
      attempts: summary.attempts,
      retries: 12,
    })
    expect(value('failed_attempts_total')).toBe(6 * 3 + 6 + 6)
    expect(series.get('messaging_process_duration_count')).toBe(36)
    expect(series.get('messaging_process_duration_count{error_type="Error"}')).toBe(18)
    expect(series.get('messaging_process_duration_count{error_type="Rejected"}')).toBe(6)
    expect(series.get('messaging_process_duration_count{error_type="Invalid"}')).toBe(6)
  })

  it('leave no callback behind when a run ends, whatever ends it, and those of the next run are added', async () => {
    await using scraper = await startScraper()
    const counting = countingMeter(scraper.meter)
    const { clock, put, work } = workerFixture()
    let handled = 0
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 10; n++) put(`key-${n}`)
      const { run, stop } = await work(() => {}, { meter: counting.meter })
      expect(counting.callbacks).toBe(2)
      await clock.advance(10_000)
      await scraper.scrape()
      await stop()
      expect(counting.callbacks).toBe(0)
      handled += (await run).handled
      // A series that was exported twice would be an error.
      expect((await scraper.scrape()).value('records_total{fate="handled"}')).toBe(handled)
    }
    expect(handled).toBe(50)
    put('a')
    const failing = await work(
      () => {
        throw new Error('broken')
      },
      { meter: counting.meter, retry: { maxAttempts: 1 } },
    )
    await expect(clock.run(failing.run)).rejects.toMatchObject({ code: 'handler.failed' })
    expect(counting.callbacks).toBe(0)
    await clock.run(failing.stream.close())
    const losing = await work(() => {}, { meter: counting.meter })
    losing.run.catch(() => {})
    const winning = await work(() => {}, { meter: counting.meter })
    put('b')
    await clock.advance(60_000)
    await expect(clock.run(losing.run)).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    expect(counting.callbacks).toBe(2)
    await winning.stop()
    expect(counting.callbacks).toBe(0)
    await clock.run(losing.stream.close().catch(() => {}))
  })

  it('count the saves of the checkpoint by outcome, those of an earlier run excluded', async () => {
    await using scraper = await startScraper()
    const { clock, put, start } = workerFixture()
    let isDown = false
    const store: CheckpointStore = {
      load: async () => undefined,
      save: async () => {
        if (isDown) throw new Error('down')
      },
    }
    const stream = await start({ checkpoint: { store, name: 'worker', everyMs: 1_000 } })
    put('a')
    const first = processStream(stream, () => {}, { meter: scraper.meter })
    await clock.advance(10_000)
    await clock.run(first.stop())
    const savedBefore = (await scraper.scrape()).value('checkpoint_saves_total{outcome="saved"}') as number
    expect(savedBefore).toBeGreaterThan(0)
    const second = processStream(stream, () => {}, { meter: scraper.meter })
    isDown = true
    put('a')
    await clock.advance(60_000)
    const during = await scraper.scrape()
    expect(during.value('checkpoint_saves_total{outcome="saved"}')).toBe(savedBefore)
    expect(during.value('checkpoint_saves_total{outcome="failed"}')).toBeGreaterThan(3)
    isDown = false
    await clock.advance(60_000)
    const after = await scraper.scrape()
    expect(after.value('checkpoint_saves_total{outcome="saved"}')).toBeGreaterThan(savedBefore)
    await clock.run(second.stop())
    await clock.run(stream.close())
  })

  it('count the failures of a destination, and of a filter that throws', async () => {
    await using scraper = await startScraper()
    const { clock, put, work } = workerFixture()
    put('a')
    put('b')
    let isDown = true
    const { run, stop } = await work(() => {}, {
      meter: scraper.meter,
      filter: (record: StreamRecord) => {
        if (keyOf(record) === 'a') throw new Error('broken')
        return true
      },
      retry: { maxAttempts: 2, maxDelayMs: 100 },
      onFailure: async () => {
        if (isDown) throw new Error('down')
      },
    })
    await clock.advance(30_000)
    const down = await scraper.scrape()
    expect(down.value('destination_failures_total')).toBeGreaterThan(2)
    expect(down.value('records_total{fate="deadLettered",reason="exhausted"}')).toBe(0)
    isDown = false
    await clock.advance(120_000)
    await stop()
    const { value } = await scraper.scrape()
    expect(value('failed_attempts_total')).toBe(2)
    expect(value('attempts_total')).toBe((await run).attempts)
    expect(value('records_total{fate="deadLettered",reason="exhausted"}')).toBe(1)
  })

  it('name the table and the run', async () => {
    await using scraper = await startScraper()
    const { clock, emulator, work } = workerFixture()
    const named = await work(() => {}, { meter: scraper.meter, name: 'indexer' })
    await clock.advance(1_000)
    const { text }: Scrape = await scraper.scrape()
    const lag = text.split('\n').find((line) => line.startsWith('dynamodb_stream_lag{'))
    expect(lag).toContain('messaging_system="aws_dynamodb_streams"')
    expect(lag).toContain(`messaging_destination_name="${emulator.tableName}"`)
    expect(lag).toContain('messaging_consumer_group_name="indexer"')
    await named.stop()
  })
})

describe('the spans of a run', () => {
  it('are one for each attempt, link to the span that wrote the item, and surround the handler', async () => {
    using traces = recordTraces()
    const { clock, put, work } = workerFixture()
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    put('a', { traceparent })
    let calls = 0
    const { stop } = await work(
      async () => {
        traces.tracer.startSpan(`inside ${++calls}`).end()
        if (calls === 1) throw Object.assign(new Error('secret'), { name: 'ThrottlingException' })
      },
      {
        tracer: traces.tracer,
        traceContext: (record: StreamRecord) => record.newImage?.traceparent as string,
      },
    )
    await clock.advance(60_000)
    await stop()
    const attempts = traces.spans.filter(({ name }) => name.startsWith('process '))
    expect(attempts.map(({ attributes }) => attributes['dynamodb_stream.attempt'])).toEqual([1, 2])
    expect(attempts.map(({ attributes }) => attributes['error.type'])).toEqual([
      'ThrottlingException',
      undefined,
    ])
    for (const [index, attempt] of attempts.entries()) {
      const { traceId, spanId } = attempt.spanContext()
      const inside = traces.spans.find(({ name }) => name === `inside ${index + 1}`)
      expect(inside?.parentSpanContext).toMatchObject({ traceId, spanId })
      expect(attempt.links.map(({ context }) => context.traceId)).toEqual(['a'.repeat(32)])
      expect(attempt.parentSpanContext).toBeUndefined()
    }
    expect(attempts[0]?.spanContext().traceId).not.toBe(attempts[1]?.spanContext().traceId)
  })

  it('do not surround what the run does after the handler: saving, and the next attempts', async () => {
    using traces = recordTraces()
    const { clock, put, start } = workerFixture()
    const active: unknown[] = []
    const store: CheckpointStore = {
      load: async () => undefined,
      save: async () => void active.push(trace.getSpan(context.active())),
    }
    const stream = await start({ checkpoint: { store, name: 'worker', everyRecords: 1 } })
    for (let n = 0; n < 20; n++) put(`key-${n % 3}`)
    const run = processStream(stream, async () => {}, { tracer: traces.tracer })
    await clock.advance(10_000)
    await clock.run(run.stop())
    await clock.run(stream.close())
    expect(traces.spans).toHaveLength(20)
    expect(active.length).toBeGreaterThan(2)
    expect(active.filter((span) => span !== undefined)).toEqual([])
  })

  it('of calls that the run has abandoned end with the run', async () => {
    using traces = recordTraces()
    await using scraper = await startScraper()
    const { clock, put, work } = workerFixture()
    put('a')
    const { handler, open } = gate()
    const { stop } = await work(handler, {
      meter: scraper.meter,
      tracer: traces.tracer,
      drainTimeoutMs: 1_000,
    })
    await clock.advance(5_000)
    await stop()
    expect(traces.spans.map(({ attributes }) => attributes['error.type'])).toEqual(['Abandoned'])
    const before = (await scraper.scrape()).text
    open()
    await clock.advance(1_000)
    expect(traces.spans).toHaveLength(1)
    expect((await scraper.scrape()).text).toBe(before)
  })

  it('and metrics of a broken tracer and meter do not affect the run', async () => {
    const broken = new Proxy({} as never, {
      get: () => () => {
        throw new Error('broken')
      },
    })
    const { clock, put, work } = workerFixture()
    for (let n = 0; n < 20; n++) put(`key-${n % 3}`)
    const { run, stop } = await work(() => {}, { meter: broken, tracer: broken, traceContext: () => broken })
    await clock.advance(10_000)
    await stop()
    expect(await run).toMatchObject({ records: 20, handled: 20, attempts: 20 })
  })
})
