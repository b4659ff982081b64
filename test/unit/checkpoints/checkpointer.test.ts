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

const noAnswer = () => new Promise<never>(() => {})
const conflict = () => new StreamError('checkpoint.conflict', 'taken over', { name: 'indexer' })

/** A checkpointer of a stream that is the number of the records done; what is saved is that number. */
function setUp(options: Partial<CheckpointerOptions> = {}) {
  const clock = new ManualClock()
  const saved: number[] = []
  const told: number[] = []
  const retries: CheckpointRetry[] = []
  /** What the store does, at each call from the first on; afterwards it saves. */
  const answers: (() => Promise<void>)[] = []
  let done = 0
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
          await answers.shift()?.()
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
    tokenOf: () => ({ version: 1, streamArn: String(done), shards: [] }),
    onSaved: (token) => told.push(numberIn(token)),
    onRetry: (retry) => retries.push(retry),
    ...options,
  })
  const recordsProcessed = (count: number) => {
    done += count
    checkpointer.recordsProcessed(count)
  }
  return { checkpointer, recordsProcessed, clock, saved, told, retries, answers }
}

/** A save that ends when it is told to. */
function pendingSave() {
  let finish = () => {}
  const promise = new Promise<void>((resolve) => {
    finish = resolve
  })
  return { answer: () => promise, finish: () => finish() }
}

