import { describe, expect, it } from 'vitest'
import type { DeadLetter } from '../../../src/destinations/destination.ts'
import { deferred, startRun } from './run-subject.ts'

interface Context {
  readonly attempt: number
  reject(reason: string): never
}

/** Tasks that note their calls; those that are listed fail for their first `failures` calls. */
function tasksThat(failures: Readonly<Record<string, number>>) {
  const calls: string[] = []
  const left = new Map(Object.entries(failures))
  const task =
    (name: string) =>
    async ({ sequenceNumber }: { sequenceNumber: string }) => {
      calls.push(`${name} ${sequenceNumber}`)
      const rest = left.get(name) ?? 0
      left.set(name, rest - 1)
      if (rest > 0) throw new Error(`${name} is broken`)
    }
  return { calls, tasks: { index: task('index'), mail: task('mail') } }
}

describe('a run with tasks', () => {
  it('a retry runs only the tasks that have not succeeded, in one attempt of the record', async () => {
    const { calls, tasks } = tasksThat({ mail: 2 })
    const { clock, settle, stop, source } = startRun({ tasks }, {}, (from) =>
      from.write({ key: 'a' }, { key: 'a' }),
    )
    await settle()
    expect(calls).toEqual(['index 1', 'mail 1'])
    await source.save()
    expect(source.saved.get('1')).toMatchObject({ attempts: 1, finishedTasks: ['index'] })
    await clock.advance(10_000)
    expect(calls).toEqual(['index 1', 'mail 1', 'mail 1', 'mail 1', 'index 2', 'mail 2'])
    expect(await stop()).toMatchObject({ handled: 2, attempts: 4, retries: 2 })
  })

  it('does not repeat the tasks that an earlier run has finished', async () => {
    const { calls, tasks } = tasksThat({})
    const { settle, stop } = startRun({ tasks }, {}, (from) =>
      from.write({ resumed: { attempts: 3, since: 1, finishedTasks: ['index'] } }),
    )
    await settle()
    expect(calls).toEqual(['mail 1'])
    expect(await stop()).toMatchObject({ handled: 1 })
  })

  it('reports and drops finished tasks that the handler no longer has, and runs new ones', async () => {
    const { calls, tasks } = tasksThat({ mail: 1 })
    const { settle, stop, source, eventsNamed } = startRun({ tasks }, {}, (from) =>
      from.write({ resumed: { attempts: 1, since: 1, finishedTasks: ['old', 'index'] } }),
    )
    await settle()
    expect(eventsNamed('taskDropped')).toEqual([{ shardId: 'shard-a', sequenceNumber: '1', task: 'old' }])
    expect(calls).toEqual(['mail 1'])
    await stop()
    expect(source.saved.get('1')).toMatchObject({ attempts: 2, finishedTasks: ['index'] })
  })

  it('a record whose tasks are all finished settles without calling any', async () => {
    const { calls, tasks } = tasksThat({})
    const { settle, stop } = startRun({ tasks }, {}, (from) =>
      from.write({ resumed: { attempts: 1, since: 1, finishedTasks: ['index', 'mail'] } }),
    )
    await settle()
    expect(calls).toEqual([])
    expect(await stop()).toMatchObject({ handled: 1 })
  })

  it('each task that is given up has a dead letter of its own, and the record settles with the last one', async () => {
    const { tasks } = tasksThat({ mail: 9, index: 9 })
    const letters: DeadLetter[] = []
    const accepted = { index: deferred(), mail: deferred() }
    const { clock, settle, stop, source, eventsNamed } = startRun(
      { tasks },
      {
        retry: { maxAttempts: 2 },
        onFailure: (letter: DeadLetter) => {
          letters.push(letter)
          return accepted[letter.failure.task as 'index' | 'mail'].promise
        },
      },
      (from) => from.write({ key: 'a' }, { key: 'a' }),
    )
    await settle()
    await clock.advance(1_000)
    expect(letters.map(({ failure }) => failure.task)).toEqual(['index'])
    accepted.index.resolve()
    await settle()
    expect(letters.map(({ failure }) => [failure.task, failure.attempts, failure.error?.message])).toEqual([
      ['index', 2, 'index is broken'],
      ['mail', 2, 'mail is broken'],
    ])
    expect(new Set(letters.map(({ id }) => id)).size).toBe(2)
    await source.save()
    expect(source.saved.get('1')).toMatchObject({ finishedTasks: ['index'] })
    expect(eventsNamed('deadLettered').map(({ task }) => task)).toEqual(['index'])
    accepted.mail.resolve()
    await settle()
    await source.save()
    expect(source.saved.get('1')).toBe('settled')
    expect(await stop()).toMatchObject({ deadLettered: { exhausted: 1 }, handled: 0 })
  })

  it('reject() in one task gives up only that task; the others are retried, and the record waits for both', async () => {
    let failures = 2
    const letters: DeadLetter[] = []
    const calls: string[] = []
    const accepted = deferred()
    const { clock, settle, stop, source } = startRun(
      {
        tasks: {
          strict: (_: unknown, { reject }: Context) => {
            calls.push('strict')
            reject('wrong')
          },
          flaky: () => {
            calls.push('flaky')
            if (failures-- > 0) throw new Error('later')
          },
        },
      },
      {
        onFailure: (letter: DeadLetter) => {
          letters.push(letter)
          return accepted.promise
        },
      },
      (from) => from.write({}),
    )
    await settle()
    await clock.advance(10_000)
    expect(calls).toEqual(['strict', 'flaky', 'flaky', 'flaky'])
    expect(letters.map(({ condition, failure }) => [condition, failure.task])).toEqual([
      ['Rejected', 'strict'],
    ])
    await source.save()
    expect(source.saved.get('1')).not.toBe('settled')
    accepted.resolve()
    await settle()
    expect(await stop()).toMatchObject({ deadLettered: { rejected: 1 } })
    expect(source.saved.get('1')).toBe('settled')
  })

  it('the letter of each task that is given up for its age contains the error of that task', async () => {
    const letters: DeadLetter[] = []
    const { clock, settle, stop } = startRun(
      {
        tasks: {
          a: () => Promise.reject(new Error('error of a')),
          b: () => Promise.reject(new Error('error of b')),
        },
      },
      {
        retry: { maxRecordAgeMs: 2_000 },
        onFailure: async (letter: DeadLetter) => void letters.push(letter),
      },
      (from) => from.write({}),
    )
    await settle()
    await clock.advance(60_000)
    await stop()
    expect(letters.map(({ failure: { task, error } }) => [task, error?.message])).toEqual([
      ['a', 'error of a'],
      ['b', 'error of b'],
    ])
  })

  it("with 'discard', a record counts as discarded if one of its tasks was", async () => {
    const { tasks } = tasksThat({ mail: 9 })
    const { settle, stop, eventsNamed } = startRun(
      { tasks },
      { retry: { maxAttempts: 1 }, onFailure: 'discard' },
      (from) => from.write({}),
    )
    await settle()
    expect(eventsNamed('discarded').map(({ task }) => task)).toEqual(['mail'])
    expect(await stop()).toMatchObject({ discarded: 1, handled: 0 })
  })

  it('without onFailure, the run ends at a task that fails for good, and keeps the finished tasks', async () => {
    const { tasks } = tasksThat({ mail: 9 })
    const { clock, run, source } = startRun({ tasks }, { retry: { maxAttempts: 1 } }, (from) =>
      from.write({}),
    )
    await expect(clock.run(run.result)).rejects.toMatchObject({
      code: 'handler.failed',
      cause: { message: 'mail is broken' },
    })
    expect(source.saved.get('1')).toMatchObject({ attempts: 1, finishedTasks: ['index'] })
  })

  it('a shutdown gives the attempt back and keeps the tasks that have finished', async () => {
    const { clock, settle, run, source } = startRun(
      {
        tasks: {
          quick: () => {},
          slow: (_: unknown, { signal }: { signal: AbortSignal }) =>
            new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        },
      },
      {},
      (from) => from.write({}),
    )
    await settle()
    void run.stop()
    await clock.run(run.result)
    expect(source.saved.get('1')).toMatchObject({ attempts: 0, finishedTasks: ['quick'], isRunning: false })
  })

  it('a record that is lost with the worker has a letter for each task that had not finished', async () => {
    const letters: unknown[] = []
    const { settle, stop } = startRun(
      { tasks: { a: () => {}, b: () => {}, c: () => {} } },
      {
        retry: { maxAttempts: 2 },
        onFailure: async ({ condition, failure }: DeadLetter) => void letters.push([condition, failure.task]),
      },
      (from) => from.write({ resumed: { attempts: 2, since: 1, isRunning: true, finishedTasks: ['b'] } }),
    )
    await settle()
    expect(letters).toEqual([
      ['WorkerLost', 'a'],
      ['WorkerLost', 'c'],
    ])
    expect(await stop()).toMatchObject({ deadLettered: { workerLost: 1 } })
  })
})
