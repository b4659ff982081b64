import { describe, expect, it } from 'vitest'
import { EMPTY_PAGES_TO_CROSS, invalidateTip, nextStep } from '../../../src/reader/next-step.ts'
import { nextPollAt } from '../../../src/reader/poll-interval.ts'
import { ITERATOR_LIFE_MS, initialReadState, type ReadState } from '../../../src/reader/read-state.ts'
import type { FailedCall, Outcome, StepContext } from '../../../src/reader/step.ts'
import { RETENTION_MS } from '../../../src/shards/retention.ts'
import { STALLED_AFTER_MS } from '../../../src/streams-api/failure-streak.ts'
import { CallTimeout } from '../../../src/streams-api/retry.ts'

const SERVICE_NOW = Date.UTC(2026, 0, 2)

function contextOf(more: Partial<StepContext> = {}): StepContext {
  return {
    now: 1_000_000,
    presentSince: more.now ?? 1_000_000,
    serviceNow: SERVICE_NOW,
    random: () => 0.5,
    idlePollMs: { min: 200, max: 1_000 },
    readNumber: 1,
    polledAt: 999_950,
    isAwaited: false,
    isPrefetched: false,
    hasBuffered: false,
    hasEnded: false,
    hadEnded: false,
    isClosed: false,
    createdAt: SERVICE_NOW - 3_600_000,
    losesTrimmed: true,
    losesShard: true,
    hasUnsettledStart: false,
    opensAtUnsettled: false,
    ...more,
  }
}

/** An iterator that the read itself has opened. */
const newIterator = { iterator: 'new', iteratorExpiresAt: 999_950 + ITERATOR_LIFE_MS }

const stateOf = (more: Partial<ReadState> = {}): ReadState => ({ ...initialReadState, ...more })

const page = (more: Partial<Extract<Outcome, { kind: 'page' }>> = {}): Outcome => ({
  kind: 'page',
  records: 0,
  admitted: 0,
  isFull: false,
  newestAt: undefined,
  nextIterator: 'next',
  ...more,
})

/** A page of `count` records that were just written. */
const records = (count: number, more: Partial<Extract<Outcome, { kind: 'page' }>> = {}): Outcome =>
  page({ records: count, admitted: count, newestAt: SERVICE_NOW, ...more })

const errorOf = (name: string) => Object.assign(new Error(name), { name, $metadata: { httpStatusCode: 400 } })

const failedCall = (name: string, more: Partial<FailedCall> = {}): FailedCall => ({
  operation: 'GetRecords',
  error: errorOf(name),
  ...more,
})

const failed = (name: string, more: Partial<FailedCall> = {}): Outcome => ({
  kind: 'failed',
  failed: failedCall(name, more),
})

/** Applies the same outcome `times` times, `everyMs` apart. Returns the last step. */
function repeat(outcome: Outcome, times: number, everyMs: number, more: Partial<StepContext> = {}) {
  let state = stateOf()
  let step = nextStep(state, outcome, contextOf(more))
  for (let time = 1; time < times; time++) {
    state = step.state
    step = nextStep(state, outcome, contextOf({ ...more, now: 1_000_000 + time * everyMs }))
  }
  return step
}

