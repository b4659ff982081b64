import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  Checkpointer,
  type CheckpointerOptions,
  type CheckpointRetry,
} from '../../../src/checkpoints/checkpointer.ts'
import { StreamError } from '../../../src/core/errors.ts'
import type { StreamToken } from '../../../src/position/token.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'

const neverResponds = () => new Promise<never>(() => {})
const conflict = () => new StreamError('checkpoint.conflict', 'taken over', { name: 'indexer' })

/** Creates a checkpointer whose token is the number of processed records, so `saved` lists these numbers. */
function setUp(options: Partial<CheckpointerOptions> = {}) {
  const clock = new ManualClock()
  const saved: number[] = []
  const reported: number[] = []
  const retries: CheckpointRetry[] = []
  /** Runs instead of a successful save, one entry per call; when it is empty, saves succeed. */
  const saveSteps: (() => Promise<void>)[] = []
  let processed = 0
  let running = 0
  const numberIn = (token: StreamToken) => Number(token.streamArn)
  const checkpointer = new Checkpointer({
    name: 'indexer',
    lease: {
      lost: new AbortController().signal,
      release: async () => {},
      save: async (token) => {
        expect(++running).toBe(1)
        try {
          await saveSteps.shift()?.()
          saved.push(numberIn(token))
        } finally {
          running--
        }
      },
    },
    everyRecords: 10,
    everyMs: 5_000,
    clock,
    random: () => 0.5,
    tokenOf: () => ({ version: 1, streamArn: String(processed), shards: [] }),
    onSaved: (token) => reported.push(numberIn(token)),
    onRetry: (retry) => retries.push(retry),
    ...options,
  })
  const recordsProcessed = (count: number) => {
    processed += count
    checkpointer.recordsProcessed(count)
  }
  return { checkpointer, recordsProcessed, clock, saved, reported, retries, saveSteps }
}

/** Creates a save that is in flight until `finish` is called. */
function pendingSave() {
  let finish = () => {}
  const promise = new Promise<void>((resolve) => {
    finish = resolve
  })
  return { save: () => promise, finish: () => finish() }
}

describe('Checkpointer', () => {
  test('a checkpoint is saved after every everyRecords records', async () => {
    const { recordsProcessed, clock, saved, reported } = setUp()
    for (let n = 0; n < 25; n++) {
      recordsProcessed(1)
      await clock.advance(0)
    }
    expect(saved).toEqual([10, 20])
    expect(reported).toEqual([10, 20])
  })

  test('a checkpoint is saved everyMs after a change, even if no further record arrives', async () => {
    const { recordsProcessed, clock, saved } = setUp()
    recordsProcessed(1)
    await clock.advance(4_999)
    expect(saved).toEqual([])
    await clock.advance(1)
    expect(saved).toEqual([1])
  })

  test('a change of the position without a record is saved', async () => {
    const { recordsProcessed, clock, saved } = setUp()
    recordsProcessed(0)
    await clock.advance(5_000)
    expect(saved).toEqual([0])
  })

  test('nothing is saved while nothing has changed', async () => {
    const { recordsProcessed, clock, saved } = setUp()
    await clock.advance(60_000)
    recordsProcessed(1)
    await clock.advance(60_000)
    expect(saved).toEqual([1])
    expect(clock.untilNextTimer).toBeUndefined()
  })

  test('everyMs is measured from the first change after a save, not from a change before it', async () => {
    const { recordsProcessed, clock, saved } = setUp()
    recordsProcessed(1)
    await clock.advance(4_000)
    recordsProcessed(9)
    await clock.advance(500)
    recordsProcessed(1)
    await clock.advance(4_999)
    expect(saved).toEqual([10])
    await clock.advance(1)
    expect(saved).toEqual([10, 11])
  })
})

