import { describe, expect, it } from 'vitest'
import { StreamError } from '../../../src/core/errors.ts'
import { deferred, manualHandler, startRun } from './run-subject.ts'

const crashed = { attempts: 3, isRunning: true, since: 1 }

describe('what a run saves about attempts', () => {
  it('an attempt that runs is in a checkpoint that is saved while it runs', async () => {
    const handler = manualHandler()
    const { source, settle, stop } = startRun(handler, {}, (from) => from.write({}))
    await settle()
    await source.save()
    expect(source.saved.get('1')).toMatchObject({ attempts: 1, isRunning: true })
    handler.resolve(1)
    await stop()
    expect(source.saved.get('1')).toBe('settled')
  })

  it('a shutdown saves that the attempt it has cut short is neither running nor counted', async () => {
    const handler = manualHandler()
    const { source, settle, stop } = startRun(handler, {}, (from) => from.write({ resumed: { attempts: 2 } }))
    await settle()
    await source.save()
    expect(source.saved.get('1')).toMatchObject({ attempts: 3, isRunning: true })
    await stop()
    expect(source.saved.get('1')).toMatchObject({ attempts: 2, isRunning: false })
  })

  it('a record whose attempt ended the process starts only after a save that counts the new attempt', async () => {
    const handler = manualHandler()
    const save = deferred()
    const { source, settle, stop } = startRun(handler, {}, (from) => {
      from.beforeSave = () => save.promise
      from.write({ resumed: crashed })
    })
    await settle()
    expect(handler.calls).toEqual([])
    save.resolve()
    await settle()
    expect(source.saves).toBe(1)
    expect(source.saved.get('1')).toMatchObject({ attempts: 4, isRunning: true })
    expect(handler.attempts).toEqual([4])
    handler.resolve(1)
    await stop()
  })

  it('a record that waits for that save is not started when the run stops, and its attempt is not counted', async () => {
    const handler = manualHandler()
    let saves = 0
    const { source, settle, stop } = startRun(handler, {}, (from) => {
      from.beforeSave = async (signal) => {
        if (++saves > 1) return
        await new Promise((resolve) => signal?.addEventListener('abort', resolve))
        throw new StreamError('checkpoint.failed', 'No.', { name: 'worker', operation: 'save' })
      }
      from.write({ resumed: crashed })
    })
    await settle()
    const summary = await stop()
    expect(handler.calls).toEqual([])
    expect(summary).toMatchObject({ records: 1, handled: 0 })
    expect(source.saved.get('1')).toMatchObject({ attempts: 3, isRunning: true })
  })

  it('a record that waits for that save is not started while the run is paused', async () => {
    const handler = manualHandler()
    const save = deferred()
    const { run, settle, stop } = startRun(handler, {}, (from) => {
      from.beforeSave = () => save.promise
      from.write({ resumed: crashed })
    })
    await settle()
    run.pause()
    save.resolve()
    await settle()
    expect(handler.calls).toEqual([])
    run.resume()
    await settle()
    expect(handler.calls).toEqual([1])
    handler.resolve(1)
    expect(await stop()).toMatchObject({ handled: 1 })
  })

  it('that save is repeated for as long as the store fails, without starting the record', async () => {
    const handler = manualHandler()
    let failures = 3
    const { clock, settle, stop } = startRun(handler, {}, (from) => {
      from.beforeSave = async () => {
        if (failures-- <= 0) return
        await new Promise<void>((resolve) => clock.setTimer(10_000, resolve))
        throw new StreamError('checkpoint.failed', 'No.', { name: 'worker', operation: 'save' })
      }
      from.write({ resumed: crashed })
    })
    await settle()
    await clock.advance(29_999)
    expect(handler.calls).toEqual([])
    await clock.advance(1)
    expect(handler.calls).toEqual([1])
    handler.resolve(1)
    await stop()
  })

  it('a lost lease during that save starts nothing and rejects with the conflict', async () => {
    const handler = manualHandler()
    const save = deferred()
    const { run, source, settle, clock } = startRun(handler, {}, (from) => {
      from.beforeSave = () => save.promise
      from.write({ resumed: crashed })
    })
    await settle()
    const conflict = new StreamError('checkpoint.conflict', 'Lost.', { name: 'worker' })
    source.lease.abort(conflict)
    save.reject(conflict)
    await expect(clock.run(run.result)).rejects.toBe(conflict)
    expect(handler.calls).toEqual([])
    expect(source.saves).toBe(0)
  })

  it('a record whose attempts were used up when the process ended is given up without another one', async () => {
    const handler = manualHandler()
    const letters: unknown[] = []
    const { source, settle, stop } = startRun(
      handler,
      {
        retry: { maxAttempts: 3 },
        onFailure: async ({ condition, failure }: { condition: unknown; failure: object }) => {
          letters.push([condition, failure])
        },
      },
      (from) => from.write({ resumed: crashed, key: 'k' }, { key: 'k' }),
    )
    await settle()
    expect(letters).toMatchObject([['WorkerLost', { attempts: 3 }]])
    expect(letters[0]).not.toHaveProperty([1, 'error'])
    expect(handler.calls).toEqual([2])
    handler.resolve(2)
    expect(await stop()).toMatchObject({ handled: 1, deadLettered: { workerLost: 1 } })
    expect(source.saved.get('1')).toBe('settled')
  })

  it('without a destination, such a record is attempted again, so that a fix takes effect', async () => {
    const handler = manualHandler()
    const { settle, stop } = startRun(handler, { retry: { maxAttempts: 3 } }, (from) =>
      from.write({ resumed: crashed }),
    )
    await settle()
    expect(handler.attempts).toEqual([4])
    handler.resolve(1)
    expect(await stop()).toMatchObject({ handled: 1 })
  })

  it('each record of a batch that ended the process runs alone, so that only the one to blame is counted', async () => {
    const batches: number[][] = []
    const { settle, stop } = startRun(
      {
        batch: async (records: { sequenceNumber: string }[]) => {
          batches.push(records.map(({ sequenceNumber }) => Number(sequenceNumber)))
        },
      },
      {},
      (from) => from.write({ resumed: { isRunning: true } }, { resumed: { isRunning: true } }, {}, {}),
    )
    await settle()
    expect(batches.sort()).toEqual([[1], [2], [3, 4]])
    expect(await stop()).toMatchObject({ handled: 4 })
  })
})