describe('pages with records', () => {
  it('a page with records is followed by the next read at once, and the shard is not at its tip yet', () => {
    const { state, action, isPolled } = nextStep(stateOf(), records(3), contextOf())
    expect(action).toEqual({ do: 'read', at: 1_000_000 })
    expect(state).toMatchObject({ iterator: 'next', atTip: false, emptyPages: 0 })
    expect(isPolled).toBe(false)
  })

  it('a caller need not wait for a shard after a page if records of the shard are buffered', () => {
    expect(nextStep(stateOf(), records(3), contextOf({ hasBuffered: true })).isPolled).toBe(true)
  })

  it('a shard is not read for now when enough of its records are buffered', () => {
    const { action } = nextStep(stateOf(), records(3), contextOf({ isPrefetched: true, hasBuffered: true }))
    expect(action).toEqual({ do: 'pause' })
  })

  it('a shard at its tip stays there after a page with records, unless the page is full', () => {
    const atTip = stateOf({ atTip: true, idlePolls: 7 })
    expect(nextStep(atTip, records(3), contextOf()).state).toMatchObject({ atTip: true, idlePolls: 0 })
    expect(nextStep(atTip, records(1_000, { isFull: true }), contextOf()).state.atTip).toBe(false)
  })

  it('a page whose records are all skipped does not show that the shard is at its tip, but the next empty page does', () => {
    const { state, action } = nextStep(stateOf({ atTip: true }), records(5, { admitted: 0 }), contextOf())
    expect(state).toMatchObject({ atTip: false, emptyPages: EMPTY_PAGES_TO_CROSS - 1 })
    expect(action).toEqual({ do: 'read', at: 1_000_000 })
    expect(nextStep(state, page(), contextOf()).state.atTip).toBe(true)
  })

  it('invalidateTip does not change a shard that is not at its tip, and reads that started earlier do not show the tip', () => {
    const crossing = invalidateTip(stateOf({ emptyPages: EMPTY_PAGES_TO_CROSS - 1 }), 7)
    const stale = nextStep(crossing, page(), contextOf({ readNumber: 7 })).state
    expect(stale).toMatchObject({ atTip: false, emptyPages: EMPTY_PAGES_TO_CROSS - 1 })
    expect(nextStep(stale, page(), contextOf({ readNumber: 8 })).state.atTip).toBe(true)
    expect(invalidateTip(stateOf({ emptyPages: 1 }), 0)).toMatchObject({ atTip: false, emptyPages: 1 })
  })

  it('a page resets the failures, the refusals and the assumed end of its shard', () => {
    const failing = stateOf({
      failures: 3,
      failureStreak: { since: 1, lastAt: 2 },
      notFound: { count: 1, spacedCount: 1, countedAt: 1 },
      isStalled: true,
      refusals: 2,
      isTrimHorizonReadable: true,
      openConfirmations: 3,
      assumedOpenUntil: 2_000_000,
    })
    expect(nextStep(failing, records(1), contextOf()).state).toMatchObject({
      failures: 0,
      failureStreak: undefined,
      notFound: undefined,
      isStalled: false,
      refusals: 0,
      isTrimHorizonReadable: false,
      openConfirmations: 0,
      assumedOpenUntil: Number.NEGATIVE_INFINITY,
    })
  })

  it('the next iterator of a page lives for 15 minutes from the time of the request', () => {
    expect(nextStep(stateOf(), records(1), contextOf()).state.iteratorExpiresAt).toBe(
      999_950 + ITERATOR_LIFE_MS,
    )
  })
})

describe('small pages of new records', () => {
  const afterBurst = (outcome: Outcome) => {
    let state = stateOf()
    for (let n = 0; n < 100; n++) state = nextStep(state, outcome, contextOf()).state
    return nextStep(state, outcome, contextOf()).action
  }

  it('a shard with small pages of new records is read five times per second after a burst', () => {
    expect(afterBurst(records(3))).toEqual({ do: 'read', at: 1_000_200 })
  })

  it('pages that are full or older than a minute are not rate limited', () => {
    expect(afterBurst(records(3, { isFull: true }))).toEqual({ do: 'read', at: 1_000_000 })
    expect(afterBurst(records(3, { newestAt: SERVICE_NOW - 60_001 }))).toEqual({ do: 'read', at: 1_000_000 })
  })
})

