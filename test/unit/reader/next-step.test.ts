import { describe, expect, it } from 'vitest'
import {
  EMPTY_PAGES_TO_CROSS,
  initialReadState,
  nextStep,
  type Outcome,
  type ReadState,
  type Step,
  type StepContext,
} from '../../../src/reader/next-step.ts'
import { CallTimeout } from '../../../src/streams-api/retry.ts'

const NOW = 1_000_000
const SERVICE_NOW: number = Date.UTC(2026, 0, 2)
const HOUR_MS = 3_600_000

/** An open shard, an hour old, that was read 50 ms ago; nobody waits for it, and nothing of it is buffered. */
function contextOf(more: Partial<StepContext> = {}): StepContext {
  return {
    now: NOW,
    serviceNow: SERVICE_NOW,
    random: () => 0.5,
    idlePollMs: { min: 200, max: 1_000 },
    polledAt: NOW - 50,
    isAwaited: false,
    hasEnough: false,
    hasBuffered: false,
    hasEnded: false,
    hadEnded: false,
    isClosed: false,
    isGone: false,
    createdAt: SERVICE_NOW - HOUR_MS,
    losesTrimmed: true,
    losesShard: true,
    ...more,
  }
}

const closed: Partial<StepContext> = { isClosed: true, hasEnded: true, hadEnded: true }

function stateOf(more: Partial<ReadState> = {}): ReadState {
  return { ...initialReadState, iterator: 'iterator', ...more }
}

type Page = Extract<Outcome, { kind: 'page' }>

const emptyPage: Page = {
  kind: 'page',
  records: 0,
  admitted: 0,
  isFull: false,
  newestAt: undefined,
  nextIterator: 'next',
}

/** A small page of records that were just written. */
const freshPage: Page = { ...emptyPage, records: 3, admitted: 3, newestAt: SERVICE_NOW }

const errorOf = (name: string): Error =>
  Object.assign(new Error(name), { name, $metadata: { httpStatusCode: 400 } })

const failedWith = (
  error: Error,
  more: Partial<Extract<Outcome, { kind: 'failed' }>['failed']> = {},
): Extract<Outcome, { kind: 'failed' }> => ({
  kind: 'failed',
  failed: { operation: 'GetRecords', error, ...more },
})

const throttled = failedWith(errorOf('ThrottlingException'))
const expired = failedWith(errorOf('ExpiredIteratorException'))
const trimmed = failedWith(errorOf('TrimmedDataAccessException'))
const notFound = failedWith(errorOf('ResourceNotFoundException'))

/** Lets a shard take in the same outcome several times in a row. */
function repeat(times: number, outcome: Outcome, context = contextOf(), state = stateOf()): Step {
  let step = nextStep(state, outcome, context)
  for (let time = 1; time < times; time++) step = nextStep(step.state, outcome, context)
  return step
}

describe('a page', () => {
  it('leaves the shard with the next iterator, which lives for 15 minutes from the call on', () => {
    const { state } = nextStep(stateOf(), freshPage, contextOf())
    expect(state).toMatchObject({ iterator: 'next', iteratorExpiresAt: NOW - 50 + 15 * 60_000 })
  })

  it('resets what failures have left behind', () => {
    const failing = stateOf({
      failures: 4,
      failingSince: 1,
      isStalled: true,
      notFound: { count: 1, since: 1 },
      isTrimHorizonReadable: true,
      refusals: 2,
    })
    expect(nextStep(failing, emptyPage, contextOf()).state).toMatchObject({
      failures: 0,
      failingSince: undefined,
      isStalled: false,
      notFound: undefined,
      isTrimHorizonReadable: false,
      refusals: 0,
    })
  })

  it('shows the tip of an open shard when it is the sixth empty one in a row', () => {
    expect(EMPTY_PAGES_TO_CROSS).toBe(6)
    expect(repeat(5, emptyPage)).toMatchObject({ state: { atTip: false }, isAnswer: false })
    expect(repeat(6, emptyPage)).toMatchObject({ state: { atTip: true }, isAnswer: true })
  })

  it('shows the tip of a closed shard only after a hundred empty ones, as its end is to come', () => {
    expect(repeat(99, emptyPage, contextOf(closed)).state.atTip).toBe(false)
    expect(repeat(100, emptyPage, contextOf(closed)).state.atTip).toBe(true)
  })

  it('that is empty and before the tip does not make later pauses longer', () => {
    expect(repeat(6, emptyPage).state.idlePolls).toBe(0)
    expect(repeat(7, emptyPage).state.idlePolls).toBe(1)
  })

  it('leaves the shard at its tip when it is not full', () => {
    const state = stateOf({ atTip: true, emptyPages: 6 })
    const step = nextStep(state, freshPage, contextOf())
    expect(step.state.atTip).toBe(true)
    expect(nextStep(step.state, emptyPage, contextOf()).state.atTip).toBe(true)
  })

  it('casts doubt on the tip when it is full', () => {
    const { state } = nextStep(stateOf({ atTip: true }), { ...freshPage, isFull: true }, contextOf())
    expect(state).toMatchObject({ atTip: false, emptyPages: 0 })
  })

  it('casts doubt on the tip when none of its records is wanted, until one empty page', () => {
    const step = nextStep(stateOf({ atTip: true, idlePolls: 3 }), { ...freshPage, admitted: 0 }, contextOf())
    expect(step.state).toMatchObject({ atTip: false, idlePolls: 0 })
    expect(nextStep(step.state, emptyPage, contextOf()).state.atTip).toBe(true)
  })

  it('before the tip answers a caller only if records of the shard are buffered', () => {
    expect(nextStep(stateOf(), emptyPage, contextOf()).isAnswer).toBe(false)
    expect(nextStep(stateOf(), freshPage, contextOf({ hasBuffered: true })).isAnswer).toBe(true)
  })

  it('lets the shard rest when enough is buffered', () => {
    const { action } = nextStep(stateOf(), freshPage, contextOf({ hasEnough: true }))
    expect(action).toEqual({ do: 'rest' })
  })
})