describe('Checkpointer during a save', () => {
  test('no second save starts during a save, and only the latest token is saved afterwards', async () => {
    const { recordsProcessed, clock, saved, saveSteps } = setUp()
    const first = pendingSave()
    saveSteps.push(first.save)
    recordsProcessed(10)
    for (let n = 0; n < 5; n++) {
      recordsProcessed(10)
      await clock.advance(10_000)
    }
    expect(saved).toEqual([])
    first.finish()
    await clock.advance(0)
    expect(saved).toEqual([10, 60])
  })

  test('a change during a save is saved after everyMs', async () => {
    const { recordsProcessed, clock, saved, saveSteps } = setUp()
    const first = pendingSave()
    saveSteps.push(first.save)
    recordsProcessed(10)
    recordsProcessed(1)
    first.finish()
    await clock.advance(0)
    expect(saved).toEqual([10])
    await clock.advance(5_000)
    expect(saved).toEqual([10, 11])
  })
})

test('records processed during a save count towards the next save', async () => {
  const { checkpointer, recordsProcessed, clock, saved, saveSteps } = setUp()
  const first = pendingSave()
  saveSteps.push(first.save)
  recordsProcessed(10)
  await clock.advance(1)
  recordsProcessed(6)
  first.finish()
  await clock.advance(1)
  expect(saved).toEqual([10])
  recordsProcessed(4)
  await clock.advance(1)
  expect(saved).toEqual([10, 20])
  await checkpointer.close()
})

describe('Checkpointer with a failing store', () => {
  const fail = async () => {
    throw new Error('no response')
  }

  test('a failed save is retried indefinitely with growing delays', async () => {
    const { recordsProcessed, clock, saved, saveSteps, retries } = setUp()
    saveSteps.push(...Array(12).fill(fail))
    recordsProcessed(10)
    await clock.advance(120_000)
    expect(saved).toEqual([10])
    expect(retries.map(({ delayMs }) => delayMs)).toEqual([
      50, 100, 200, 400, 800, 1_600, 2_500, 2_500, 2_500, 2_500, 2_500, 2_500,
    ])
    expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(retries[0]?.error).toEqual(new Error('no response'))
  })

  test('each retry saves the latest token', async () => {
    const { recordsProcessed, clock, saved, saveSteps } = setUp()
    saveSteps.push(fail)
    recordsProcessed(10)
    await clock.advance(0)
    recordsProcessed(3)
    await clock.advance(50)
    expect(saved).toEqual([13])
    await clock.advance(60_000)
    expect(saved).toEqual([13])
  })

  test('the retry delay is reset by a successful save', async () => {
    const { recordsProcessed, clock, saveSteps, retries } = setUp()
    const processMoreWhileSaving = async () => recordsProcessed(10)
    saveSteps.push(fail, fail, processMoreWhileSaving, fail, async () => {}, fail)
    recordsProcessed(10)
    await clock.advance(1_000)
    expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2, 1])
    recordsProcessed(10)
    await clock.advance(1_000)
    expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 1])
  })

  test('a save that rejects without an error is retried', async () => {
    const { recordsProcessed, clock, saved, saveSteps, retries } = setUp()
    saveSteps.push(() => Promise.reject())
    recordsProcessed(10)
    await clock.advance(0)
    expect(saved).toEqual([])
    expect(retries).toHaveLength(1)
  })
})

describe('checkpoint.conflict', () => {
  test('a conflict stops saving immediately and permanently', async () => {
    const { checkpointer, recordsProcessed, clock, saved, saveSteps, retries } = setUp()
    const error = conflict()
    saveSteps.push(() => Promise.reject(error))
    recordsProcessed(10)
    recordsProcessed(10)
    await clock.advance(0)
    expect(checkpointer.failure).toBe(error)
    recordsProcessed(10)
    await clock.advance(60_000)
    expect(saved).toEqual([])
    expect(retries).toEqual([])
    expect(clock.untilNextTimer).toBeUndefined()
  })

  test('flush() and close() reject with the conflict', async () => {
    const { checkpointer, recordsProcessed, saveSteps, clock } = setUp()
    saveSteps.push(() => Promise.reject(conflict()))
    recordsProcessed(1)
    await expect(clock.run(checkpointer.flush())).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    await expect(clock.run(checkpointer.close())).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    expect(clock.untilNextTimer).toBeUndefined()
  })
})