describe('empty pages', () => {
  const empty = (count: number, more: Partial<StepContext> = {}) => {
    let step = nextStep(stateOf(), page(), contextOf(more))
    for (let n = 1; n < count; n++) step = nextStep(step.state, page(), contextOf(more))
    return step
  }

  it('empty pages are crossed without a pause, until six consecutive ones show that nothing is left', () => {
    expect(empty(EMPTY_PAGES_TO_CROSS - 1)).toMatchObject({
      state: { atTip: false },
      action: { do: 'read', at: 1_000_000 },
      isPolled: false,
    })
    expect(empty(EMPTY_PAGES_TO_CROSS)).toMatchObject({ state: { atTip: true }, isPolled: true })
  })

  it('up to 100 empty pages of a closed shard are crossed, because its last page shows that it ends', () => {
    expect(empty(99, { isClosed: true }).state.atTip).toBe(false)
    expect(empty(100, { isClosed: true }).state.atTip).toBe(true)
  })

  it('the count of empty pages starts again after a page with records', () => {
    const { state } = nextStep(empty(5).state, records(1), contextOf())
    expect(nextStep(state, page(), contextOf()).state.atTip).toBe(false)
  })

  it('one empty page is enough after new records of a shard that was at its tip', () => {
    const { state } = nextStep(empty(EMPTY_PAGES_TO_CROSS).state, records(1), contextOf())
    expect(nextStep(state, page(), contextOf())).toMatchObject({ state: { atTip: true }, isPolled: true })
  })
})

describe('the poll interval at the tip', () => {
  const atTip = (idlePolls: number) => ({ atTip: true, idlePolls, notBefore: 0 })
  const poll = { polledAt: 5_000, now: 5_010, isAwaited: false, idlePollMs: { min: 200, max: 1_000 } }

  it('the poll interval at the tip grows with each empty page from idlePollMs.min to idlePollMs.max', () => {
    const pauses = [0, 1, 2, 3, 4, 40].map((idlePolls) => nextPollAt(atTip(idlePolls), poll) - 5_000)
    expect(pauses).toEqual([200, 300, 450, 675, 1_000, 1_000])
  })

  it('the poll interval at the tip is idlePollMs.min while a caller waits for the shard', () => {
    expect(nextPollAt(atTip(40), { ...poll, isAwaited: true })).toBe(5_200)
  })

  it('a shard is never polled sooner than its rate limit allows', () => {
    expect(nextPollAt({ ...atTip(0), notBefore: 9_000 }, poll)).toBe(9_000)
    expect(nextPollAt({ atTip: false, idlePolls: 0, notBefore: 9_000 }, poll)).toBe(9_000)
  })
})

describe('pages without a next iterator', () => {
  const last = page({ nextIterator: undefined })

  it('a page without a next iterator ends a shard that was known to be closed when the page was requested', () => {
    expect(nextStep(stateOf(), last, contextOf({ hasEnded: true, hadEnded: true })).action).toEqual({
      do: 'finish',
    })
  })

  it('a shard that closed during its last read is read once more, because records may have been written before it closed', () => {
    const { state, action } = nextStep(stateOf({ iterator: 'old' }), last, contextOf({ hasEnded: true }))
    expect(action).toEqual({ do: 'read', at: 1_000_000 })
    expect(state.iterator).toBeUndefined()
  })

  it('a missing next iterator leads to a listing, and a caller only waits for the first one', () => {
    const first = nextStep(stateOf(), last, contextOf())
    expect(first).toMatchObject({ action: { do: 'checkEnd', isFirstCheck: true }, isPolled: false })
    const later = nextStep(stateOf({ openConfirmations: 1 }), last, contextOf())
    expect(later).toMatchObject({ action: { do: 'checkEnd', isFirstCheck: false }, isPolled: true })
  })

  it('a missing next iterator is ignored while a listing that showed the shard as open is trusted', () => {
    const state = stateOf({ assumedOpenUntil: 1_000_001, openConfirmations: 1 })
    expect(nextStep(state, last, contextOf()).action?.do).toBe('read')
    expect(nextStep(state, last, contextOf({ now: 1_000_001 })).action?.do).toBe('checkEnd')
  })
})