describe('the next read', () => {
  it('comes at once before the tip', () => {
    expect(nextStep(stateOf(), emptyPage, contextOf()).action).toEqual({ do: 'read', at: NOW })
  })

  it('comes after pauses at the tip that grow to the longest one', () => {
    const pauses: number[] = []
    let state = stateOf({ atTip: true })
    for (let poll = 0; poll < 6; poll++) {
      const step = nextStep(state, emptyPage, contextOf())
      if (step.action?.do === 'read') pauses.push(step.action.at - (NOW - 50))
      state = step.state
    }
    expect(pauses).toEqual([300, 450, 675, 1_000, 1_000, 1_000])
  })

  it('comes after the shortest pause when a caller waits', () => {
    const state = stateOf({ atTip: true, idlePolls: 10 })
    const { action } = nextStep(state, emptyPage, contextOf({ isAwaited: true }))
    expect(action).toEqual({ do: 'read', at: NOW - 50 + 200 })
  })

  it('of a shard that is written to all the time comes five times a second after a hundred calls', () => {
    const { state, action } = repeat(106, freshPage)
    expect(state.notBefore).toBe(NOW + 6 * 200)
    expect(action).toEqual({ do: 'read', at: NOW + 6 * 200 })
    const atTip = nextStep({ ...state, atTip: true }, freshPage, contextOf())
    expect(atTip.action).toEqual({ do: 'read', at: NOW + 7 * 200 })
  })

  it('of a backlog is not limited', () => {
    const old: Page = { ...freshPage, newestAt: SERVICE_NOW - 60_001 }
    expect(repeat(200, old).action).toEqual({ do: 'read', at: NOW })
    expect(repeat(200, { ...freshPage, isFull: true }).action).toEqual({ do: 'read', at: NOW })
  })
})

describe('a page without a next iterator', () => {
  const lastPage: Page = { ...freshPage, nextIterator: undefined }

  it('ends a shard that had ended before it was read', () => {
    expect(nextStep(stateOf(), lastPage, contextOf(closed)).action).toEqual({ do: 'finish' })
  })

  it('has a shard read once more that has ended since, as records may have been written in between', () => {
    const { action, state } = nextStep(stateOf(), lastPage, contextOf({ ...closed, hadEnded: false }))
    expect(action).toEqual({ do: 'read', at: NOW })
    expect(state).toMatchObject({ iterator: undefined, atTip: false, emptyPages: 0, idlePolls: 0 })
  })

  it('has the end of an open shard checked, and answers no caller the first time', () => {
    const first = nextStep(stateOf(), lastPage, contextOf())
    expect(first).toMatchObject({ action: { do: 'checkEnd', isFirstCheck: true }, isAnswer: false })
    const later = nextStep(stateOf({ openConfirmations: 1 }), lastPage, contextOf())
    expect(later).toMatchObject({ action: { do: 'checkEnd', isFirstCheck: false }, isAnswer: true })
  })

  it('is read on from while a listing that showed the shard as open is believed', () => {
    const { action } = nextStep(stateOf({ assumedOpenUntil: NOW + 1, atTip: true }), lastPage, contextOf())
    expect(action).toMatchObject({ do: 'read' })
    const later = nextStep(stateOf({ assumedOpenUntil: NOW, atTip: true }), lastPage, contextOf())
    expect(later.action).toMatchObject({ do: 'checkEnd' })
  })

  it('means something again after a page with one', () => {
    const state = stateOf({ openConfirmations: 3, assumedOpenUntil: NOW + 5_000 })
    const between = nextStep(state, freshPage, contextOf())
    expect(nextStep(between.state, lastPage, contextOf()).action).toEqual({
      do: 'checkEnd',
      isFirstCheck: true,
    })
  })
})

