import { describe, expect, it } from 'vitest'
import { deferred, manualHandler, startRun } from './run-subject.ts'

const HOUR = 3_600_000
const many = (count: number, options: object = {}) => Array.from({ length: count }, () => options)
const fail = () => {
  throw new Error('broken')
}

describe('the health of a run', () => {
  it('a key that never succeeds does not stall the run while other keys make progress', async () => {
    const { clock, settle, stop, eventsNamed, source, run } = startRun(
      ({ keys }: { keys: { id: string } }) => {
        if (keys.id === 'poison') throw new Error('broken')
      },
      { retry: { maxAttempts: 1_000_000 } },
      (from) => from.write({ key: 'poison' }),
    )
    await settle()
    for (let minute = 0; minute < 30; minute++) {
      source.write({}, { key: 'poison' })
      await clock.advance(59_000)
    }
    expect(eventsNamed('stalled')).toEqual([])
    expect(run.health()).toMatchObject({ state: 'running' })
    expect(await stop()).toMatchObject({ handled: 30 })
  })

  it("is stalled with reason 'unsettled' once the queue behind a failing key has filled the memory", async () => {
    const { clock, settle, stop, eventsNamed, run, source } = startRun(
      ({ keys }: { keys: { id: string } }) => {
        if (keys.id === 'poison') throw new Error('broken')
      },
      { retry: { maxAttempts: 1_000_000 }, maxUnsettled: 500, stallAfterMs: 30_000 },
      (from) => from.write(...many(700, { key: 'poison' })),
    )
    await settle()
    for (let n = 0; n < 20; n++) await settle()
    await clock.advance(29_999)
    expect(eventsNamed('stalled')).toEqual([])
    await clock.advance(1)
    expect(eventsNamed('stalled')).toMatchObject([{ reason: 'unsettled', unsettled: 500 }])
    expect(eventsNamed('stalled')[0]?.keys).toHaveLength(1)
    expect(run.health().state).toBe('stalled')
    expect(source.taken).toBe(500)
    await clock.advance(600_000)
    expect(eventsNamed('stalled')).toHaveLength(1)
    await stop()
  })

  it("is stalled with reason 'bytes' if the size of the records is what stops reading", async () => {
    const handler = manualHandler()
    const { clock, settle, stop, eventsNamed } = startRun(
      handler,
      { maxUnsettledBytes: 1_000, drainTimeoutMs: 0, abandonAfterMs: 0 },
      (from) => from.write(...many(50)),
    )
    await settle()
    await clock.advance(60_000)
    expect(eventsNamed('stalled')).toMatchObject([{ reason: 'bytes', unsettled: 10 }])
    await stop()
  })

  it("is stalled with reason 'failingKeys' at maxFailingKeys, and continues when the keys succeed", async () => {
    let isDown = true
    const { clock, settle, stop, eventsNamed, run } = startRun(
      () => {
        if (isDown) fail()
      },
      { retry: { maxAttempts: 1_000_000 }, maxFailingKeys: 10 },
      (from) => from.write(...many(200)),
    )
    await settle()
    await clock.advance(120_000)
    expect(eventsNamed('stalled')).toMatchObject([{ reason: 'failingKeys' }])
    expect(eventsNamed('stalled')[0]?.keys).toHaveLength(3)
    isDown = false
    await clock.advance(60_000)
    for (let n = 0; n < 20; n++) await settle()
    expect(eventsNamed('unstalled')).toHaveLength(1)
    expect(run.health().state).toBe('running')
    expect(await stop()).toMatchObject({ handled: 200 })
  })

  it("is stalled with reason 'abandoned' if handlers that ignore their signal hold all slots", async () => {
    const handler = manualHandler()
    const { clock, settle, stop, eventsNamed } = startRun(
      handler,
      { concurrency: 2, handlerTimeoutMs: 5_000, abandonAfterMs: 1_000 },
      (from) => from.write({}, {}, {}),
    )
    await settle()
    await clock.advance(5_000)
    expect(handler.signals.map(({ aborted }) => aborted)).toEqual([true, true])
    expect(eventsNamed('handlerAbandoned')).toEqual([])
    await clock.advance(1_000)
    expect(eventsNamed('handlerAbandoned')).toEqual([
      { shardId: 'shard-a', sequenceNumbers: ['1'], runningForMs: 6_000 },
      { shardId: 'shard-a', sequenceNumbers: ['2'], runningForMs: 6_000 },
    ])
    await clock.advance(54_000)
    expect(eventsNamed('stalled')).toMatchObject([{ reason: 'abandoned' }])
    expect(handler.calls).toEqual([1, 2])
    handler.resolve(1)
    await settle()
    expect(handler.calls).toEqual([1, 2, 3])
    expect(eventsNamed('unstalled')).toHaveLength(1)
    handler.resolve(2)
    handler.resolve(3)
    expect(await stop()).toMatchObject({ handled: 3, attempts: 3, retries: 0 })
  })

  it("is stalled with reason 'destination' if a record waits for its dead letter to be accepted", async () => {
    const sent = deferred()
    const { clock, settle, stop, eventsNamed } = startRun(
      fail,
      { retry: { maxAttempts: 1 }, onFailure: () => sent.promise },
      (from) => from.write({}),
    )
    await settle()
    await clock.advance(60_000)
    expect(eventsNamed('stalled')).toMatchObject([{ reason: 'destination', unsettled: 1 }])
    sent.resolve()
    await settle()
    expect(eventsNamed('unstalled')).toMatchObject([{ stalledForMs: 60_000 }])
    expect(await stop()).toMatchObject({ deadLettered: { exhausted: 1 } })
  })

  it("is stalled with reason 'nextStream' if an unsettled record delays the next stream of the table", async () => {
    const { clock, settle, stop, eventsNamed } = startRun(
      fail,
      { retry: { maxAttempts: 1_000_000 } },
      (from) => {
        from.canAdvance = true
        from.write({})
        from.end()
      },
    )
    await settle()
    await clock.advance(60_000)
    expect(eventsNamed('stalled')).toMatchObject([{ reason: 'nextStream' }])
    await stop()
  })

  it("is stalled with reason 'unsettled' before the stream has ended, although a next one may follow", async () => {
    const { clock, settle, stop, eventsNamed } = startRun(
      fail,
      { retry: { maxAttempts: 1_000_000 } },
      (from) => {
        from.canAdvance = true
        from.write({})
      },
    )
    await settle()
    await clock.advance(60_000)
    expect(eventsNamed('stalled')).toMatchObject([{ reason: 'unsettled' }])
    await stop()
  })

  it('a slow handler that finishes one record after another at the bound is not a stall', async () => {
    const { clock, settle, stop, eventsNamed } = startRun(
      () => new Promise<void>((resolve) => void clock.setTimer(50_000, resolve)),
      { concurrency: 1, maxUnsettled: 1 },
      (from) => from.write(...many(20)),
    )
    await settle()
    await clock.advance(600_000)
    expect(eventsNamed('stalled')).toEqual([])
    expect(await stop()).toMatchObject({ handled: 12 })
  })

  it('an idle run is not stalled, nor is one that is paused', async () => {
    const handler = manualHandler()
    const { clock, settle, stop, run, source, eventsNamed } = startRun(handler)
    await settle()
    await clock.advance(10 * HOUR)
    source.write({})
    run.pause()
    await clock.advance(10 * HOUR)
    expect(run.health().state).toBe('paused')
    run.resume()
    await settle()
    await clock.advance(59_999)
    expect(eventsNamed('stalled')).toEqual([])
    await clock.advance(1)
    expect(eventsNamed('stalled')).toHaveLength(1)
    handler.resolve(1)
    await stop()
  })

  it('reports once that the oldest unsettled record of a shard is 20 hours old', async () => {
    const { clock, settle, stop, eventsNamed } = startRun(
      fail,
      { retry: { maxAttempts: 1_000_000 } },
      (from) =>
        from.write(
          { shardId: 'x', ageMs: HOUR },
          { shardId: 'x', ageMs: HOUR },
          { shardId: 'y', ageMs: 2 * HOUR },
        ),
    )
    await settle()
    await clock.advance(18 * HOUR - 61_000)
    expect(eventsNamed('retentionNear')).toEqual([])
    await clock.advance(61_000)
    expect(eventsNamed('retentionNear')).toMatchObject([{ shardId: 'y', sequenceNumber: '3' }])
    await clock.advance(3 * HOUR)
    expect(eventsNamed('retentionNear').map(({ sequenceNumber }) => sequenceNumber)).toEqual(['3', '1'])
    for (const { ageMs } of eventsNamed('retentionNear')) {
      expect(ageMs).toBeGreaterThanOrEqual(20 * HOUR)
      expect(ageMs).toBeLessThanOrEqual(20 * HOUR + 60_000)
    }
    await stop()
  })

  it('health() returns the time of the last progress and of the oldest unsettled record', async () => {
    const handler = manualHandler()
    const { clock, settle, stop, run } = startRun(handler, {}, (from) =>
      from.write({ ageMs: 5_000 }, { ageMs: 9_000 }),
    )
    expect(run.health()).toEqual({
      state: 'running',
      lastProgressAt: undefined,
      oldestUnsettledAt: undefined,
    })
    await settle()
    expect(run.health().oldestUnsettledAt?.getTime()).toBe(clock.now() - 9_000)
    await clock.advance(1_000)
    handler.resolve(2)
    await settle()
    expect(run.health()).toEqual({
      state: 'running',
      lastProgressAt: new Date(clock.now()),
      oldestUnsettledAt: new Date(clock.now() - 6_000),
    })
    handler.resolve(1)
    await stop()
    expect(run.health()).toMatchObject({ state: 'stopped', oldestUnsettledAt: undefined })
  })
})

