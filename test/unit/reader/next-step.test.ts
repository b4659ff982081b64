import { describe, expect, it } from 'vitest'
import {
  EMPTY_PAGES_TO_CROSS,
  type FailedCall,
  ITERATOR_LIFE_MS,
  initialReadState,
  invalidateTip,
  nextPollAt,
  nextStep,
  type Outcome,
  type ReadState,
  type StepContext,
} from '../../../src/reader/next-step.ts'
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
    ...more,
  }
}

/** The iterator of a shard that the read itself has opened. */
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

/** A page of this many records that were written just now. */
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

/** Takes the same outcome in again and again, a time apart. Returns the last step. */
function repeat(outcome: Outcome, times: number, everyMs: number, more: Partial<StepContext> = {}) {
  let state = stateOf()
  let step = nextStep(state, outcome, contextOf(more))
  for (let time = 1; time < times; time++) {
    state = step.state
    step = nextStep(state, outcome, contextOf({ ...more, now: 1_000_000 + time * everyMs }))
  }
  return step
}

describe('a page with records', () => {
  it('is followed by the next read at once, and the shard is not at its tip yet', () => {
    const { state, action, isAnswer } = nextStep(stateOf(), records(3), contextOf())
    expect(action).toEqual({ do: 'read', at: 1_000_000 })
    expect(state).toMatchObject({ iterator: 'next', atTip: false, emptyPages: 0 })
    expect(isAnswer).toBe(false)
  })

  it('is an answer when records of the shard are buffered', () => {
    expect(nextStep(stateOf(), records(3), contextOf({ hasBuffered: true })).isAnswer).toBe(true)
  })

  it('lets the shard rest when enough of its records are buffered', () => {
    const { action } = nextStep(stateOf(), records(3), contextOf({ isPrefetched: true, hasBuffered: true }))
    expect(action).toEqual({ do: 'pause' })
  })

  it('leaves a shard at its tip there, unless the page is full', () => {
    const atTip = stateOf({ atTip: true, idlePolls: 7 })
    expect(nextStep(atTip, records(3), contextOf()).state).toMatchObject({ atTip: true, idlePolls: 0 })
    expect(nextStep(atTip, records(1_000, { isFull: true }), contextOf()).state.atTip).toBe(false)
  })

  it('of which none is wanted shows nothing: one empty page will', () => {
    const { state, action } = nextStep(stateOf({ atTip: true }), records(5, { admitted: 0 }), contextOf())
    expect(state).toMatchObject({ atTip: false, emptyPages: EMPTY_PAGES_TO_CROSS - 1 })
    expect(action).toEqual({ do: 'read', at: 1_000_000 })
    expect(nextStep(state, page(), contextOf()).state.atTip).toBe(true)
  })

  it('leaves a shard that is not at its tip where it is when the tip is doubted, and old reads do not count', () => {
    const crossing = invalidateTip(stateOf({ emptyPages: EMPTY_PAGES_TO_CROSS - 1 }), 7)
    const stale = nextStep(crossing, page(), contextOf({ readNumber: 7 })).state
    expect(stale).toMatchObject({ atTip: false, emptyPages: EMPTY_PAGES_TO_CROSS - 1 })
    expect(nextStep(stale, page(), contextOf({ readNumber: 8 })).state.atTip).toBe(true)
    expect(invalidateTip(stateOf({ emptyPages: 1 }), 0)).toMatchObject({ atTip: false, emptyPages: 1 })
  })

  it('clears what was known of failures, refusals and an assumed end', () => {
    const troubled = stateOf({
      failures: 3,
      failureStreak: { since: 1, lastAt: 2 },
      notFound: { count: 1, spacedCount: 1, countedAt: 1 },
      isStalled: true,
      refusals: 2,
      isTrimHorizonReadable: true,
      openConfirmations: 3,
      assumedOpenUntil: 2_000_000,
    })
    expect(nextStep(troubled, records(1), contextOf()).state).toMatchObject({
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

  it('comes with an iterator that lives for fifteen minutes from when the page was requested', () => {
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

  it('are read five times a second in the long run', () => {
    expect(afterBurst(records(3))).toEqual({ do: 'read', at: 1_000_200 })
  })

  it('are not slowed down when they are full, or older than a minute', () => {
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

  it('are crossed without a pause, until six in a row show that nothing is left', () => {
    expect(empty(EMPTY_PAGES_TO_CROSS - 1)).toMatchObject({
      state: { atTip: false },
      action: { do: 'read', at: 1_000_000 },
      isAnswer: false,
    })
    expect(empty(EMPTY_PAGES_TO_CROSS)).toMatchObject({ state: { atTip: true }, isAnswer: true })
  })

  it('of a closed shard are crossed up to a hundred times, as its last page says when it ends', () => {
    expect(empty(99, { isClosed: true }).state.atTip).toBe(false)
    expect(empty(100, { isClosed: true }).state.atTip).toBe(true)
  })

  it('start anew after a page with records', () => {
    const { state } = nextStep(empty(5).state, records(1), contextOf())
    expect(nextStep(state, page(), contextOf()).state.atTip).toBe(false)
  })

  it('need not be crossed again after new records of a shard that was at its tip', () => {
    const { state } = nextStep(empty(EMPTY_PAGES_TO_CROSS).state, records(1), contextOf())
    expect(nextStep(state, page(), contextOf())).toMatchObject({ state: { atTip: true }, isAnswer: true })
  })
})

describe('the pause at the tip', () => {
  const atTip = (idlePolls: number) => ({ atTip: true, idlePolls, notBefore: 0 })
  const poll = { polledAt: 5_000, now: 5_010, isAwaited: false, idlePollMs: { min: 200, max: 1_000 } }

  it('grows with each empty page from idlePollMs.min to idlePollMs.max', () => {
    const pauses = [0, 1, 2, 3, 4, 40].map((idlePolls) => nextPollAt(atTip(idlePolls), poll) - 5_000)
    expect(pauses).toEqual([200, 300, 450, 675, 1_000, 1_000])
  })

  it('is idlePollMs.min while a caller waits for the shard', () => {
    expect(nextPollAt(atTip(40), { ...poll, isAwaited: true })).toBe(5_200)
  })

  it('is never shorter than the rate of the shard allows', () => {
    expect(nextPollAt({ ...atTip(0), notBefore: 9_000 }, poll)).toBe(9_000)
    expect(nextPollAt({ atTip: false, idlePolls: 0, notBefore: 9_000 }, poll)).toBe(9_000)
  })
})

describe('a page without a next iterator', () => {
  const last = page({ nextIterator: undefined })

  it('is the end of a shard that was known to be closed when it was requested', () => {
    expect(nextStep(stateOf(), last, contextOf({ hasEnded: true, hadEnded: true })).action).toEqual({
      do: 'finish',
    })
  })

  it('is read once more where the shard was found to be closed meanwhile: records may have come before that', () => {
    const { state, action } = nextStep(stateOf({ iterator: 'old' }), last, contextOf({ hasEnded: true }))
    expect(action).toEqual({ do: 'read', at: 1_000_000 })
    expect(state.iterator).toBeUndefined()
  })

  it('has a listing show whether an open shard is closed, and only the first time is no answer', () => {
    const first = nextStep(stateOf(), last, contextOf())
    expect(first).toMatchObject({ action: { do: 'checkEnd', isFirstCheck: true }, isAnswer: false })
    const later = nextStep(stateOf({ openConfirmations: 1 }), last, contextOf())
    expect(later).toMatchObject({ action: { do: 'checkEnd', isFirstCheck: false }, isAnswer: true })
  })

  it('is ignored for as long as a listing that showed the shard as open is believed', () => {
    const state = stateOf({ assumedOpenUntil: 1_000_001, openConfirmations: 1 })
    expect(nextStep(state, last, contextOf()).action?.do).toBe('read')
    expect(nextStep(state, last, contextOf({ now: 1_000_001 })).action?.do).toBe('checkEnd')
  })
})

describe('a check whether a shard has ended', () => {
  const checked = (wasListed: boolean, more: Partial<StepContext> = {}, state = stateOf()) =>
    nextStep(state, { kind: 'endChecked', wasListed }, contextOf(more))

  it('remembers that the end was seen, until a listing shows the shard as open or a page has a next iterator', () => {
    const atEnd = nextStep(stateOf(), page({ nextIterator: undefined }), contextOf()).state
    expect(atEnd.hasShownEnd).toBe(true)
    expect(checked(true, { hasEnded: true }, atEnd).state.hasShownEnd).toBe(true)
    expect(checked(true, {}, atEnd).state.hasShownEnd).toBe(false)
    expect(nextStep(atEnd, page(), contextOf()).state.hasShownEnd).toBe(false)
    const habitual = stateOf({ openConfirmations: 1 })
    expect(nextStep(habitual, page({ nextIterator: undefined }), contextOf()).state.hasShownEnd).toBe(false)
  })

  it('has a closed shard read once more with a new iterator', () => {
    const { state, action } = checked(false, { hasEnded: true }, stateOf({ iterator: 'old', atTip: true }))
    expect(action).toEqual({ do: 'read', at: 1_000_000 })
    expect(state).toMatchObject({ iterator: undefined, atTip: false, emptyPages: 0 })
  })

  it('changes nothing when only the children were looked for, and there are none', () => {
    expect(checked(false).action).toBeUndefined()
  })

  it('believes a listing that shows the shard as open for twice as long each time, ten seconds at most', () => {
    const believed = [0, 1, 2, 5, 40].map(
      (openConfirmations) =>
        checked(true, {}, stateOf({ openConfirmations })).state.assumedOpenUntil - 1_000_000,
    )
    expect(believed).toEqual([500, 1_000, 2_000, 10_000, 10_000])
  })
})

describe('a call that is likely to succeed later', () => {
  it.each(['ThrottlingException', 'InternalServerError', 'AbortError'])(
    'is retried after a pause: %s',
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

  it('is one that hung, too', () => {
    const hung: Outcome = { kind: 'failed', failed: { operation: 'GetRecords', error: new CallTimeout() } }
    expect(nextStep(stateOf(), hung, contextOf()).action).toMatchObject({ do: 'read', retry: { attempt: 1 } })
  })

  it('makes the shard stalled after a minute, which is reported once', () => {
    const outcome = failed('ThrottlingException')
    expect(repeat(outcome, 6, STALLED_AFTER_MS / 6).state.isStalled).toBe(false)
    const stalled = repeat(outcome, 7, STALLED_AFTER_MS / 6)
    expect(stalled.state.isStalled).toBe(true)
    expect(stalled.action).toMatchObject({ retry: { stalledForMs: STALLED_AFTER_MS } })
    const next = nextStep(stalled.state, outcome, contextOf({ now: 1_070_000 }))
    expect(next.action).toMatchObject({ retry: { stalledForMs: undefined } })
  })

  it('does not make a shard stalled that nobody has read between two failures', () => {
    expect(repeat(failed('ThrottlingException'), 2, 3_600_000).state.isStalled).toBe(false)
  })

  it('makes a shard stalled that had to wait long for its turn, while the consumer was there', () => {
    const first = nextStep(stateOf(), failed('ThrottlingException'), contextOf())
    const later = contextOf({ now: 1_120_000, presentSince: 1_000_000 })
    expect(nextStep(first.state, failed('ThrottlingException'), later).state.isStalled).toBe(true)
    const back = contextOf({ now: 1_120_000, presentSince: 1_110_000 })
    expect(nextStep(first.state, failed('ThrottlingException'), back).state.isStalled).toBe(false)
  })
})

describe('an iterator that has expired', () => {
  const expired = failed('ExpiredIteratorException')

  it('is replaced at once, and after a pause when the read had opened it', () => {
    const old = nextStep(stateOf({ iterator: 'old' }), expired, contextOf())
    expect(old.action).toEqual({ do: 'read', at: 1_000_000 })
    expect(old.state.iterator).toBeUndefined()
    const opened = { ...old.state, iterator: 'new', iteratorExpiresAt: 1_000_010 + ITERATOR_LIFE_MS }
    const broken = nextStep(opened, expired, contextOf({ polledAt: 1_000_000, now: 1_000_050 }))
    expect(broken.action).toMatchObject({ do: 'read', at: 1_000_100, retry: { attempt: 1 } })
    expect(broken.state.iterator).toBeUndefined()
  })

  it('is no failure, so a shard that waited long for its turn after another one does not stall', () => {
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

describe('a position that was trimmed', () => {
  const trimmed = failed('TrimmedDataAccessException')

  it('is a gap when the iterator for it is refused', () => {
    const atIterator = failed('TrimmedDataAccessException', { operation: 'GetShardIterator' })
    expect(nextStep(stateOf(), atIterator, contextOf()).action).toMatchObject({
      do: 'reportGap',
      reason: 'position-trimmed',
    })
  })

  it('is a gap when the shard is closed, or its oldest position could be read just now', () => {
    expect(nextStep(stateOf(), trimmed, contextOf({ hasEnded: true })).action?.do).toBe('reportGap')
    expect(nextStep(stateOf({ isTrimHorizonReadable: true }), trimmed, contextOf()).action?.do).toBe(
      'reportGap',
    )
  })

  it('has the oldest position of an open shard tried first', () => {
    expect(nextStep(stateOf(), trimmed, contextOf()).action).toMatchObject({ do: 'probeTrimHorizon' })
  })

  it('of which the oldest position can be read is tried again, and then is a gap', () => {
    const outcome: Outcome = { kind: 'trimHorizonProbed', isReadable: true }
    const { state, action } = nextStep(stateOf({ iterator: 'old' }), outcome, contextOf())
    expect(action).toEqual({ do: 'read', at: 1_000_000 })
    expect(state).toMatchObject({ iterator: undefined, isTrimHorizonReadable: true })
  })

  it('where nothing is missed is, the second time, an open shard of which all was trimmed: at its tip, polled with pauses', () => {
    const nothingMissed = contextOf({ losesTrimmed: false })
    const first = nextStep(stateOf(newIterator), trimmed, nothingMissed)
    expect(first).toMatchObject({ state: { atTip: false, iterator: undefined }, isAnswer: false })
    expect(first.action).toEqual({ do: 'read', at: 1_000_300 })
    const second = nextStep({ ...first.state, ...newIterator }, trimmed, nothingMissed)
    expect(second).toMatchObject({ state: { atTip: true, iterator: undefined }, isAnswer: true })
  })

  it('is the end of a closed shard when its oldest position is refused five times in a row', () => {
    const probed: Outcome = { kind: 'trimHorizonProbed', isReadable: false }
    const closed = { hasEnded: true, hadEnded: true }
    expect(repeat(probed, 4, 1_000, closed)).toMatchObject({
      state: { atTip: false },
      action: { do: 'read' },
      isAnswer: false,
    })
    expect(repeat(probed, 5, 1_000, closed).action).toEqual({ do: 'finish' })
    expect(repeat(probed, 9, 1_000).action?.do).toBe('read')
  })

  it('where nothing is missed has the shard read with a new iterator first, as only the old one may be trimmed', () => {
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

  it('where nothing is missed is counted by new iterators: a call that failed in between does not leave an old one', () => {
    const closed = contextOf({ hasEnded: true, hadEnded: true, losesTrimmed: false })
    const old = nextStep(stateOf({ iterator: 'old' }), trimmed, closed)
    expect(old.state).toMatchObject({ isRefused: true, refusals: 0, refusalsSinceEnd: 0 })
    const throttled = nextStep({ ...old.state, ...newIterator }, failed('ThrottlingException'), closed)
    expect(throttled.state).toMatchObject({ iterator: undefined, failures: 1 })
    const refused = nextStep({ ...throttled.state, ...newIterator }, trimmed, closed)
    expect(refused.state).toMatchObject({ isRefused: true, refusals: 1, refusalsSinceEnd: 1 })
  })

  it.each([true, false])('is an answer of a shard that was stalled (closed: %s)', (isClosed) => {
    const context = contextOf({ hasEnded: isClosed, hadEnded: isClosed, losesTrimmed: false })
    const { state } = nextStep(stateOf({ ...newIterator, failures: 9, isStalled: true }), trimmed, context)
    expect(state).toMatchObject({ failures: 0, failureStreak: undefined, isStalled: false })
  })

  it('does not end a closed shard sooner because it was refused while it was open', () => {
    const closed = contextOf({ hasEnded: true, hadEnded: true, losesTrimmed: false })
    const { action } = nextStep(stateOf({ ...newIterator, refusals: 10 }), trimmed, closed)
    expect(action?.do).toBe('read')
  })

  it('is no loop without pauses when GetShardIterator itself refuses a position of which nothing is missed', () => {
    const atIterator = failed('TrimmedDataAccessException', { operation: 'GetShardIterator' })
    const { action } = nextStep(stateOf(), atIterator, contextOf({ losesTrimmed: false }))
    expect(action).toEqual({ do: 'read', at: 1_000_300 })
  })

  it('is the end of a closed shard that was read to its end', () => {
    const atEnd = stateOf({ hasShownEnd: true })
    expect(nextStep(atEnd, trimmed, contextOf({ hasEnded: true })).action).toEqual({ do: 'finish' })
    expect(nextStep(atEnd, trimmed, contextOf()).action?.do).toBe('probeTrimHorizon')
  })
})

describe('a shard that the service does not know', () => {
  const notFound = failed('ResourceNotFoundException')
  const exists: Outcome = { kind: 'streamExists', failed: failedCall('ResourceNotFoundException') }
  const old = { createdAt: SERVICE_NOW - RETENTION_MS }

  it('has DescribeStream show whether it knows the stream, whose own answer is final', () => {
    expect(nextStep(stateOf(), notFound, contextOf()).action?.do).toBe('describeStream')
    const stream = failed('ResourceNotFoundException', { operation: 'DescribeStream' })
    expect(nextStep(stateOf(), stream, contextOf()).action?.do).toBe('fail')
  })

  it('and that is too young to have been trimmed is retried for five minutes before it is a gap', () => {
    expect(repeat(exists, 32, 10_000)).toMatchObject({
      action: { do: 'read' },
      state: { iterator: undefined },
    })
    expect(repeat(exists, 33, 10_000).action).toMatchObject({ do: 'reportGap', reason: 'shard-vanished' })
  })

  it('and that is young is retried five times at least, however far apart', () => {
    expect(repeat(exists, 4, 3_600_000).action?.do).toBe('read')
    expect(repeat(exists, 5, 3_600_000).action?.do).toBe('reportGap')
  })

  it('and that is young is given up after five errors that are 75 seconds apart, not after a burst and a pause', () => {
    const burst = repeat(exists, 30, 1_000)
    const late = nextStep(burst.state, exists, contextOf({ now: 1_000_000 + 3_600_000 }))
    expect(late.action?.do).toBe('read')
    expect(late.state.notFound).toEqual({ count: 31, spacedCount: 2, countedAt: 4_600_000 })
  })

  it('and that was read to its end is finished, without a gap', () => {
    const atEnd = stateOf({ hasShownEnd: true, notFound: { count: 1, spacedCount: 1, countedAt: 0 } })
    expect(nextStep(atEnd, exists, contextOf({ ...old, hasEnded: true })).action).toEqual({ do: 'finish' })
    expect(nextStep(atEnd, exists, contextOf(old)).action?.do).toBe('reportGap')
  })

  it('and that may have been trimmed is a gap at the second time', () => {
    expect(repeat(exists, 1, 100, old).action?.do).toBe('read')
    expect(repeat(exists, 2, 100, old).action?.do).toBe('reportGap')
    expect(repeat(exists, 2, 100, { createdAt: undefined }).action?.do).toBe('reportGap')
  })

  it('has expired, without a gap, when nothing of it was promised', () => {
    expect(repeat(exists, 2, 100, { ...old, losesShard: false }).action).toEqual({ do: 'expire' })
  })

  it('is known again after a page of it', () => {
    const { state } = nextStep(repeat(exists, 1, 100, old).state, page(), contextOf(old))
    expect(nextStep(state, exists, contextOf(old)).action?.do).toBe('read')
  })
})

describe('an error that a retry does not fix', () => {
  it('is surfaced to the caller', () => {
    expect(nextStep(stateOf(), failed('AccessDeniedException'), contextOf()).action).toMatchObject({
      do: 'fail',
    })
  })

  const first = { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: '1' } as const
  const atFirst = (name: string) => failed(name, { operation: 'GetShardIterator', start: first })

  it('has the shard opened otherwise where the service rejects the first sequence number of its own listing', () => {
    const { state, action } = nextStep(stateOf(), atFirst('ValidationException'), contextOf())
    expect(action).toEqual({ do: 'read', at: 1_000_000 })
    expect(state.rejectsFirstNumber).toBe(true)
  })

  it('does not have it opened otherwise when it concerns credentials: trimmed records would be skipped', () => {
    const { state, action } = nextStep(stateOf(), atFirst('ExpiredTokenException'), contextOf())
    expect(action?.do).toBe('fail')
    expect(state.rejectsFirstNumber).toBe(false)
  })
})