describe('end checks', () => {
  const checkEnd = (wasListed: boolean, more: Partial<StepContext> = {}, state = stateOf()) =>
    nextStep(state, { kind: 'endChecked', wasListed }, contextOf(more))

  it('a shard has shown its end until a listing shows it as open or a page has a next iterator', () => {
    const atEnd = nextStep(stateOf(), page({ nextIterator: undefined }), contextOf()).state
    expect(atEnd.hasShownEnd).toBe(true)
    expect(checkEnd(true, { hasEnded: true }, atEnd).state.hasShownEnd).toBe(true)
    expect(checkEnd(true, {}, atEnd).state.hasShownEnd).toBe(false)
    expect(nextStep(atEnd, page(), contextOf()).state.hasShownEnd).toBe(false)
    const confirmedOpen = stateOf({ openConfirmations: 1 })
    expect(nextStep(confirmedOpen, page({ nextIterator: undefined }), contextOf()).state.hasShownEnd).toBe(
      false,
    )
  })

  it('a shard that is found to be closed is read once more with a new iterator', () => {
    const { state, action } = checkEnd(false, { hasEnded: true }, stateOf({ iterator: 'old', atTip: true }))
    expect(action).toEqual({ do: 'read', at: 1_000_000 })
    expect(state).toMatchObject({ iterator: undefined, atTip: false, emptyPages: 0 })
  })

  it('an end check that only looked up the children, and found none, changes nothing', () => {
    expect(checkEnd(false).action).toBeUndefined()
  })

  it('a listing that shows the shard as open is trusted for twice as long each time, up to 10 seconds', () => {
    const trustedMs = [0, 1, 2, 5, 40].map(
      (openConfirmations) =>
        checkEnd(true, {}, stateOf({ openConfirmations })).state.assumedOpenUntil - 1_000_000,
    )
    expect(trustedMs).toEqual([500, 1_000, 2_000, 10_000, 10_000])
  })
})

describe('temporary failures', () => {
  it.each(['ThrottlingException', 'InternalServerError', 'AbortError'])(
    'a call that fails with %s is retried after a pause',
    (name) => {
      const { state, action } = nextStep(stateOf({ iterator: 'kept' }), failed(name), contextOf())
      expect(action).toMatchObject({ do: 'read', at: 1_000_050, retry: { attempt: 1, delayMs: 50 } })
      expect(state).toMatchObject({
        iterator: 'kept',
        failures: 1,
        failureStreak: { since: 1_000_000, lastAt: 1_000_000 },
      })
    },
  )

  it('a call that timed out is retried', () => {
    const hung: Outcome = { kind: 'failed', failed: { operation: 'GetRecords', error: new CallTimeout() } }
    expect(nextStep(stateOf(), hung, contextOf()).action).toMatchObject({ do: 'read', retry: { attempt: 1 } })
  })

  it('a shard that has been failing for a minute is stalled, which is reported once', () => {
    const outcome = failed('ThrottlingException')
    expect(repeat(outcome, 6, STALLED_AFTER_MS / 6).state.isStalled).toBe(false)
    const stalled = repeat(outcome, 7, STALLED_AFTER_MS / 6)
    expect(stalled.state.isStalled).toBe(true)
    expect(stalled.action).toMatchObject({ retry: { stalledForMs: STALLED_AFTER_MS } })
    const next = nextStep(stalled.state, outcome, contextOf({ now: 1_070_000 }))
    expect(next.action).toMatchObject({ retry: { stalledForMs: undefined } })
  })

  it('a shard that was not read between two failures is not stalled', () => {
    expect(repeat(failed('ThrottlingException'), 2, 3_600_000).state.isStalled).toBe(false)
  })

  it('a shard whose retry was delayed by other reads is stalled if the consumer was present', () => {
    const first = nextStep(stateOf(), failed('ThrottlingException'), contextOf())
    const later = contextOf({ now: 1_120_000, presentSince: 1_000_000 })
    expect(nextStep(first.state, failed('ThrottlingException'), later).state.isStalled).toBe(true)
    const back = contextOf({ now: 1_120_000, presentSince: 1_110_000 })
    expect(nextStep(first.state, failed('ThrottlingException'), back).state.isStalled).toBe(false)
  })
})