describe('a checkpoint is saved', () => {
  test('after so many records', async () => {
    const { recordsProcessed, clock, saved, told } = setUp()
    for (let n = 0; n < 25; n++) {
      recordsProcessed(1)
      await clock.advance(0)
    }
    expect(saved).toEqual([10, 20])
    expect(told).toEqual([10, 20])
  })

  test('so long after a change, also when no further record comes', async () => {
    const { recordsProcessed, clock, saved } = setUp()
    recordsProcessed(1)
    await clock.advance(4_999)
    expect(saved).toEqual([])
    await clock.advance(1)
    expect(saved).toEqual([1])
  })

  test('for a change that is no record', async () => {
    const { recordsProcessed, clock, saved } = setUp()
    recordsProcessed(0)
    await clock.advance(5_000)
    expect(saved).toEqual([0])
  })

  test('not when nothing changed', async () => {
    const { recordsProcessed, clock, saved } = setUp()
    await clock.advance(60_000)
    recordsProcessed(1)
    await clock.advance(60_000)
    expect(saved).toEqual([1])
    expect(clock.untilNextTimer).toBeUndefined()
  })

  test('by time as from the change after the last save, not by a timer from before it', async () => {
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

describe('while a save is under way', () => {
  test('no other one starts, and only the newest token is saved afterwards', async () => {
    const { recordsProcessed, clock, saved, answers } = setUp()
    const first = pendingSave()
    answers.push(first.answer)
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

  test('a change that comes then is saved by time', async () => {
    const { recordsProcessed, clock, saved, answers } = setUp()
    const first = pendingSave()
    answers.push(first.answer)
    recordsProcessed(10)
    recordsProcessed(1)
    first.finish()
    await clock.advance(0)
    expect(saved).toEqual([10])
    await clock.advance(5_000)
    expect(saved).toEqual([10, 11])
  })
})

test('records that are done while a save is under way count for the next one', async () => {
  const { checkpointer, recordsProcessed, clock, saved, answers } = setUp()
  const save = pendingSave()
  answers.push(save.answer)
  recordsProcessed(10)
  await clock.advance(1)
  recordsProcessed(6)
  save.finish()
  await clock.advance(1)
  expect(saved).toEqual([10])
  recordsProcessed(4)
  await clock.advance(1)
  expect(saved).toEqual([10, 20])
  await checkpointer.close()
})

describe('a failing store', () => {
  const fail = async () => {
    throw new Error('no answer')
  }

  test('is asked again with growing waits, for as long as it takes', async () => {
    const { recordsProcessed, clock, saved, answers, retries } = setUp()
    answers.push(...Array(12).fill(fail))
    recordsProcessed(10)
    await clock.advance(120_000)
    expect(saved).toEqual([10])
    expect(retries.map(({ delayMs }) => delayMs)).toEqual([
      50, 100, 200, 400, 800, 1_600, 2_500, 2_500, 2_500, 2_500, 2_500, 2_500,
    ])
    expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(retries[0]?.error).toEqual(new Error('no answer'))
  })

  test('is given the newest token at each try', async () => {
    const { recordsProcessed, clock, saved, answers } = setUp()
    answers.push(fail)
    recordsProcessed(10)
    await clock.advance(0)
    recordsProcessed(3)
    await clock.advance(50)
    expect(saved).toEqual([13])
    await clock.advance(60_000)
    expect(saved).toEqual([13])
  })

  test('that has recovered is waited for briefly again at its next failure', async () => {
    const { recordsProcessed, clock, answers, retries } = setUp()
    const whileOthersAreDone = async () => recordsProcessed(10)
    answers.push(fail, fail, whileOthersAreDone, fail, async () => {}, fail)
    recordsProcessed(10)
    await clock.advance(1_000)
    expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2, 1])
    recordsProcessed(10)
    await clock.advance(1_000)
    expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 1])
  })

  test('that rejects with nothing has failed all the same', async () => {
    const { recordsProcessed, clock, saved, answers, retries } = setUp()
    answers.push(() => Promise.reject())
    recordsProcessed(10)
    await clock.advance(0)
    expect(saved).toEqual([])
    expect(retries).toHaveLength(1)
  })
})

describe('a conflict', () => {
  test('ends the saving at once and for good', async () => {
    const { checkpointer, recordsProcessed, clock, saved, answers, retries } = setUp()
    const error = conflict()
    answers.push(() => Promise.reject(error))
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

  test('is what flush and close reject with', async () => {
    const { checkpointer, recordsProcessed, answers, clock } = setUp()
    answers.push(() => Promise.reject(conflict()))
    recordsProcessed(1)
    await expect(clock.run(checkpointer.flush())).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    await expect(clock.run(checkpointer.close())).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    expect(clock.untilNextTimer).toBeUndefined()
  })
})

describe('flush', () => {
  test('saves at once what is not saved yet, and nothing twice', async () => {
    const { checkpointer, recordsProcessed, saved } = setUp()
    await checkpointer.flush()
    expect(saved).toEqual([])
    recordsProcessed(1)
    await checkpointer.flush()
    await checkpointer.flush()
    expect(saved).toEqual([1])
  })

  test('waits for the save under way, then saves what came after its start', async () => {
    const { checkpointer, recordsProcessed, clock, saved, answers } = setUp()
    const first = pendingSave()
    answers.push(first.answer)
    recordsProcessed(10)
    recordsProcessed(1)
    const flushed = checkpointer.flush()
    first.finish()
    await clock.run(flushed)
    expect(saved).toEqual([10, 11])
  })

  test('does not wait for what comes after its call', async () => {
    const { checkpointer, recordsProcessed, clock, saved, answers } = setUp()
    const second = pendingSave()
    answers.push(async () => recordsProcessed(10), second.answer)
    recordsProcessed(1)
    await checkpointer.flush()
    expect(saved).toEqual([1])
    second.finish()
    await clock.advance(0)
    expect(saved).toEqual([1, 11])
  })

  test('ends the wait before the next try', async () => {
    const { checkpointer, recordsProcessed, clock, saved, answers } = setUp()
    answers.push(...Array(8).fill(() => Promise.reject(new Error('no answer'))))
    recordsProcessed(10)
    await clock.advance(6_000)
    expect(saved).toEqual([])
    await checkpointer.flush()
    expect(saved).toEqual([10])
    expect(clock.untilNextTimer).toBeUndefined()
  })

  test('gives up after ten seconds, with the error of the store as cause; the tries go on', async () => {
    const { checkpointer, recordsProcessed, clock, saved, answers } = setUp()
    const cause = new Error('no answer')
    answers.push(...Array(15).fill(() => Promise.reject(cause)))
    recordsProcessed(1)
    const start = clock.now()
    await expect(clock.run(checkpointer.flush())).rejects.toMatchObject({
      code: 'checkpoint.failed',
      details: { name: 'indexer', operation: 'save' },
      message: 'The checkpoint "indexer" could not be saved within 10000 ms: no answer',
      cause,
    })
    expect(clock.now() - start).toBe(10_000)
    await clock.advance(60_000)
    expect(saved).toEqual([1])
  })

  test('gives up on a store that never answers', async () => {
    const { checkpointer, recordsProcessed, clock, answers } = setUp({ flushTimeoutMs: 1_000 })
    answers.push(noAnswer)
    recordsProcessed(1)
    await expect(clock.run(checkpointer.flush())).rejects.toMatchObject({
      code: 'checkpoint.failed',
      message: expect.stringContaining('the store did not answer'),
    })
  })

  test('names what the store rejected with, if that is not an error', async () => {
    const { checkpointer, recordsProcessed, clock, answers } = setUp({ flushTimeoutMs: 1_000 })
    answers.push(...Array(15).fill(() => Promise.reject(undefined)))
    recordsProcessed(1)
    await expect(clock.run(checkpointer.flush())).rejects.toMatchObject({
      message: expect.stringContaining('the store rejected with undefined'),
    })
  })

  test('does not blame an error that was overcome', async () => {
    const { checkpointer, recordsProcessed, clock, answers } = setUp()
    answers.push(
      () => Promise.reject(new Error('yesterday')),
      async () => {},
      noAnswer,
    )
    recordsProcessed(1)
    await clock.run(checkpointer.flush())
    recordsProcessed(1)
    await expect(clock.run(checkpointer.flush())).rejects.toMatchObject({
      message: expect.stringContaining('the store did not answer'),
    })
  })

  test('ends when its signal aborts', async () => {
    const { checkpointer, recordsProcessed, clock, answers } = setUp()
    answers.push(noAnswer)
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
  test('saves what is not saved yet, and leaves no timer', async () => {
    const { checkpointer, recordsProcessed, clock, saved } = setUp()
    recordsProcessed(1)
    await checkpointer.close()
    expect(saved).toEqual([1])
    recordsProcessed(10)
    expect(clock.untilNextTimer).toBeUndefined()
    await clock.advance(60_000)
    expect(saved).toEqual([1])
  })

  test('is idempotent', async () => {
    const { checkpointer, recordsProcessed, saved } = setUp()
    recordsProcessed(1)
    await Promise.all([checkpointer.close(), checkpointer.close()])
    await checkpointer.close()
    expect(saved).toEqual([1])
  })

  test('leaves no timer and tries no more when the store keeps failing', async () => {
    const { checkpointer, recordsProcessed, clock, retries } = setUp({
      lease: {
        lost: new AbortController().signal,
        release: async () => {},
        save: () => Promise.reject(new Error('no answer')),
      },
    })
    recordsProcessed(1)
    await expect(clock.run(checkpointer.close())).rejects.toMatchObject({ code: 'checkpoint.failed' })
    const tried = retries.length
    expect(clock.untilNextTimer).toBeUndefined()
    await clock.advance(60_000)
    expect(retries).toHaveLength(tried)
  })

  test('is not followed by the news of a save that came through too late', async () => {
    const { checkpointer, recordsProcessed, clock, told, answers } = setUp()
    const late = pendingSave()
    answers.push(late.answer)
    recordsProcessed(1)
    await expect(clock.run(checkpointer.close())).rejects.toMatchObject({ code: 'checkpoint.failed' })
    late.finish()
    await clock.advance(0)
    expect(told).toEqual([])
  })
})

describe('a lease', () => {
  /** A lease that saves nothing, and counts. */
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

  test('that is lost ends the saving at once, not at the next save', async () => {
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

  test('is released once, after the last save', async () => {
    const { lease, counts } = countingLease(async () => expect(counts.saves).toBe(1))
    const { checkpointer, recordsProcessed } = setUp({ lease })
    recordsProcessed(1)
    expect(counts.releases).toBe(0)
    await Promise.all([checkpointer.close(), checkpointer.close()])
    expect(counts).toEqual({ saves: 1, releases: 1 })
  })

  test('is released also when it was lost, and when that fails', async () => {
    const { lease, lost, counts } = countingLease(() => Promise.reject(new Error('no answer')))
    const { checkpointer } = setUp({ lease })
    const error = conflict()
    lost.abort(error)
    await expect(checkpointer.close()).rejects.toBe(error)
    expect(counts.releases).toBe(1)
  })
})

test('a listener that throws is not swallowed: it ends the saving, and is what close rejects with', async () => {
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

test('records done in bursts of any size are saved in order, one save at a time, and all at the close', async () => {
  const step = fc.record({ records: fc.nat(15), waitMs: fc.nat(6_000) })
  const answer = fc.record({ fails: fc.boolean(), takesMs: fc.nat(7_000) })
  await fc.assert(
    fc.asyncProperty(fc.array(step), fc.array(answer), async (steps, answers) => {
      const {
        checkpointer,
        recordsProcessed,
        clock,
        saved,
        answers: scripted,
      } = setUp({ flushTimeoutMs: 1e9 })
      for (const { fails, takesMs } of answers) {
        scripted.push(async () => {
          await new Promise<void>((resolve) => clock.setTimer(takesMs, resolve))
          if (fails) throw new Error('no answer')
        })
      }
      let done = 0
      for (const { records, waitMs } of steps) {
        done += records
        recordsProcessed(records)
        await clock.advance(waitMs)
      }
      await clock.run(checkpointer.close())
      expect(saved).toEqual([...saved].sort((a, b) => a - b))
      expect(saved.at(-1) ?? 0).toBe(done)
      expect(clock.untilNextTimer).toBeUndefined()
    }),
  )
})