describe('a check of the end', () => {
  it('has a shard read once more that has ended', () => {
    const step = nextStep(
      stateOf({ iterator: undefined }),
      { kind: 'endChecked', wasListed: true },
      contextOf(closed),
    )
    expect(step.action).toEqual({ do: 'read', at: NOW })
  })

  it('finishes a shard that is gone', () => {
    const context = contextOf({ ...closed, isGone: true })
    expect(nextStep(stateOf(), { kind: 'endChecked', wasListed: true }, context).action).toEqual({
      do: 'finish',
    })
  })

  it('by its children says nothing of a shard that has none', () => {
    const step = nextStep(stateOf(), { kind: 'endChecked', wasListed: false }, contextOf())
    expect(step.action).toBeUndefined()
  })

  it('that shows the shard as open is believed for longer each time, for 10 s at most', () => {
    const assumed: number[] = []
    let state = stateOf({ atTip: true })
    for (let check = 0; check < 7; check++) {
      state = nextStep(state, { kind: 'endChecked', wasListed: true }, contextOf()).state
      assumed.push(state.assumedOpenUntil - NOW)
    }
    expect(assumed).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
  })
})

describe('a failure that will pass', () => {
  it.each([
    ['throttling', throttled],
    ['a call that was aborted', failedWith(errorOf('AbortError'))],
    ['the time limit of a call', failedWith(new CallTimeout('no response'))],
  ])('is retried after a pause, and reported: %s', (_, failed) => {
    const { state, action } = nextStep(stateOf({ failures: 2 }), failed, contextOf())
    expect(state).toMatchObject({ failures: 3, lastFailedAt: NOW, iterator: 'iterator' })
    expect(action).toMatchObject({
      do: 'read',
      at: NOW + 200,
      retry: { operation: 'GetRecords', attempt: 3, delayMs: 200, stalledForMs: undefined },
    })
  })

  it('stalls the shard after a minute, which is reported once', () => {
    const first = nextStep(stateOf(), throttled, contextOf())
    const [before, then, after] = [59_999, 60_000, 61_000].map((ms) => contextOf({ now: NOW + ms }))
    const recent = { ...first.state, lastFailedAt: NOW + 50_000 }
    expect(nextStep(recent, throttled, before as StepContext).state.isStalled).toBe(false)
    const stalled = nextStep(recent, throttled, then as StepContext)
    expect(stalled).toMatchObject({ state: { isStalled: true }, action: { retry: { stalledForMs: 60_000 } } })
    const again = nextStep(stalled.state, throttled, after as StepContext)
    expect(again).toMatchObject({
      state: { isStalled: true },
      action: { retry: { stalledForMs: undefined } },
    })
  })

  it('does not stall the shard when the process was suspended in between', () => {
    const first = nextStep(stateOf(), throttled, contextOf())
    const later = nextStep(first.state, throttled, contextOf({ now: NOW + HOUR_MS }))
    expect(later.state).toMatchObject({ isStalled: false, failingSince: NOW + HOUR_MS })
  })
})

describe('an expired iterator', () => {
  it('is replaced at once', () => {
    const { state, action } = nextStep(stateOf({ atTip: true }), expired, contextOf())
    expect(action).toEqual({ do: 'read', at: NOW })
    expect(state).toMatchObject({ iterator: undefined, atTip: false })
  })

  it('is replaced after a pause when the one before it had just expired as well', () => {
    const { state, action } = repeat(2, expired)
    expect(action).toMatchObject({ do: 'read', at: NOW + 100, retry: { attempt: 2 } })
    expect(state.iterator).toBeUndefined()
  })
})