describe('expired iterators', () => {
  const expired = failed('ExpiredIteratorException')

  it('an expired iterator is replaced at once, but after a pause if the same read opened it', () => {
    const old = nextStep(stateOf({ iterator: 'old' }), expired, contextOf())
    expect(old.action).toEqual({ do: 'read', at: 1_000_000 })
    expect(old.state.iterator).toBeUndefined()
    const opened = { ...old.state, iterator: 'new', iteratorExpiresAt: 1_000_010 + ITERATOR_LIFE_MS }
    const broken = nextStep(opened, expired, contextOf({ polledAt: 1_000_000, now: 1_000_050 }))
    expect(broken.action).toMatchObject({ do: 'read', at: 1_000_100, retry: { attempt: 1 } })
    expect(broken.state.iterator).toBeUndefined()
  })

  it('an expired iterator is not a failure, so a shard that failed long before does not become stalled', () => {
    const timedOut = failed('', { error: new CallTimeout() })
    const { state } = nextStep(stateOf({ iterator: 'old' }), timedOut, contextOf())
    const laterMs = STALLED_AFTER_MS + 17_000
    const later = contextOf({
      now: 1_000_000 + laterMs,
      polledAt: 999_600 + laterMs,
      presentSince: 1_000_000,
    })
    const step = nextStep(state, expired, later)
    expect(step.action).toEqual({ do: 'read', at: 1_000_000 + laterMs })
    expect(step.state).toMatchObject({ isStalled: false, failures: 1 })
  })
})

