import { describe, expect, it } from 'vitest'
import { queuedRecord } from './planner-subject.ts'

const failure = { error: { name: 'Error' }, isReported: false, thrown: undefined, at: 5 }

describe('QueuedRecord', () => {
  it('has no progress before its first attempt, nor after that was given back', () => {
    const record = queuedRecord(1)
    expect(record.progress()).toBeUndefined()
    record.startAttempt(true, 100)
    expect(record.progress()).toEqual({
      attempts: 1,
      since: 100,
      isRunning: true,
      finishedTasks: [],
      error: undefined,
    })
    record.giveBackAttempt()
    expect(record.progress()).toBeUndefined()
    record.startAttempt(true, 200)
    expect(record.progress()).toMatchObject({ attempts: 1, since: 200 })
  })

  it('an attempt that is shared is shown as running, and counts only if the record is named', () => {
    const record = queuedRecord(1)
    record.startAttempt(false, 100)
    expect(record.progress()).toMatchObject({ attempts: 0, isRunning: true })
    record.giveBackAttempt()
    expect(record.attempts).toBe(0)
    record.startAttempt(false, 100)
    record.failAttempt(failure)
    expect(record.progress()).toMatchObject({ attempts: 1, isRunning: false, error: { name: 'Error' } })
  })

  it('an attempt that waits for an outage does not count, but the error is kept', () => {
    const record = queuedRecord(1, { resumed: { attempts: 3, since: 7 } })
    record.startAttempt(true, 100)
    record.waitAfterAttempt(failure)
    expect(record).toMatchObject({ attempts: 3, waits: 1, attemptsInRun: 1, starts: 4 })
    expect(record.progress()).toMatchObject({ attempts: 3, since: 7, error: { name: 'Error' } })
    record.startAttempt(true, 100)
    record.failAttempt(failure)
    expect(record).toMatchObject({ attempts: 4, waits: 0 })
  })

  it('remains marked as running until an attempt has an outcome, if its attempt ended the process', () => {
    const record = queuedRecord(1, { resumed: { attempts: 2, since: 7, isRunning: true } })
    expect(record.progress()).toMatchObject({ attempts: 2, isRunning: true })
    record.startAttempt(true, 100)
    record.giveBackAttempt()
    expect(record.progress()).toMatchObject({ attempts: 2, isRunning: true })
    record.startAttempt(true, 100)
    record.failAttempt(failure)
    expect(record.progress()).toMatchObject({ attempts: 3, isRunning: false })
  })

  it('its entry in a token covers the later records of its key, until it is given up', () => {
    const record = queuedRecord(1, { key: 'a' })
    expect(record.itemKey).toBe(record.record.itemKey)
    record.giveUp()
    expect(record.itemKey).toBeUndefined()
  })

  it('a task whose dead letter is not accepted must not run again, but is not finished either', () => {
    const record = queuedRecord(1)
    record.startAttempt(true, 100)
    record.giveUpTask('mail')
    record.finishTask('index')
    expect(record.doneTasks).toEqual(['index', 'mail'])
    expect(record.progress()?.finishedTasks).toEqual(['index'])
    record.finishTask('mail')
    record.finishTask('mail')
    expect(record.progress()?.finishedTasks).toEqual(['index', 'mail'])
  })

  it('the fate that was noted first counts', () => {
    const record = queuedRecord(1)
    record.noteFate('rejected')
    record.noteFate('exhausted')
    expect(record.fate).toBe('rejected')
  })
})
