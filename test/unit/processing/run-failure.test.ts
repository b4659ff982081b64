import { describe, expect, it } from 'vitest'
import type { DeadLetter } from '../../../src/destinations/destination.ts'
import { RejectError } from '../../../src/processing/reject-error.ts'
import { deferred, manualHandler, startRun } from './run-subject.ts'

const fail = () => {
  throw new Error('broken')
}

describe('what a run does about failures', () => {
  it('an attempt that classify says waits for an outage costs no attempt, and is reported with its number', async () => {
    let failures = 5
    const attempts: number[] = []
    const { clock, settle, stop, eventsNamed, source } = startRun(
      (_: unknown, { attempt }: { attempt: number }) => {
        attempts.push(attempt)
        if (failures-- > 0) throw new Error('down')
      },
      { retry: { maxAttempts: 2, classify: () => 'wait' }, onFailure: 'discard' },
      (from) => from.write({}),
    )
    await settle()
    await clock.advance(600_000)
    expect(attempts).toEqual([1, 1, 1, 1, 1, 1])
    expect(eventsNamed('attemptFailed').map(({ attempt, verdict }) => [attempt, verdict])).toEqual(
      Array.from({ length: 5 }, () => [1, 'wait']),
    )
    expect(await stop()).toMatchObject({ handled: 1, attempts: 6, retries: 5, discarded: 0 })
    expect(source.saved.get('1')).toBe('settled')
  })

  it("the delays of classify's wait grow by their own count", async () => {
    const { clock, settle, stop, eventsNamed } = startRun(
      fail,
      { retry: { minDelayMs: 100, maxDelayMs: 10_000, classify: () => 'wait' } },
      (from) => from.write({}),
    )
    await settle()
    await clock.advance(10_000)
    const delays = eventsNamed('attemptFailed').map(({ delayMs }) => delayMs as number)
    expect(delays.length).toBeGreaterThan(4)
    expect(delays).toEqual([...delays].sort((a, b) => a - b))
    expect(new Set(delays).size).toBe(delays.length)
    await stop()
  })

  it("a record that waits for an outage is given up by maxRecordAgeMs only, with Lambda's condition", async () => {
    const letters: DeadLetter[] = []
    const { clock, settle, stop } = startRun(
      fail,
      {
        retry: { classify: () => 'wait', maxAttempts: 1, maxRecordAgeMs: 120_000, maxDelayMs: 600_000 },
        onFailure: async (letter: DeadLetter) => void letters.push(letter),
      },
      (from) => from.write({ ageMs: 1_000 }),
    )
    await settle()
    await clock.advance(118_999)
    expect(letters).toEqual([])
    await clock.advance(1)
    expect(letters.map(({ condition }) => condition)).toEqual(['RecordAgeExceeded'])
    expect(letters[0]?.invocationRecord()).not.toHaveProperty('responseContext')
    expect(await stop()).toMatchObject({ deadLettered: { aged: 1 } })
  })

  it('a record that is too old at the start has one attempt in each run before it is given up', async () => {
    const handler = manualHandler()
    const { settle, stop } = startRun(
      handler,
      { retry: { maxRecordAgeMs: 1_000 }, onFailure: 'discard' },
      (from) => from.write({ ageMs: 7_200_000, resumed: { attempts: 50, since: 1 } }),
    )
    await settle()
    expect(handler.attempts).toEqual([51])
    handler.resolve(1)
    expect(await stop()).toMatchObject({ handled: 1, discarded: 0 })
  })

  it("an attempt that classify rejects is given up at once as Rejected, with the handler's error", async () => {
    const letters: DeadLetter[] = []
    const { settle, stop } = startRun(
      fail,
      {
        retry: { classify: () => 'reject' },
        onFailure: async (letter: DeadLetter) => void letters.push(letter),
      },
      (from) => from.write({}),
    )
    await settle()
    expect(letters).toMatchObject([
      { condition: 'Rejected', failure: { attempts: 1, error: { message: 'broken' } } },
    ])
    expect(await stop()).toMatchObject({ deadLettered: { rejected: 1 }, attempts: 1, retries: 0 })
  })

  it.each([
    ['throws', () => fail(), { message: 'broken' }],
    ['returns something else', () => 'nonsense', { name: 'TypeError' }],
  ])(
    'a classify that %s counts as retry, and the event of the attempt contains the problem',
    async (_, classify, problem) => {
      const { settle, stop, eventsNamed } = startRun(fail, { retry: { classify } }, (from) => from.write({}))
      await settle()
      expect(eventsNamed('attemptFailed')).toMatchObject([{ verdict: 'retry', callbackError: problem }])
      await stop()
    },
  )

  it('a delayMs that returns no delay is replaced by the default, and the event contains the problem', async () => {
    const { settle, stop, eventsNamed } = startRun(fail, { retry: { delayMs: () => Number.NaN } }, (from) =>
      from.write({}),
    )
    await settle()
    const [event] = eventsNamed('attemptFailed')
    expect(event).toMatchObject({ callbackError: { name: 'TypeError' } })
    expect(event?.delayMs).toBeGreaterThanOrEqual(0)
    await stop()
  })

  it('without a problem, the event of an attempt has no callbackError', async () => {
    const { settle, stop, eventsNamed } = startRun(fail, { retry: { delayMs: () => 5_000 } }, (from) =>
      from.write({}),
    )
    await settle()
    expect(eventsNamed('attemptFailed')).toMatchObject([{ delayMs: 5_000, attempt: 1 }])
    expect(eventsNamed('attemptFailed')[0]).not.toHaveProperty('callbackError')
    await stop()
  })

  it.each([undefined, null, 0, 'text', Object.freeze({ name: 'Frozen' }), Symbol('odd')])(
    'a handler that throws %s is retried and then given up',
    async (thrown) => {
      const letters: DeadLetter[] = []
      const { clock, settle, stop } = startRun(
        () => {
          throw thrown
        },
        {
          retry: { maxAttempts: 3, maxDelayMs: 10 },
          onFailure: async (letter: DeadLetter) => void letters.push(letter),
        },
        (from) => from.write({}),
      )
      await settle()
      await clock.advance(100)
      expect(letters).toMatchObject([{ condition: 'RetryAttemptsExhausted', failure: { attempts: 3 } }])
      expect(letters[0]?.invocationRecord()).toMatchObject({
        responseContext: { functionError: 'Unhandled' },
      })
      expect(await stop()).toMatchObject({ attempts: 3, retries: 2 })
    },
  )

  it('a target for each kind of reason receives its records, and the run stops at the kind without one', async () => {
    const sent: string[] = []
    const { clock, run, source } = startRun(
      ({ sequenceNumber }: { sequenceNumber: string }) => {
        if (sequenceNumber === '1') throw new RejectError('no')
        throw new Error('broken')
      },
      {
        retry: { maxAttempts: 1 },
        concurrency: 1,
        onFailure: { rejected: async ({ condition }: DeadLetter) => void sent.push(condition) },
      },
      (from) => from.write({}, {}),
    )
    await expect(clock.run(run.result)).rejects.toMatchObject({
      code: 'handler.failed',
      message:
        'Record 2 of shard shard-a was given up (RetryAttemptsExhausted) after 1 attempt. ' +
        'The last error was Error. The run stops because the option onFailure.exhausted is not set. ' +
        'The next run attempts the record again.',
      details: { shardId: 'shard-a', sequenceNumber: '2', attempts: 1 },
      cause: { message: 'broken' },
    })
    expect(sent).toEqual(['Rejected'])
    expect(source.saved.get('1')).toBe('settled')
    expect(source.saved.get('2')).toMatchObject({ attempts: 1, isRunning: false })
    expect(run.health().state).toBe('failed')
  })

  it("with 'discard', records are dropped and counted, and the events say so", async () => {
    const { settle, stop, eventsNamed, source } = startRun(
      fail,
      { retry: { maxAttempts: 1 }, onFailure: 'discard' },
      (from) => from.write({ key: 'a' }, { key: 'a' }),
    )
    await settle()
    await settle()
    expect(
      eventsNamed('discarded').map(({ sequenceNumber, condition }) => [sequenceNumber, condition]),
    ).toEqual([
      ['1', 'RetryAttemptsExhausted'],
      ['2', 'RetryAttemptsExhausted'],
    ])
    expect(await stop()).toMatchObject({ discarded: 2, handled: 0, deadLettered: { exhausted: 0 } })
    expect(source.saved.get('2')).toBe('settled')
  })

  it('of two records that fail for good at once, the first ends the run and both stay unsettled', async () => {
    const handler = manualHandler()
    const { clock, settle, run, source } = startRun(handler, { retry: { maxAttempts: 1 } }, (from) =>
      from.write({}, {}, {}),
    )
    await settle()
    handler.reject(2, new Error('second'))
    handler.reject(1, new Error('first'))
    handler.resolve(3)
    await expect(clock.run(run.result)).rejects.toMatchObject({
      code: 'handler.failed',
      details: { sequenceNumber: '2' },
      cause: { message: 'second' },
    })
    expect(source.saved.get('1')).toMatchObject({ attempts: 1 })
    expect(source.saved.get('2')).toMatchObject({ attempts: 1 })
    expect(source.saved.get('3')).toBe('settled')
  })

  it('if the last checkpoint cannot be saved either, handler.failed contains the error of the save', async () => {
    const problem = new Error('no space')
    const { clock, run } = startRun(fail, { retry: { maxAttempts: 1 } }, (from) => {
      from.write({})
      from.beforeSave = async () => {
        throw problem
      }
    })
    await expect(clock.run(run.result)).rejects.toMatchObject({
      code: 'handler.failed',
      details: { checkpointError: problem, sequenceNumber: '1' },
      cause: { message: 'broken' },
    })
  })

  it('the attempts of earlier runs count, but a record has at least one attempt in each run', async () => {
    const letters: DeadLetter[] = []
    const attempts: number[] = []
    const { settle, stop } = startRun(
      (_: unknown, { attempt }: { attempt: number }) => {
        attempts.push(attempt)
        throw new Error('broken')
      },
      {
        retry: { maxAttempts: 20 },
        onFailure: async (letter: DeadLetter) => void letters.push(letter),
      },
      (from) => from.write({ resumed: { attempts: 20, since: 1 } }),
    )
    await settle()
    expect(attempts).toEqual([21])
    expect(letters).toMatchObject([{ failure: { attempts: 21, error: { message: 'broken' } } }])
    expect(await stop()).toMatchObject({ attempts: 1, retries: 1 })
  })

  describe('with a destination that does not accept letters', () => {
    it('nothing is dropped and reading stops within the bounds, until the destination accepts them', async () => {
      let isDown = true
      const sent: string[] = []
      const { clock, settle, run, stop, source, eventsNamed } = startRun(
        fail,
        {
          retry: { maxAttempts: 1 },
          maxFailingKeys: 20,
          maxUnsettled: 200,
          onFailure: async ({ records }: DeadLetter) => {
            if (isDown) throw new Error('down')
            sent.push((records[0] as { sequenceNumber: string }).sequenceNumber)
          },
        },
        (from) => from.write(...Array.from({ length: 1_000 }, () => ({}))),
      )
      await settle()
      await clock.advance(600_000)
      expect(sent).toEqual([])
      expect(source.taken).toBeLessThanOrEqual(200)
      expect(run.counters.live).toMatchObject({ deadLettered: { exhausted: 0 }, handled: 0 })
      expect(eventsNamed('stalled')).toMatchObject([{ reason: 'destination' }])
      expect(run.health().state).toBe('stalled')
      expect(eventsNamed('destinationRetry').length).toBeGreaterThan(20)
      expect(eventsNamed('destinationRetry')[0]).toMatchObject({ attempt: 1, error: { message: 'down' } })
      isDown = false
      await clock.advance(120_000)
      for (let n = 0; n < 50; n++) await settle()
      expect(new Set(sent).size).toBe(1_000)
      expect(sent).toHaveLength(1_000)
      expect(eventsNamed('unstalled')).toHaveLength(1)
      expect(await stop()).toMatchObject({ deadLettered: { exhausted: 1_000 }, records: 1_000 })
    })

    it('the key of the record waits for it, and other keys continue', async () => {
      const sent = deferred()
      const handler = manualHandler()
      const { settle, stop } = startRun(
        handler,
        { retry: { maxAttempts: 1 }, onFailure: () => sent.promise },
        (from) => from.write({ key: 'a' }, { key: 'a' }, { key: 'b' }),
      )
      await settle()
      handler.reject(1)
      handler.resolve(3)
      await settle()
      expect(handler.calls).toEqual([1, 3])
      sent.resolve()
      await settle()
      expect(handler.calls).toEqual([1, 3, 2])
      handler.resolve(2)
      expect(await stop()).toMatchObject({ handled: 2, deadLettered: { exhausted: 1 } })
    })

    it('a destination that throws synchronously, or is not asynchronous, is treated like any other', async () => {
      let calls = 0
      const { clock, settle, stop } = startRun(
        fail,
        {
          retry: { maxAttempts: 1 },
          onFailure: () => {
            if (++calls === 1) throw new Error('sync')
          },
        },
        (from) => from.write({}),
      )
      await settle()
      await clock.advance(1_000)
      expect(calls).toBe(2)
      expect(await stop()).toMatchObject({ deadLettered: { exhausted: 1 } })
    })
  })
})