describe('a run that is paused', () => {
  it('takes and starts nothing, settles what runs, and continues when it is resumed', async () => {
    const handler = manualHandler()
    const { settle, stop, run, source } = startRun(handler, { concurrency: 1 }, (from) => from.write({}, {}))
    await settle()
    run.pause()
    source.write({})
    handler.resolve(1)
    await settle()
    expect(run.counters.live).toMatchObject({ handled: 1, records: 2 })
    await source.save()
    expect(source.saved.get('1')).toBe('settled')
    expect(handler.calls).toEqual([1])
    run.resume()
    await settle()
    expect(handler.calls).toEqual([1, 2])
    handler.resolve(2)
    await settle()
    handler.resolve(3)
    expect(await stop()).toMatchObject({ handled: 3 })
  })

  it('does not retry: a retry that became due starts when the run is resumed', async () => {
    const handler = manualHandler()
    const { clock, settle, stop, run } = startRun(handler, { retry: { delayMs: () => 1_000 } }, (from) =>
      from.write({}),
    )
    await settle()
    handler.reject(1)
    await settle()
    run.pause()
    await clock.advance(60_000)
    expect(handler.calls).toEqual([1])
    run.resume()
    await settle()
    expect(handler.calls).toEqual([1, 1])
    handler.resolve(1)
    await stop()
  })

  it('is no longer stalled, and does not become it, however long its handlers run', async () => {
    const handler = manualHandler()
    const { clock, settle, stop, run, eventsNamed } = startRun(handler, {}, (from) => from.write({}))
    await settle()
    await clock.advance(60_000)
    expect(run.health().state).toBe('stalled')
    run.pause()
    await settle()
    expect(run.health().state).toBe('paused')
    expect(eventsNamed('unstalled')).toHaveLength(1)
    await clock.advance(3_600_000)
    expect(eventsNamed('stalled')).toHaveLength(1)
    handler.resolve(1)
    await stop()
  })

  it('does not end at the end of the stream, but can be stopped', async () => {
    const { settle, stop, run, source } = startRun(
      () => {},
      {},
      (from) => from.end(),
    )
    run.pause()
    await settle()
    expect(source.detached).toBeUndefined()
    expect(await stop()).toMatchObject({ records: 0 })
  })
})