describe('flush', () => {
  test('flush() saves unsaved changes immediately, and nothing twice', async () => {
    const { checkpointer, recordsProcessed, saved } = setUp()
    await checkpointer.flush()
    expect(saved).toEqual([])
    recordsProcessed(1)
    await checkpointer.flush()
    await checkpointer.flush()
    expect(saved).toEqual([1])
  })

  test('flush() waits for the save in flight, then saves the changes since its start', async () => {
    const { checkpointer, recordsProcessed, clock, saved, saveSteps } = setUp()
    const first = pendingSave()
    saveSteps.push(first.save)
    recordsProcessed(10)
    recordsProcessed(1)
    const flushed = checkpointer.flush()
    first.finish()
    await clock.run(flushed)
    expect(saved).toEqual([10, 11])
  })

  test('flush() does not wait for changes after its call', async () => {
    const { checkpointer, recordsProcessed, clock, saved, saveSteps } = setUp()
    const second = pendingSave()
    saveSteps.push(async () => recordsProcessed(10), second.save)
    recordsProcessed(1)
    await checkpointer.flush()
    expect(saved).toEqual([1])
    second.finish()
    await clock.advance(0)
    expect(saved).toEqual([1, 11])
  })

  test('flush() ends the delay before the next retry', async () => {
    const { checkpointer, recordsProcessed, clock, saved, saveSteps } = setUp()
    saveSteps.push(...Array(8).fill(() => Promise.reject(new Error('no response'))))
    recordsProcessed(10)
    await clock.advance(6_000)
    expect(saved).toEqual([])
    await checkpointer.flush()
    expect(saved).toEqual([10])
    expect(clock.untilNextTimer).toBeUndefined()
  })

  test('flush() rejects after ten seconds with the error of the store as its cause, and retries continue', async () => {
    const { checkpointer, recordsProcessed, clock, saved, saveSteps } = setUp()
    const cause = new Error('no response')
    saveSteps.push(...Array(15).fill(() => Promise.reject(cause)))
    recordsProcessed(1)
    const start = clock.now()
    await expect(clock.run(checkpointer.flush())).rejects.toMatchObject({
      code: 'checkpoint.failed',
      details: { name: 'indexer', operation: 'save' },
      message: 'The checkpoint "indexer" could not be saved within 10 s: no response.',
      cause,
    })
    expect(clock.now() - start).toBe(10_000)
    await clock.advance(60_000)
    expect(saved).toEqual([1])
  })

  test('flush() rejects if the store never responds', async () => {
    const { checkpointer, recordsProcessed, clock, saveSteps } = setUp({ flushTimeoutMs: 1_000 })
    saveSteps.push(neverResponds)
    recordsProcessed(1)
    await expect(clock.run(checkpointer.flush())).rejects.toMatchObject({
      code: 'checkpoint.failed',
      message: expect.stringContaining('the store did not respond'),
    })
  })

  test('flush() quotes the rejection of the store if it is not an error', async () => {
    const { checkpointer, recordsProcessed, clock, saveSteps } = setUp({ flushTimeoutMs: 1_000 })
    saveSteps.push(...Array(15).fill(() => Promise.reject(undefined)))
    recordsProcessed(1)
    await expect(clock.run(checkpointer.flush())).rejects.toMatchObject({
      message: expect.stringContaining('the store rejected with undefined'),
    })
  })

  test('flush() does not report an error from before the last successful save', async () => {
    const { checkpointer, recordsProcessed, clock, saveSteps } = setUp()
    saveSteps.push(
      () => Promise.reject(new Error('yesterday')),
      async () => {},
      neverResponds,
    )
    recordsProcessed(1)
    await clock.run(checkpointer.flush())
    recordsProcessed(1)
    await expect(clock.run(checkpointer.flush())).rejects.toMatchObject({
      message: expect.stringContaining('the store did not respond'),
    })
  })

  test('flush() rejects when its signal aborts', async () => {
    const { checkpointer, recordsProcessed, clock, saveSteps } = setUp()
    saveSteps.push(neverResponds)
    recordsProcessed(1)
    const reason = new Error('enough')
    const abort = new AbortController()
    const flushed = checkpointer.flush(abort.signal)
    abort.abort(reason)
    await expect(flushed).rejects.toMatchObject({ code: 'checkpoint.failed', cause: reason })
    expect(clock.untilNextTimer).toBeUndefined()
  })
})

