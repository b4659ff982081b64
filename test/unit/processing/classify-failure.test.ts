import { describe, expect, it, vi } from 'vitest'
import { classifyFailure } from '../../../src/processing/classify-failure.ts'
import type { RetryOptions } from '../../../src/processing/options.ts'

const DAY_MS = 86_400_000
const record = { id: 'record' }
const context = {
  attempt: 3,
  firstAttemptAt: new Date(0),
  shardId: 'shardId-1',
  sequenceNumber: '100',
}

type Callbacks = Pick<RetryOptions<typeof record>, 'classify' | 'delayMs'>

/** Callbacks that return something else than their types allow, as those of JavaScript programs may. */
function untyped(callbacks: { classify?: () => unknown; delayMs?: () => unknown }): Callbacks {
  return callbacks as Callbacks
}

describe('classifyFailure', () => {
  it('without callbacks every failure is retried after the default delay', () => {
    const result = classifyFailure(new Error('down'), record, context, {})
    expect(result).toEqual({ verdict: 'retry', delayMs: undefined, callbackError: undefined })
  })

  it('classify and delayMs receive the error, the record and the attempt', () => {
    const error = new Error('down')
    const classify = vi.fn(() => 'wait' as const)
    const delayMs = vi.fn(() => 1_500)
    const result = classifyFailure(error, record, context, { classify, delayMs })
    expect(result).toEqual({ verdict: 'wait', delayMs: 1_500, callbackError: undefined })
    expect(classify).toHaveBeenCalledExactlyOnceWith(error, record, context)
    expect(delayMs).toHaveBeenCalledExactlyOnceWith(3, error, record)
  })

  it('a rejected failure needs no delay, so delayMs is not called', () => {
    const delayMs = vi.fn(() => 1)
    expect(classifyFailure(0, record, context, { classify: () => 'reject', delayMs }).verdict).toBe('reject')
    expect(delayMs).not.toHaveBeenCalled()
  })

  it('a failure that the handler reported has no error, so only delayMs is called', () => {
    const classify = vi.fn(() => 'reject' as const)
    const result = classifyFailure(undefined, record, context, { classify, delayMs: () => 7 }, true)
    expect(result).toEqual({ verdict: 'retry', delayMs: 7, callbackError: undefined })
    expect(classify).not.toHaveBeenCalled()
  })

  it('a classify that throws counts as retry, and its error is reported', () => {
    const bug = new TypeError('error.code is undefined')
    const callbacks = {
      classify: () => {
        throw bug
      },
      delayMs: () => 10,
    }
    const result = classifyFailure(undefined, record, context, callbacks)
    expect(result).toEqual({ verdict: 'retry', delayMs: 10, callbackError: bug })
  })

  it('a callback that throws undefined is reported too', () => {
    const callbacks = {
      classify: () => {
        throw undefined
      },
    }
    const result = classifyFailure(undefined, record, context, callbacks)
    expect(result.verdict).toBe('retry')
    expect(result.callbackError).toBeInstanceOf(TypeError)
  })

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['RETRY', '"RETRY"'],
    [true, 'true'],
    [{ verdict: 'reject' }, 'an object'],
  ])('a classify that returns %o counts as retry', (value, shown) => {
    const result = classifyFailure(0, record, context, untyped({ classify: () => value }))
    expect(result.verdict).toBe('retry')
    expect(result.callbackError).toEqual(
      new TypeError(`retry.classify returned ${shown}, but must return 'retry', 'reject' or 'wait'.`),
    )
  })

  it('an asynchronous classify that rejects counts as retry and does not end the process', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    try {
      const classify = () => Promise.reject(new Error('lookup failed'))
      const { verdict, callbackError } = classifyFailure(0, record, context, untyped({ classify }))
      expect(verdict).toBe('retry')
      expect(String(callbackError)).toContain('returned a promise')
      await new Promise((resolve) => setImmediate(resolve))
      expect(unhandled).not.toHaveBeenCalled()
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, '100', null, 10n, {}])(
    'a delayMs that returns %o leads to the default delay',
    (value) => {
      const result = classifyFailure(0, record, context, untyped({ delayMs: () => value }))
      expect(result).toMatchObject({ verdict: 'retry', delayMs: undefined })
      expect(String(result.callbackError)).toContain('retry.delayMs returned')
    },
  )

  it('a delayMs that returns undefined chooses the default delay, which is not an error', () => {
    const result = classifyFailure(0, record, context, { delayMs: () => undefined })
    expect(result).toEqual({ verdict: 'retry', delayMs: undefined, callbackError: undefined })
  })

  it('a delayMs that throws leads to the default delay, and its error is reported', () => {
    const bug = new Error('no Retry-After')
    const callbacks = {
      classify: () => 'wait' as const,
      delayMs: () => {
        throw bug
      },
    }
    const result = classifyFailure(0, record, context, callbacks)
    expect(result).toEqual({ verdict: 'wait', delayMs: undefined, callbackError: bug })
  })

  it('a delay is rounded to whole milliseconds and limited to 24 hours', () => {
    const delays = [0, 0.4, 1_500.6, DAY_MS, Date.UTC(2026, 0, 1)].map(
      (delayMs) => classifyFailure(0, record, context, { delayMs: () => delayMs }).delayMs,
    )
    expect(delays).toEqual([0, 0, 1_501, DAY_MS, DAY_MS])
  })

  it('callbacks that are methods keep their object', () => {
    class Retry {
      readonly verdict = 'wait'
      classify() {
        return this.verdict as 'wait'
      }
    }
    expect(classifyFailure(0, record, context, new Retry()).verdict).toBe('wait')
  })
})