describe('trimmed positions', () => {
  const trimmed = failed('TrimmedDataAccessException')

  it('a position is a gap if GetShardIterator refuses it', () => {
    const atIterator = failed('TrimmedDataAccessException', { operation: 'GetShardIterator' })
    expect(nextStep(stateOf(), atIterator, contextOf()).action).toMatchObject({
      do: 'reportGap',
      reason: 'position-trimmed',
    })
  })

  it('a refused position is a gap if the shard is closed, or its oldest position could just be read', () => {
    expect(nextStep(stateOf(), trimmed, contextOf({ hasEnded: true })).action?.do).toBe('reportGap')
    expect(nextStep(stateOf({ isTrimHorizonReadable: true }), trimmed, contextOf()).action?.do).toBe(
      'reportGap',
    )
  })

  it('the oldest position of an open shard is probed before a refused position counts as a gap', () => {
    expect(nextStep(stateOf(), trimmed, contextOf()).action).toMatchObject({ do: 'probeTrimHorizon' })
  })

  it('a refused position is read again after the oldest position could be read', () => {
    const outcome: Outcome = { kind: 'trimHorizonProbed', isReadable: true }
    const { state, action } = nextStep(stateOf({ iterator: 'old' }), outcome, contextOf())
    expect(action).toEqual({ do: 'read', at: 1_000_000 })
    expect(state).toMatchObject({ iterator: undefined, isTrimHorizonReadable: true })
  })

  it('an open shard whose records are all trimmed is at its tip after two refusals, and is polled with pauses', () => {
    const withoutGap = contextOf({ losesTrimmed: false })
    const first = nextStep(stateOf(newIterator), trimmed, withoutGap)
    expect(first).toMatchObject({ state: { atTip: false, iterator: undefined }, isPolled: false })
    expect(first.action).toEqual({ do: 'read', at: 1_000_300 })
    const second = nextStep({ ...first.state, ...newIterator }, trimmed, withoutGap)
    expect(second).toMatchObject({ state: { atTip: true, iterator: undefined }, isPolled: true })
  })

  it('a closed shard is finished when its oldest position is refused five consecutive times', () => {
    const probed: Outcome = { kind: 'trimHorizonProbed', isReadable: false }
    const closed = { hasEnded: true, hadEnded: true }
    expect(repeat(probed, 4, 1_000, closed)).toMatchObject({
      state: { atTip: false },
      action: { do: 'read' },
      isPolled: false,
    })
    expect(repeat(probed, 5, 1_000, closed).action).toEqual({ do: 'finish' })
    expect(repeat(probed, 9, 1_000).action?.do).toBe('read')
  })

  it('an older iterator that is refused without a gap is replaced first, because only its position may be trimmed', () => {
    const closed = contextOf({ hasEnded: true, hadEnded: true, losesTrimmed: false })
    const old = stateOf({ ...newIterator, iteratorExpiresAt: newIterator.iteratorExpiresAt - 1 })
    const counted = { refusals: 4, refusalsSinceEnd: 4, failures: 1, emptyPages: 3 }
    const step = nextStep({ ...old, ...counted }, trimmed, closed)
    expect(step).toMatchObject({
      state: { ...counted, iterator: undefined },
      action: { do: 'read', at: 1_000_000 },
    })
    const refused = nextStep({ ...step.state, ...newIterator }, trimmed, closed)
    expect(refused.action).toEqual({ do: 'finish' })
  })

  it('only refusals of new iterators count, even when another call failed in between', () => {
    const closed = contextOf({ hasEnded: true, hadEnded: true, losesTrimmed: false })
    const old = nextStep(stateOf({ iterator: 'old' }), trimmed, closed)
    expect(old.state).toMatchObject({ isRefused: true, refusals: 0, refusalsSinceEnd: 0 })
    const throttled = nextStep({ ...old.state, ...newIterator }, failed('ThrottlingException'), closed)
    expect(throttled.state).toMatchObject({ iterator: undefined, failures: 1 })
    const refused = nextStep({ ...throttled.state, ...newIterator }, trimmed, closed)
    expect(refused.state).toMatchObject({ isRefused: true, refusals: 1, refusalsSinceEnd: 1 })
  })

  it.each([true, false])(
    'a stalled shard recovers when its position is refused without a gap (closed: %s)',
    (isClosed) => {
      const context = contextOf({ hasEnded: isClosed, hadEnded: isClosed, losesTrimmed: false })
      const { state } = nextStep(stateOf({ ...newIterator, failures: 9, isStalled: true }), trimmed, context)
      expect(state).toMatchObject({ failures: 0, failureStreak: undefined, isStalled: false })
    },
  )

  it('refusals while a shard was open do not finish it sooner once it is closed', () => {
    const closed = contextOf({ hasEnded: true, hadEnded: true, losesTrimmed: false })
    const { action } = nextStep(stateOf({ ...newIterator, refusals: 10 }), trimmed, closed)
    expect(action?.do).toBe('read')
  })

  it('a shard is read again after a pause when GetShardIterator refuses its position without a gap', () => {
    const atIterator = failed('TrimmedDataAccessException', { operation: 'GetShardIterator' })
    const { action } = nextStep(stateOf(), atIterator, contextOf({ losesTrimmed: false }))
    expect(action).toEqual({ do: 'read', at: 1_000_300 })
  })

  it('a closed shard that has shown its end is finished when its position is refused', () => {
    const atEnd = stateOf({ hasShownEnd: true })
    expect(nextStep(atEnd, trimmed, contextOf({ hasEnded: true })).action).toEqual({ do: 'finish' })
    expect(nextStep(atEnd, trimmed, contextOf()).action?.do).toBe('probeTrimHorizon')
  })
})