describe('a run that is paused or stopped by user code', () => {
  it('starts no further attempt once a handler has paused it', async () => {
    const calls: number[] = []
    const { settle, stop, run, source } = startRun(({ sequenceNumber }: { sequenceNumber: string }) => {
      calls.push(Number(sequenceNumber))
      if (calls.length === 3) run.pause()
    })
    source.write({})
    await settle()
    source.write({}, {}, {}, {})
    await settle()
    expect(calls).toEqual([1, 2, 3])
    run.resume()
    await settle()
    expect(calls).toEqual([1, 2, 3, 4, 5])
    await stop()
  })

  it('starts no further attempt that waited for a save once a handler has paused or stopped it', async () => {
    const calls: number[] = []
    const save = deferred()
    const handler = ({ sequenceNumber }: { sequenceNumber: string }) => {
      calls.push(Number(sequenceNumber))
      if (calls.length === 1) run.pause()
      else void run.stop()
    }
    const { settle, stop, run, source } = startRun(handler, {}, (from) => {
      from.beforeSave = () => save.promise
      from.write({}, {}, {})
    })
    await settle()
    run.pause()
    save.resolve()
    await settle()
    run.resume()
    await settle()
    expect(calls).toEqual([1])
    run.resume()
    await settle()
    expect(calls).toEqual([1, 2])
    expect(await stop()).toMatchObject({ records: 3, handled: 2 })
    expect(source.saved.get('3')).toBeUndefined()
  })

  it.each(['pause', 'stop'] as const)(
    'takes no further record once a predicate has called %s()',
    async (method) => {
      const filter = ({ sequenceNumber }: { sequenceNumber: string }) => {
        if (sequenceNumber === '2') void run[method]()
        return true
      }
      const { settle, stop, run, source } = startRun(
        () => {},
        { filter },
        (from) => from.write({}, {}, {}),
      )
      await settle()
      expect(source.taken).toBe(2)
      await stop()
    },
  )
})

