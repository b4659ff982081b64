import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  combineVerdicts,
  type Failure,
  failureKindOf,
  fateOf,
  judgeBeforeAttempt,
  judgeFailure,
  type Now,
  type RecordState,
  type RetryPolicy,
  type Verdict,
} from '../../../src/processing/failure-policy.ts'

const HOUR_MS = 3_600_000
const now: Now = { wall: Date.UTC(2026, 0, 2), monotonic: 5_000 }

function policy(changes: Partial<RetryPolicy> = {}): RetryPolicy {
  return {
    maxAttempts: 20,
    minDelayMs: 200,
    maxDelayMs: 60_000,
    maxRecordAgeMs: undefined,
    park: undefined,
    canGiveUpExhausted: true,
    ...changes,
  }
}

function state(changes: Partial<RecordState> = {}): RecordState {
  return {
    attempts: 1,
    attemptsInRun: 1,
    wasRunning: false,
    ageStartsAt: now.wall - 1_000,
    firstAttemptAt: now.wall - 1_000,
    waits: 0,
    queued: 1,
    ...changes,
  }
}

function failure(verdict: 'retry' | 'reject' | 'wait' = 'retry', delayMs?: number): Failure {
  return { kind: 'failed', verdict, delayMs, error: new Error('the handler failed') }
}

/** Judges a failure with the longest delay that full jitter allows. */
function judge(record: RecordState, failed: Failure, options = policy(), random = 1): Verdict {
  return judgeFailure(record, failed, options, now, () => random)
}

describe('judgeFailure', () => {
  it('a failed record is retried after a random delay whose bound doubles up to maxDelayMs', () => {
    const bounds = [1, 2, 3, 8, 9, 10, 19].map((attempts) => judge(state({ attempts }), failure()))
    const delays = [200, 400, 800, 25_600, 51_200, 60_000, 60_000]
    expect(bounds).toEqual(delays.map((delayMs) => ({ do: 'retry', at: 5_000 + delayMs, delayMs })))
    expect(judge(state(), failure(), policy(), 0.25)).toEqual({ do: 'retry', at: 5_050, delayMs: 50 })
    expect(judge(state(), failure(), policy(), 0)).toEqual({ do: 'retry', at: 5_000, delayMs: 0 })
  })

  it('with the default options a record is retried for about twelve minutes at most', () => {
    let totalMs = 0
    for (let attempts = 1; attempts < 20; attempts++) {
      const verdict = judge(state({ attempts }), failure())
      if (verdict.do === 'retry') totalMs += verdict.delayMs
    }
    expect(totalMs).toBe(702_200)
  })

  it('a record is given up when its last attempt fails, and not before', () => {
    expect(judge(state({ attempts: 19 }), failure())).toMatchObject({ do: 'retry' })
    expect(judge(state({ attempts: 20 }), failure())).toEqual({
      do: 'giveUp',
      condition: 'RetryAttemptsExhausted',
      reason: 'Attempt 20 failed; retry.maxAttempts is 20.',
      error: new Error('the handler failed'),
    })
  })

  it('a record with more attempts than maxAttempts, which was lowered, is given up after one more', () => {
    const verdict = judge(state({ attempts: 21, attemptsInRun: 1 }), failure(), policy({ maxAttempts: 3 }))
    expect(verdict).toMatchObject({ do: 'giveUp', condition: 'RetryAttemptsExhausted' })
  })

  it('a failure that classify rejects is given up at the first attempt, even with a delay', () => {
    expect(judge(state(), failure('reject', 100))).toMatchObject({ do: 'giveUp', condition: 'Rejected' })
  })

  it('waiting costs no attempt, so it continues after maxAttempts', () => {
    expect(judge(state({ attempts: 20 }), failure('wait'))).toMatchObject({ do: 'wait' })
    expect(judge(state({ attempts: 1_000 }), failure('wait'))).toMatchObject({ do: 'wait' })
  })

  it('waiting backs off by its own count, not by the number of attempts', () => {
    const delays = [0, 1, 2, 9].map((waits) => judge(state({ attempts: 15, waits }), failure('wait')))
    expect(delays).toEqual(
      [200, 400, 800, 60_000].map((delayMs) => ({ do: 'wait', at: 5_000 + delayMs, delayMs })),
    )
  })

  it('a delay that the user chose replaces the jitter, for retries and for waiting', () => {
    expect(judge(state(), failure('retry', 90_000))).toEqual({ do: 'retry', at: 95_000, delayMs: 90_000 })
    expect(judge(state(), failure('wait', 0))).toEqual({ do: 'wait', at: 5_000, delayMs: 0 })
  })

  it('a record that the handler or the schema refuses is given up with the reason', () => {
    const error = new TypeError('no such customer')
    expect(judge(state(), { kind: 'rejected', reason: 'unknown customer', error })).toEqual({
      do: 'giveUp',
      condition: 'Rejected',
      reason: 'unknown customer',
      error,
    })
    expect(judge(state(), { kind: 'invalid', reason: 'newImage.total: expected a number' })).toEqual({
      do: 'giveUp',
      condition: 'Invalid',
      reason: 'newImage.total: expected a number',
    })
  })

  it('the delay ends when the record reaches the maximum age, so that it is given up in time', () => {
    const aging = policy({ maxRecordAgeMs: HOUR_MS })
    const old = state({ ageStartsAt: now.wall - HOUR_MS + 3_000 })
    expect(judge(old, failure('retry', 60_000), aging)).toEqual({ do: 'retry', at: 8_000, delayMs: 3_000 })
    expect(judge(old, failure('wait', 60_000), aging)).toEqual({ do: 'wait', at: 8_000, delayMs: 3_000 })
    const tooOld = state({ ageStartsAt: now.wall - 2 * HOUR_MS })
    expect(judge(tooOld, failure('retry', 60_000), aging)).toEqual({ do: 'retry', at: 5_000, delayMs: 0 })
  })

  it('no state leads to a delay that is negative, not finite, or longer than the options allow', () => {
    const states = fc.record({
      attempts: fc.integer({ min: 1, max: 1_000_000_000 }),
      waits: fc.integer({ min: 0, max: 1_000_000_000 }),
      ageStartsAt: fc.integer({ min: 0, max: now.wall + 10 * HOUR_MS }),
      minDelayMs: fc.integer({ min: 0, max: 1_000 }),
      maxDelayMs: fc.integer({ min: 1_000, max: 86_400_000 }),
      maxRecordAgeMs: fc.option(fc.integer({ min: 1_000, max: 604_800_000 }), { nil: undefined }),
      verdict: fc.constantFrom('retry' as const, 'wait' as const),
      random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    })
    fc.assert(
      fc.property(states, ({ attempts, waits, ageStartsAt, verdict, random, ...delays }) => {
        const options = policy({ ...delays, maxAttempts: 1_000_000_000 })
        const result = judge(state({ attempts, waits, ageStartsAt }), failure(verdict), options, random)
        if (result.do === 'giveUp') return attempts === 1_000_000_000
        expect(result.delayMs).toBeGreaterThanOrEqual(0)
        expect(result.delayMs).toBeLessThanOrEqual(delays.maxDelayMs)
        expect(result.at).toBe(now.monotonic + result.delayMs)
        return true
      }),
    )
  })
})