describe('close', () => {
  test('close() saves unsaved changes and leaves no timer', async () => {
    const { checkpointer, recordsProcessed, clock, saved } = setUp()
    recordsProcessed(1)
    await checkpointer.close()
    expect(saved).toEqual([1])
    recordsProcessed(10)
    expect(clock.untilNextTimer).toBeUndefined()
    await clock.advance(60_000)
    expect(saved).toEqual([1])
  })

  test('close() is idempotent', async () => {
    const { checkpointer, recordsProcessed, saved } = setUp()
    recordsProcessed(1)
    await Promise.all([checkpointer.close(), checkpointer.close()])
    await checkpointer.close()
    expect(saved).toEqual([1])
  })

  test('close() leaves no timer and no retries if the store keeps failing', async () => {
    const { checkpointer, recordsProcessed, clock, retries } = setUp({
      lease: {
        lost: new AbortController().signal,
        release: async () => {},
        save: () => Promise.reject(new Error('no response')),
      },
    })
    recordsProcessed(1)
    await expect(clock.run(checkpointer.close())).rejects.toMatchObject({ code: 'checkpoint.failed' })
    const attempts = retries.length
    expect(clock.untilNextTimer).toBeUndefined()
    await clock.advance(60_000)
    expect(retries).toHaveLength(attempts)
  })

  test('no saved checkpoint is reported after close() has timed out', async () => {
    const { checkpointer, recordsProcessed, clock, reported, saveSteps } = setUp()
    const late = pendingSave()
    saveSteps.push(late.save)
    recordsProcessed(1)
    await expect(clock.run(checkpointer.close())).rejects.toMatchObject({ code: 'checkpoint.failed' })
    late.finish()
    await clock.advance(0)
    expect(reported).toEqual([])
  })
})

describe('Checkpointer with a lease', () => {
  /** Creates a lease that counts its calls and saves nothing. */
  function countingLease(release: () => Promise<void> = async () => {}) {
    const lost = new AbortController()
    const counts = { saves: 0, releases: 0 }
    const lease: CheckpointerOptions['lease'] = {
      lost: lost.signal,
      save: async () => {
        counts.saves++
      },
      release: () => {
        counts.releases++
        return release()
      },
    }
    return { lease, lost, counts }
  }

  test('a lost lease stops saving immediately, not at the next save', async () => {
    const { lease, lost, counts } = countingLease()
    const { checkpointer, recordsProcessed, clock } = setUp({ lease })
    recordsProcessed(1)
    const error = conflict()
    lost.abort(error)
    expect(checkpointer.failure).toBe(error)
    expect(clock.untilNextTimer).toBeUndefined()
    await clock.advance(60_000)
    expect(counts.saves).toBe(0)
    await expect(checkpointer.close()).rejects.toBe(error)
  })

  test('the lease is released once, after the last save', async () => {
    const { lease, counts } = countingLease(async () => expect(counts.saves).toBe(1))
    const { checkpointer, recordsProcessed } = setUp({ lease })
    recordsProcessed(1)
    expect(counts.releases).toBe(0)
    await Promise.all([checkpointer.close(), checkpointer.close()])
    expect(counts).toEqual({ saves: 1, releases: 1 })
  })

  test('a lost lease is released too, and an error of its release is ignored', async () => {
    const { lease, lost, counts } = countingLease(() => Promise.reject(new Error('no response')))
    const { checkpointer } = setUp({ lease })
    const error = conflict()
    lost.abort(error)
    await expect(checkpointer.close()).rejects.toBe(error)
    expect(counts.releases).toBe(1)
  })
})

test('an error thrown by onSaved stops saving, and close() rejects with it', async () => {
  const error = new Error('listener')
  const { checkpointer, recordsProcessed, clock } = setUp({
    onSaved: () => {
      throw error
    },
  })
  recordsProcessed(10)
  await clock.advance(0)
  expect(checkpointer.failure).toBe(error)
  await expect(checkpointer.close()).rejects.toBe(error)
})