describe('a handler that does not return in time', () => {
  it('keeps its key and its slot, and its late success counts', async () => {
    const handler = manualHandler()
    const { clock, settle, stop, eventsNamed } = startRun(handler, { handlerTimeoutMs: 1_000 }, (from) =>
      from.write({ key: 'a' }, { key: 'a' }),
    )
    await settle()
    await clock.advance(3_600_000)
    expect(handler.calls).toEqual([1])
    expect(eventsNamed('handlerAbandoned')).toHaveLength(1)
    handler.resolve(1)
    await settle()
    expect(handler.calls).toEqual([1, 2])
    handler.resolve(2)
    expect(await stop()).toMatchObject({ handled: 2, attempts: 2, retries: 0 })
  })

  it('its late failure counts as one attempt, after which the record is retried', async () => {
    const handler = manualHandler()
    const { clock, settle, stop, eventsNamed } = startRun(
      handler,
      { handlerTimeoutMs: 1_000, retry: { delayMs: () => 10 } },
      (from) => from.write({}),
    )
    await settle()
    await clock.advance(60_000)
    handler.reject(1, Object.assign(new Error('aborted'), { name: 'AbortError' }))
    await settle()
    expect(eventsNamed('attemptFailed')).toMatchObject([{ attempt: 1, error: { name: 'TimeoutError' } }])
    await clock.advance(10)
    expect(handler.attempts).toEqual([1, 2])
    handler.resolve(1)
    expect(await stop()).toMatchObject({ handled: 1 })
  })

  it('after the run was stopped without it, its result is ignored', async () => {
    const handler = manualHandler()
    const { settle, stop, source, run } = startRun(
      handler,
      { drainTimeoutMs: 100, abandonAfterMs: 100 },
      (from) => from.write({ resumed: { attempts: 1, since: 1 } }),
    )
    await settle()
    const summary = await stop()
    handler.resolve(1)
    await settle()
    expect(run.counters.snapshot()).toEqual(summary)
    expect(source.saved.get('1')).toMatchObject({ attempts: 1, isRunning: false })
    expect(source.detached?.[0]?.isSettled).toBe(false)
  })
})