describe('unknown shards', () => {
  const notFound = failed('ResourceNotFoundException')
  const exists: Outcome = { kind: 'streamExists', failed: failedCall('ResourceNotFoundException') }
  const old = { createdAt: SERVICE_NOW - RETENTION_MS }

  it('DescribeStream is called for a shard that is not found, and the error is permanent if the stream is not found either', () => {
    expect(nextStep(stateOf(), notFound, contextOf()).action?.do).toBe('describeStream')
    const stream = failed('ResourceNotFoundException', { operation: 'DescribeStream' })
    expect(nextStep(stateOf(), stream, contextOf()).action?.do).toBe('fail')
  })

  it('a shard that is too young to have been trimmed is retried for five minutes before it is a gap', () => {
    expect(repeat(exists, 32, 10_000)).toMatchObject({
      action: { do: 'read' },
      state: { iterator: undefined },
    })
    expect(repeat(exists, 33, 10_000).action).toMatchObject({ do: 'reportGap', reason: 'shard-vanished' })
  })

  it('a young shard that is not found is retried at least five times, however far apart', () => {
    expect(repeat(exists, 4, 3_600_000).action?.do).toBe('read')
    expect(repeat(exists, 5, 3_600_000).action?.do).toBe('reportGap')
  })

  it('a burst of errors counts once for a young shard that is not found', () => {
    const burst = repeat(exists, 30, 1_000)
    const late = nextStep(burst.state, exists, contextOf({ now: 1_000_000 + 3_600_000 }))
    expect(late.action?.do).toBe('read')
    expect(late.state.notFound).toEqual({ count: 31, spacedCount: 2, countedAt: 4_600_000 })
  })

  it('a shard that was read to its end is finished without a gap when it is not found', () => {
    const atEnd = stateOf({ hasShownEnd: true, notFound: { count: 1, spacedCount: 1, countedAt: 0 } })
    expect(nextStep(atEnd, exists, contextOf({ ...old, hasEnded: true })).action).toEqual({ do: 'finish' })
    expect(nextStep(atEnd, exists, contextOf(old)).action?.do).toBe('reportGap')
  })

  it('a shard that may have been trimmed is a gap when it is not found twice', () => {
    expect(repeat(exists, 1, 100, old).action?.do).toBe('read')
    expect(repeat(exists, 2, 100, old).action?.do).toBe('reportGap')
    expect(repeat(exists, 2, 100, { createdAt: undefined }).action?.do).toBe('reportGap')
  })

  it('a shard that is not found expires without a gap if it need not be complete', () => {
    expect(repeat(exists, 2, 100, { ...old, losesShard: false }).action).toEqual({ do: 'expire' })
  })

  it('a page resets the count of calls that did not find the shard', () => {
    const { state } = nextStep(repeat(exists, 1, 100, old).state, page(), contextOf(old))
    expect(nextStep(state, exists, contextOf(old)).action?.do).toBe('read')
  })
})

describe('permanent errors', () => {
  it('an error that a retry does not fix is surfaced to the caller', () => {
    expect(nextStep(stateOf(), failed('AccessDeniedException'), contextOf()).action).toMatchObject({
      do: 'fail',
    })
  })

  const first = { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: '1' } as const
  const atFirst = (name: string) => failed(name, { operation: 'GetShardIterator', start: first })

  it('a shard is opened at another position if the service rejects the first sequence number of its own listing', () => {
    const { state, action } = nextStep(stateOf(), atFirst('ValidationException'), contextOf())
    expect(action).toEqual({ do: 'read', at: 1_000_000 })
    expect(state.rejectsFirstNumber).toBe(true)
  })

  it('a credential error at the first sequence number is surfaced, because another position could skip trimmed records', () => {
    const { state, action } = nextStep(stateOf(), atFirst('ExpiredTokenException'), contextOf())
    expect(action?.do).toBe('fail')
    expect(state.rejectsFirstNumber).toBe(false)
  })
})