test('bursts of records are saved in order, one save at a time, and completely on close()', async () => {
  const step = fc.record({ records: fc.nat(15), waitMs: fc.nat(6_000) })
  const save = fc.record({ fails: fc.boolean(), takesMs: fc.nat(7_000) })
  await fc.assert(
    fc.asyncProperty(fc.array(step), fc.array(save), async (steps, saves) => {
      const { checkpointer, recordsProcessed, clock, saved, saveSteps } = setUp({ flushTimeoutMs: 1e9 })
      for (const { fails, takesMs } of saves) {
        saveSteps.push(async () => {
          await new Promise<void>((resolve) => clock.setTimer(takesMs, resolve))
          if (fails) throw new Error('no response')
        })
      }
      let processed = 0
      for (const { records, waitMs } of steps) {
        processed += records
        recordsProcessed(records)
        await clock.advance(waitMs)
      }
      await clock.run(checkpointer.close())
      expect(saved).toEqual([...saved].sort((a, b) => a - b))
      expect(saved.at(-1) ?? 0).toBe(processed)
      expect(clock.untilNextTimer).toBeUndefined()
    }),
  )
})

describe('Checkpointer with a large token', () => {
  /** Sets up a checkpointer whose token has a stream ARN of `length` characters. */
  function setUpLarge(length: number) {
    const size = { length }
    const tokenOf = () => ({ version: 1 as const, streamArn: '9'.repeat(size.length), shards: [] })
    return { ...setUp({ tokenOf, flushTimeoutMs: 10_000 }), size }
  }

  test('a large token is saved at most once per everyMs, whatever everyRecords is', async () => {
    const { recordsProcessed, clock, saved } = setUpLarge(10_000)
    recordsProcessed(10)
    await clock.advance(0)
    expect(saved.length).toBe(1)
    for (let n = 0; n < 100; n++) {
      recordsProcessed(10)
      await clock.advance(200)
    }
    expect(saved.length).toBe(1 + 20_000 / 5_000)
  })

  test('records processed while a large token is being saved do not cause another save at once', async () => {
    const { recordsProcessed, clock, saved, saveSteps } = setUpLarge(10_000)
    const first = pendingSave()
    saveSteps.push(first.save)
    recordsProcessed(10)
    recordsProcessed(10)
    first.finish()
    await clock.advance(4_999)
    expect(saved.length).toBe(1)
    await clock.advance(1)
    expect(saved.length).toBe(2)
  })

  test('flush() and close() save a large token at once', async () => {
    const { checkpointer, recordsProcessed, clock, saved } = setUpLarge(10_000)
    recordsProcessed(1)
    await checkpointer.flush()
    recordsProcessed(1)
    await checkpointer.flush()
    recordsProcessed(1)
    await clock.run(checkpointer.close())
    expect([saved.length, clock.now()]).toEqual([3, new ManualClock().now()])
  })

  test('a token that has become small is saved by the number of records again', async () => {
    const { recordsProcessed, clock, saved, size } = setUpLarge(10_000)
    recordsProcessed(10)
    await clock.advance(0)
    size.length = 100
    recordsProcessed(10)
    await clock.advance(4_999)
    expect(saved.length).toBe(1)
    await clock.advance(1)
    recordsProcessed(10)
    await clock.advance(0)
    expect(saved.length).toBe(3)
  })
})

describe('Checkpointer.lost', () => {
  test('lost aborts with the conflict when a save detects it, and not when a save fails', async () => {
    const { checkpointer, recordsProcessed, clock, saveSteps } = setUp()
    const taken = conflict()
    saveSteps.push(
      async () => {
        throw new Error('disk full')
      },
      async () => {
        throw taken
      },
    )
    recordsProcessed(10)
    await clock.advance(0)
    expect(checkpointer.lost.aborted).toBe(false)
    await clock.advance(5_000)
    expect([checkpointer.lost.reason, checkpointer.failure]).toEqual([taken, taken])
  })

  test('lost aborts with the first error when the lease is lost, even before the checkpointer exists', () => {
    for (const isLostBefore of [true, false]) {
      const leaseLost = new AbortController()
      const taken = conflict()
      if (isLostBefore) leaseLost.abort(taken)
      const lease = { lost: leaseLost.signal, release: async () => {}, save: async () => {} }
      const { checkpointer } = setUp({ lease })
      leaseLost.abort(taken)
      expect(checkpointer.lost.reason).toBe(taken)
    }
  })

  test('lost does not abort when the checkpointer is closed', async () => {
    const { checkpointer, clock } = setUp()
    await clock.run(checkpointer.close())
    expect(checkpointer.lost.aborted).toBe(false)
  })
})
