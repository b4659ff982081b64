import { describe, expect, it } from 'vitest'
import { StreamError } from '../../../src/core/errors.ts'
import type { DeadLetter } from '../../../src/destinations/destination.ts'
import { deferred, manualHandler, startRun } from './run-subject.ts'

const reject = (_: unknown, { reject }: { reject(reason: string): never }) => reject('no')

describe('a run that stops', () => {
  it('resolves as soon as the handler calls that run have ended, and settles what they have handled', async () => {
    const handler = manualHandler()
    const { run, source, settle, clock } = startRun(handler, { concurrency: 1 }, (from) => from.write({}, {}))
    await settle()
    void run.stop()
    await clock.advance(3_000)
    expect(source.detached).toBeUndefined()
    handler.resolve(1)
    await clock.advance(0)
    expect(await run.result).toMatchObject({ records: 2, handled: 1, elapsedMs: 3_000 })
    expect(handler.calls).toEqual([1])
    expect(source.detached?.map(({ sequenceNumber }) => sequenceNumber)).toEqual(['2'])
  })

  it('aborts the signals of handlers after drainTimeoutMs, and leaves their records after abandonAfterMs', async () => {
    const handler = manualHandler()
    const { run, source, settle, clock } = startRun(
      handler,
      { drainTimeoutMs: 5_000, abandonAfterMs: 1_000 },
      (from) => from.write({}),
    )
    await settle()
    void run.stop()
    await clock.advance(4_999)
    expect(handler.signals[0]?.aborted).toBe(false)
    await clock.advance(1)
    expect(handler.signals[0]?.aborted).toBe(true)
    await clock.advance(999)
    expect(source.detached).toBeUndefined()
    await clock.advance(1)
    const summary = await run.result
    expect(summary).toMatchObject({ handled: 0, attempts: 1 })
    handler.resolve(1)
    await settle()
    expect(run.counters.snapshot()).toEqual(summary)
    expect(source.detached?.map(({ isSettled }) => isSettled)).toEqual([false])
  })

  it('a handler that fails because its signal has aborted spends no attempt and sends no dead letter', async () => {
    const letters: DeadLetter[] = []
    const { run, source, settle, clock } = startRun(
      (_: unknown, { signal }: { signal: AbortSignal }) =>
        new Promise((_resolve, rejectCall) => {
          signal.addEventListener('abort', () => rejectCall(signal.reason))
        }),
      { retry: { maxAttempts: 1 }, onFailure: async (letter: DeadLetter) => void letters.push(letter) },
      (from) => from.write({ resumed: { attempts: 4, since: 1 } }),
    )
    await settle()
    void run.stop()
    await clock.run(run.result)
    expect(letters).toEqual([])
    expect(source.saved.get('1')).toMatchObject({ attempts: 4, isRunning: false })
  })

  it('a record that waits for a retry is not attempted again and not given up', async () => {
    const handler = manualHandler()
    const letters: DeadLetter[] = []
    const { stop, source, settle, clock } = startRun(
      handler,
      { retry: { maxAttempts: 2 }, onFailure: async (letter: DeadLetter) => void letters.push(letter) },
      (from) => from.write({}),
    )
    await settle()
    handler.reject(1)
    await settle()
    await stop()
    await clock.advance(600_000)
    expect(handler.calls).toEqual([1])
    expect(letters).toEqual([])
    expect(source.saved.get('1')).toMatchObject({ attempts: 1, isRunning: false })
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('a record that fails for the last time while the run stops is left for the next run', async () => {
    const handler = manualHandler()
    const letters: DeadLetter[] = []
    const { run, source, settle, clock } = startRun(
      handler,
      { retry: { maxAttempts: 1 }, onFailure: async (letter: DeadLetter) => void letters.push(letter) },
      (from) => from.write({}),
    )
    await settle()
    void run.stop()
    handler.reject(1)
    await clock.run(run.result)
    expect(letters).toEqual([])
    expect(source.saved.get('1')).toMatchObject({ attempts: 1 })
  })

  it('a record that is rejected while the run stops is left for the next run, which calls its handler again', async () => {
    const calls = deferred()
    const letters: DeadLetter[] = []
    const { run, source, settle, clock } = startRun(
      async (_: unknown, context: { reject(reason: string): never }) => {
        await calls.promise
        context.reject('no')
      },
      { onFailure: async (letter: DeadLetter) => void letters.push(letter) },
      (from) => from.write({ resumed: { attempts: 1, since: 1 } }),
    )
    await settle()
    void run.stop()
    calls.resolve()
    await clock.run(run.result)
    expect(letters).toEqual([])
    expect(source.saved.get('1')).toMatchObject({ attempts: 1, isRunning: false })
  })

  it('a batch that waits for its window is not started', async () => {
    const batches: unknown[] = []
    const { stop, source, settle, clock } = startRun(
      { batch: (records: unknown[]) => void batches.push(records), maxBatchingWindowMs: 60_000 },
      {},
      (from) => from.write({}, {}),
    )
    await settle()
    expect(await stop()).toMatchObject({ records: 2, handled: 0, attempts: 0 })
    await clock.advance(120_000)
    expect(batches).toEqual([])
    expect(source.detached).toHaveLength(2)
  })

  it('ends as soon as a dead letter that is being sent is accepted', async () => {
    const sent = deferred()
    const { run, source, settle, clock } = startRun(reject, { onFailure: () => sent.promise }, (from) =>
      from.write({}),
    )
    await settle()
    void run.stop()
    await clock.advance(2_000)
    sent.resolve()
    await clock.advance(0)
    expect(source.detached).toEqual([])
    expect(await run.result).toMatchObject({ deadLettered: { rejected: 1 }, elapsedMs: 2_000 })
    expect(source.saved.get('1')).toBe('settled')
  })

  it('ends as soon as a dead letter that is being sent has failed, which leaves its record unsettled', async () => {
    const sent = deferred()
    const { run, source, settle, clock } = startRun(reject, { onFailure: () => sent.promise }, (from) =>
      from.write({}),
    )
    await settle()
    void run.stop()
    sent.reject(new Error('down'))
    await clock.advance(0)
    expect(source.detached).toHaveLength(1)
    expect(await run.result).toMatchObject({ deadLettered: { rejected: 0 }, elapsedMs: 0 })
  })

  it('a dead letter that is accepted after the end changes nothing any more', async () => {
    const sent = deferred()
    const { run, source, settle, clock, eventsNamed } = startRun(
      reject,
      { onFailure: () => sent.promise, drainTimeoutMs: 1_000, abandonAfterMs: 0 },
      (from) => from.write({}),
    )
    await settle()
    void run.stop()
    const summary = await clock.run(run.result)
    sent.resolve()
    await settle()
    expect(source.detached?.map(({ isSettled }) => isSettled)).toEqual([false])
    expect(run.counters.snapshot()).toEqual(summary)
    expect(summary).toMatchObject({ deadLettered: { rejected: 0 } })
    expect(eventsNamed('deadLettered')).toEqual([])
  })

  it('letters that wait for a further attempt to be sent are not sent any more, and leave no timer', async () => {
    let sends = 0
    const { stop, source, settle, clock } = startRun(
      reject,
      {
        onFailure: async () => {
          sends++
          throw new Error('down')
        },
      },
      (from) => from.write({}),
    )
    await settle()
    expect(sends).toBe(1)
    await stop()
    await clock.advance(600_000)
    expect(sends).toBe(1)
    expect(source.detached).toHaveLength(1)
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('while destinations are being checked, stopping ends the run without reading anything', async () => {
    const checked = deferred()
    const { run, source, settle, clock } = startRun(
      () => {},
      { onFailure: { send: async () => {}, check: () => checked.promise } },
      (from) => from.write({}),
    )
    await settle()
    void run.stop()
    expect(await clock.run(run.result)).toMatchObject({ records: 0 })
    checked.resolve()
    await settle()
    expect(source.taken).toBe(0)
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('nothing is read before the destinations are checked, not even after pause and resume', async () => {
    const checked = deferred()
    const { run, source, settle, stop } = startRun(
      () => {},
      { onFailure: { send: async () => {}, check: () => checked.promise } },
      (from) => from.write({}),
    )
    run.pause()
    run.resume()
    await settle()
    expect(source.taken).toBe(0)
    checked.resolve()
    await settle()
    expect(source.taken).toBe(1)
    await stop()
  })

  it('a destination whose check fails ends the run with its error before anything is read', async () => {
    const error = new StreamError('destination.failed', 'No queue.', {
      destination: 'sqs',
      operation: 'check',
    })
    const { run, source, clock } = startRun(
      () => {},
      {
        onFailure: {
          send: async () => {},
          check: async () => {
            throw error
          },
        },
      },
      (from) => from.write({}),
    )
    await expect(clock.run(run.result)).rejects.toBe(error)
    expect(source.taken).toBe(0)
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it.each([
    ['rejects', async () => Promise.reject(new Error('no such table')), 'no such table.'],
    ['rejects with a value', async () => Promise.reject('nope'), 'nope.'],
  ])(
    'a destination of the user whose check %s ends the run with destination.failed',
    async (_, check, reason) => {
      const { run, source, clock } = startRun(
        () => {},
        { onFailure: { rejected: { send: async () => {}, check } } },
        (from) => from.write({}),
      )
      await expect(clock.run(run.result)).rejects.toMatchObject({
        code: 'destination.failed',
        message: `Cannot use the destination of onFailure.rejected: ${reason}`,
        details: { destination: 'onFailure.rejected', operation: 'check' },
      })
      expect(source.taken).toBe(0)
      expect(clock.untilNextTimer).toBeUndefined()
    },
  )

  it('a run that has ended sets no timer when it is paused or resumed', async () => {
    const { run, stop, settle, clock } = startRun(() => {})
    await settle()
    await stop()
    run.pause()
    run.resume()
    await settle()
    expect(clock.untilNextTimer).toBeUndefined()
    expect(run.health().state).toBe('stopped')
  })

  it('with a signal that has aborted before the start, nothing is read', async () => {
    const { run, source, clock } = startRun(
      () => {},
      { signal: AbortSignal.abort() },
      (from) => from.write({}),
    )
    expect(await clock.run(run.result)).toMatchObject({ records: 0 })
    expect(source.taken).toBe(0)
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('with a lease that was lost before the start, nothing is read', async () => {
    const conflict = new StreamError('checkpoint.conflict', 'Lost.', { name: 'worker' })
    const { run, source, clock } = startRun(
      () => {},
      {},
      (from) => {
        from.write({})
        from.lease.abort(conflict)
      },
    )
    await expect(clock.run(run.result)).rejects.toBe(conflict)
    await clock.advance(0)
    expect(source.taken).toBe(0)
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('a handler that stops the run and waits for it delays the end by no more than both timeouts', async () => {
    const { run, clock } = startRun(
      () => run.stop(),
      { drainTimeoutMs: 3_000, abandonAfterMs: 500 },
      (from) => from.write({}),
    )
    expect(await clock.run(run.result)).toMatchObject({ elapsedMs: 3_500, handled: 0 })
  })

  it('stop() in a listener that stopping itself has called ends the run once', async () => {
    const handler = manualHandler()
    const { run, settle, clock, source } = startRun(handler, { stallAfterMs: 1_000 }, (from) =>
      from.write({}),
    )
    run.events.on('unstalled', () => void run.stop())
    await settle()
    await clock.advance(2_000)
    expect(run.health().state).toBe('stalled')
    void run.stop()
    await settle()
    expect(run.health().state).toBe('stopping')
    handler.resolve(1)
    await settle()
    expect(source.detached).toEqual([])
    expect(await run.result).toMatchObject({ handled: 1, elapsedMs: 2_000 })
  })
})

describe('a run whose lease is lost', () => {
  const conflict = new StreamError('checkpoint.conflict', 'Lost.', { name: 'worker' })

  it('aborts all handlers at once, saves and sends nothing, and rejects with the conflict', async () => {
    const handler = manualHandler()
    const letters: DeadLetter[] = []
    const { run, source, settle, clock } = startRun(
      handler,
      { retry: { maxAttempts: 1 }, onFailure: async (letter: DeadLetter) => void letters.push(letter) },
      (from) => from.write({}, {}),
    )
    await settle()
    const saves = source.saves
    source.lease.abort(conflict)
    expect(handler.signals.map(({ aborted, reason }) => [aborted, reason])).toEqual([
      [true, conflict],
      [true, conflict],
    ])
    await expect(run.result).rejects.toBe(conflict)
    handler.reject(1)
    handler.resolve(2)
    await clock.advance(60_000)
    expect(letters).toEqual([])
    expect(source.saves).toBe(saves)
    expect(source.detached?.map(({ isSettled }) => isSettled)).toEqual([false, false])
    expect(run.counters.snapshot()).toMatchObject({ handled: 0 })
    expect(run.health().state).toBe('failed')
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('ends at once if it was stopping already, without a save', async () => {
    const handler = manualHandler()
    const { run, source, settle, clock } = startRun(handler, {}, (from) => from.write({}))
    await settle()
    void run.stop()
    await clock.advance(1_000)
    const { saves } = source
    source.lease.abort(conflict)
    await expect(run.result).rejects.toBe(conflict)
    expect(clock.untilNextTimer).toBeUndefined()
    expect(source.saves).toBe(saves)
  })

  it('sends none of the dead letters that wait, and ignores that one is accepted', async () => {
    const sent = deferred()
    let sends = 0
    const { run, source, settle } = startRun(
      reject,
      {
        concurrency: 100,
        onFailure: () => {
          sends++
          return sent.promise
        },
      },
      (from) => from.write(...Array.from({ length: 40 }, () => ({}))),
    )
    await settle()
    const before = sends
    source.lease.abort(conflict)
    sent.resolve()
    await expect(run.result).rejects.toBe(conflict)
    await settle()
    expect(sends).toBe(before)
    expect(source.delivered.filter(({ isSettled }) => isSettled)).toHaveLength(0)
  })
})