describe('judgeBeforeAttempt', () => {
  const fresh = state({ attempts: 0, attemptsInRun: 0 })

  it('the first attempt of a record starts at once and without a save', () => {
    expect(judgeBeforeAttempt(fresh, policy(), now)).toEqual({ do: 'start', saveFirst: false })
  })

  it('a record whose attempts an earlier run has used up has one more attempt in this run', () => {
    const resumed = state({ attempts: 20, attemptsInRun: 0 })
    expect(judgeBeforeAttempt(resumed, policy(), now)).toEqual({ do: 'start', saveFirst: false })
  })

  it('a record that is too old is attempted once in each run before it is given up', () => {
    const options = policy({ maxRecordAgeMs: HOUR_MS })
    const ageStartsAt = now.wall - 2 * HOUR_MS
    const first = judgeBeforeAttempt(state({ attempts: 7, attemptsInRun: 0, ageStartsAt }), options, now)
    expect(first).toMatchObject({ do: 'start' })
    const second = judgeBeforeAttempt(state({ attempts: 8, attemptsInRun: 1, ageStartsAt }), options, now)
    expect(second).toEqual({
      do: 'giveUp',
      condition: 'RecordAgeExceeded',
      reason: 'The record is older than 3600000 ms.',
    })
  })

  it('a record that only waited is given up by age, although none of its attempts counts', () => {
    const waited = state({ attempts: 0, attemptsInRun: 3, waits: 3, ageStartsAt: now.wall - HOUR_MS })
    const verdict = judgeBeforeAttempt(waited, policy({ maxRecordAgeMs: HOUR_MS }), now)
    expect(verdict).toMatchObject({ do: 'giveUp', condition: 'RecordAgeExceeded' })
  })

  it('a record reaches the maximum age exactly maxRecordAgeMs after it was written', () => {
    const options = policy({ maxRecordAgeMs: HOUR_MS })
    const younger = state({ ageStartsAt: now.wall - HOUR_MS + 1 })
    expect(judgeBeforeAttempt(younger, options, now)).toEqual({ do: 'start', saveFirst: false })
    const older = state({ ageStartsAt: now.wall - HOUR_MS })
    expect(judgeBeforeAttempt(older, options, now)).toMatchObject({ do: 'giveUp' })
  })

  it('without maxRecordAgeMs the age does not matter', () => {
    expect(judgeBeforeAttempt(state({ ageStartsAt: 0 }), policy(), now)).toMatchObject({ do: 'start' })
  })

  it('a record that was running when the process ended starts only after a save', () => {
    const lost = state({ attempts: 3, attemptsInRun: 0, wasRunning: true })
    expect(judgeBeforeAttempt(lost, policy(), now)).toEqual({ do: 'start', saveFirst: true })
    const retried = state({ attempts: 4, attemptsInRun: 1, wasRunning: true })
    expect(judgeBeforeAttempt(retried, policy(), now)).toEqual({ do: 'start', saveFirst: false })
  })

  it('a record that was running in its last attempt when the process ended is given up at once', () => {
    const lost = state({ attempts: 20, attemptsInRun: 0, wasRunning: true })
    expect(judgeBeforeAttempt(lost, policy(), now)).toEqual({
      do: 'giveUp',
      condition: 'WorkerLost',
      reason: 'The process ended during attempt 20; retry.maxAttempts is 20.',
    })
  })

  it('without a destination such a record is attempted again, after a save', () => {
    const lost = state({ attempts: 20, attemptsInRun: 0, wasRunning: true })
    const verdict = judgeBeforeAttempt(lost, policy({ canGiveUpExhausted: false }), now)
    expect(verdict).toEqual({ do: 'start', saveFirst: true })
  })

  it('a record that ends the process at each attempt is given up after maxAttempts processes', () => {
    const options = policy({ maxAttempts: 3 })
    const verdicts = [0, 1, 2, 3].map((attempts) =>
      judgeBeforeAttempt(state({ attempts, attemptsInRun: 0, wasRunning: attempts > 0 }), options, now),
    )
    expect(verdicts).toMatchObject([
      { do: 'start', saveFirst: false },
      { do: 'start', saveFirst: true },
      { do: 'start', saveFirst: true },
      { do: 'giveUp', condition: 'WorkerLost' },
    ])
  })
})