describe('a position that was trimmed', () => {
  it('is no gap when no record of that age is wanted: the shard is polled like an idle one', () => {
    const { state, action, isAnswer } = nextStep(stateOf(), trimmed, contextOf({ losesTrimmed: false }))
    expect(state).toMatchObject({ iterator: undefined, atTip: true, refusals: 1, idlePolls: 1 })
    expect(action).toEqual({ do: 'read', at: NOW + 300 })
    expect(isAnswer).toBe(true)
  })

  it('of an open shard is a gap only if its oldest position can be read', () => {
    const first = nextStep(stateOf(), trimmed, contextOf())
    expect(first.action).toMatchObject({ do: 'probeTrimHorizon' })
    const probed = { kind: 'trimHorizonProbed', failed: trimmed.failed } as const
    const readable = nextStep(first.state, { ...probed, isReadable: true }, contextOf())
    expect(readable.action).toEqual({ do: 'read', at: NOW })
    const again = nextStep({ ...readable.state, iterator: 'new' }, trimmed, contextOf())
    expect(again).toMatchObject({
      action: { do: 'reportGap', reason: 'position-trimmed' },
      state: { iterator: undefined },
    })
    const unreadable = nextStep(first.state, { ...probed, isReadable: false }, contextOf())
    expect(unreadable).toMatchObject({ action: { do: 'read', at: NOW + 300 }, state: { atTip: true } })
  })

  it('of a closed shard is a gap at once, and so is one that GetShardIterator refuses', () => {
    expect(nextStep(stateOf(), trimmed, contextOf(closed)).action).toMatchObject({ do: 'reportGap' })
    const opening = failedWith(trimmed.failed.error as Error, { operation: 'GetShardIterator' })
    expect(nextStep(stateOf(), opening, contextOf()).action).toMatchObject({ do: 'reportGap' })
  })

  it('finishes a closed shard when even the oldest one is refused three times in a row', () => {
    const context = contextOf({ ...closed, losesTrimmed: false })
    const second = repeat(2, trimmed, context)
    expect(second.action).toMatchObject({ do: 'read' })
    expect(second.action?.do === 'read' && second.action.at).toBeGreaterThan(NOW)
    // The merge waits for it: its children come next.
    expect(second).toMatchObject({ state: { atTip: false }, isAnswer: false })
    expect(repeat(3, trimmed, context).action).toEqual({ do: 'finish' })
  })
})

describe('a shard that is not found', () => {
  const exists = { kind: 'streamExists', failed: notFound.failed } as const

  it('has the stream looked up first, whose loss is an error', () => {
    expect(nextStep(stateOf(), notFound, contextOf()).action).toMatchObject({ do: 'describeStream' })
    const gone = failedWith(notFound.failed.error as Error, { operation: 'DescribeStream' })
    expect(nextStep(stateOf(), gone, contextOf()).action).toMatchObject({ do: 'fail' })
  })

  it('is given up at the second time when it may have been trimmed', () => {
    const old = contextOf({ createdAt: SERVICE_NOW - 25 * HOUR_MS })
    const first = nextStep(stateOf(), exists, old)
    expect(first.action).toMatchObject({ do: 'read', retry: { attempt: 1 } })
    expect(nextStep(first.state, exists, old).action).toMatchObject({
      do: 'reportGap',
      reason: 'shard-vanished',
    })
  })

  it('is given up after five minutes when it is too young to have been trimmed', () => {
    const first = nextStep(stateOf(), exists, contextOf())
    const before = nextStep(first.state, exists, contextOf({ now: NOW + 299_999 }))
    expect(before.action).toMatchObject({ do: 'read' })
    const after = nextStep(before.state, exists, contextOf({ now: NOW + 300_000 }))
    expect(after.action).toMatchObject({ do: 'reportGap', reason: 'shard-vanished' })
  })

  it('expires without a gap when none of its records was promised', () => {
    const old = contextOf({ createdAt: SERVICE_NOW - 25 * HOUR_MS, losesShard: false })
    expect(repeat(2, exists, old).action).toEqual({ do: 'expire' })
  })
})

describe('an error that needs a human', () => {
  it('is surfaced at once', () => {
    const denied = failedWith(errorOf('AccessDeniedException'))
    expect(nextStep(stateOf(), denied, contextOf()).action).toMatchObject({
      do: 'fail',
      error: denied.failed.error,
    })
  })

  it('is not one when the endpoint rejects the first sequence number of its own listing', () => {
    const start = { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: '1' } as const
    const rejected = failedWith(errorOf('ValidationException'), { operation: 'GetShardIterator', start })
    const { state, action } = nextStep(stateOf({ iterator: undefined }), rejected, contextOf())
    expect(action).toEqual({ do: 'read', at: NOW })
    expect(state.rejectsFirstNumber).toBe(true)
    const denied = failedWith(errorOf('AccessDeniedException'), { operation: 'GetShardIterator', start })
    expect(nextStep(stateOf(), denied, contextOf()).action).toMatchObject({ do: 'fail' })
    const other = failedWith(errorOf('ValidationException'), {
      operation: 'GetShardIterator',
      start: { type: 'TRIM_HORIZON' },
    })
    expect(nextStep(stateOf(), other, contextOf()).action).toMatchObject({ do: 'fail' })
  })
})
