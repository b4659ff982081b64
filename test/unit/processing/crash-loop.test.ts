import { describe, expect, it } from 'vitest'
import {
  type CheckpointStore,
  type Handler,
  memoryCheckpointStore,
  memoryDestination,
  processStream,
  type StreamRecord,
} from '../../../src/index.ts'
import { numbersOf } from '../../support/read.ts'
import { streamFixture } from '../../support/stream-fixture.ts'

const numberOf = (record: StreamRecord): number => numbersOf([record])[0] as number

/** What reaches the store and the destination only while the process is alive. */
function mortal(store: CheckpointStore, process: { isAlive: boolean }): CheckpointStore {
  return {
    load: (name) => store.load(name),
    save: (name, token) => (process.isAlive ? store.save(name, token) : new Promise(() => {})),
  }
}

/**
 * Runs a worker again and again. Each handler call with a lethal record ends the worker at once: nothing that
 * it does later has an effect.
 *
 * @returns how many workers there were.
 */
async function restartUntilDone(
  fixture: ReturnType<typeof streamFixture>,
  handlerOf: (die: () => never) => Handler,
  options: { readonly maxAttempts: number; readonly destination: ReturnType<typeof memoryDestination> },
): Promise<number> {
  const { clock, start } = fixture
  const store = memoryCheckpointStore()
  for (let workers = 1; workers <= 100; workers++) {
    const process = { isAlive: true }
    let died = () => {}
    const death = new Promise<'died'>((resolve) => {
      died = () => resolve('died')
    })
    const die = (): never => {
      process.isAlive = false
      died()
      throw new Error('This handler call never ended.')
    }
    const stream = await start({ checkpoint: { store: mortal(store, process), name: 'worker' } })
    const run = processStream(stream, handlerOf(die), {
      retry: { maxAttempts: options.maxAttempts },
      onFailure: async (letter) => {
        if (!process.isAlive) await new Promise(() => {})
        await options.destination.send(letter)
      },
    })
    run.catch(() => {})
    if ((await clock.run(Promise.race([death, run]))) !== 'died') return workers
  }
  throw new Error('The worker never finished.')
}

describe('a record that ends the process', () => {
  it.each([2, 3, 5])(
    'is given up after maxAttempts (%i) restarts, although it ends the process before the next save is due, and the records beside it are handled',
    async (maxAttempts) => {
      const fixture = streamFixture()
      fixture.write(300)
      fixture.emulator.disable()
      const destination = memoryDestination()
      const handled = new Set<number>()
      await restartUntilDone(
        fixture,
        (die) => async (record) => {
          if (numberOf(record) === 150) die()
          handled.add(numberOf(record))
        },
        { maxAttempts, destination },
      )
      expect(
        destination.letters.map(({ condition, records, failure }) => [
          condition,
          numbersOf(records),
          failure.attempts,
        ]),
      ).toEqual([['WorkerLost', [150], maxAttempts]])
      expect(handled.size).toBe(299)
    },
  )

  it('is given up alone if it ends the process as part of a batch', async () => {
    const fixture = streamFixture()
    fixture.write(120)
    fixture.emulator.disable()
    const destination = memoryDestination()
    const handled = new Set<number>()
    await restartUntilDone(
      fixture,
      (die) => ({
        async batch(records) {
          if (records.some((record) => numberOf(record) === 60)) die()
          for (const record of records) handled.add(numberOf(record))
        },
        batchSize: 10,
      }),
      { maxAttempts: 3, destination },
    )
    expect(destination.letters.map(({ records }) => numbersOf(records))).toEqual([[60]])
    expect(handled.size).toBe(119)
  })
})