describe('combineVerdicts', () => {
  const retry: Verdict = { do: 'retry', at: 100, delayMs: 50 }
  const wait: Verdict = { do: 'wait', at: 300, delayMs: 250 }
  const giveUp: Verdict = { do: 'giveUp', condition: 'Rejected', reason: 'no such customer' }

  it('tasks that are retried together wait for the longest of their delays', () => {
    expect(combineVerdicts([wait, retry]).retry).toEqual({ at: 300, delayMs: 250 })
    expect(combineVerdicts([retry, wait]).retry).toEqual({ at: 300, delayMs: 250 })
  })

  it('an attempt counts unless all of its failed tasks only wait', () => {
    expect(combineVerdicts([wait, wait]).counts).toBe(false)
    expect(combineVerdicts([wait, retry]).counts).toBe(true)
    expect(combineVerdicts([wait, giveUp]).counts).toBe(true)
  })

  it('a record whose tasks are all given up is not retried', () => {
    expect(combineVerdicts([giveUp, giveUp])).toEqual({ counts: true, retry: undefined })
    expect(combineVerdicts([giveUp, retry]).retry).toEqual({ at: 100, delayMs: 50 })
  })
})

describe('conditions', () => {
  it('each condition has a counter of the summary, and a member of onFailure', () => {
    const conditions = [
      'RetryAttemptsExhausted',
      'RecordAgeExceeded',
      'Rejected',
      'Invalid',
      'WorkerLost',
    ] as const
    expect(conditions.map(fateOf)).toEqual(['exhausted', 'aged', 'rejected', 'invalid', 'workerLost'])
    const kinds = ['exhausted', 'exhausted', 'rejected', 'invalid', 'exhausted']
    expect(conditions.map(failureKindOf)).toEqual(kinds)
  })
})
