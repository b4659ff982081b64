import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { below, type Random } from '../../../src/testing/emulator/state/random.ts'
import { startWorker, type WorkerExit, type WorkerProcess } from '../processing/worker-process.ts'
import { chooseDoom } from './doom.ts'
import {
  type Doom,
  MARKS,
  type ParkingWorkerConfig,
  type ParkingWorkerEvent,
  REPLACED,
} from './worker-log.ts'

/** How many events a worker logs before it is killed from outside. */
const MAX_EVENTS = 150

/** How long a worker runs, at least, that is to stop itself and does not, because the moment has not come. */
const PATIENCE = { events: 500, ms: 2_000 } as const

/** How long after the start of a worker one that was suspended continues, in ms. */
const RESUME_WITHIN_MS = 500

type Worker = WorkerProcess<ParkingWorkerEvent>

/** A worker that is suspended, and continues after some others were started. */
interface Suspended {
  readonly index: number
  readonly worker: Worker
  startsLeft: number
}

export interface FleetOptions {
  readonly program: string
  /** The folder of the logs. */
  readonly folder: string
  readonly random: Random
  configOf(): Omit<ParkingWorkerConfig, 'run' | 'logFile' | 'doom'>
  onSettled(count: number): void
}

/** Workers that run one after the other, with the same checkpoint; some are suspended, and continue later. */
export class Fleet {
  readonly #options: FleetOptions
  readonly #logs: (readonly ParkingWorkerEvent[])[] = []
  readonly #suspended = new Set<Suspended>()
  readonly #replaced: Promise<void>[] = []
  #started = 0

  constructor(options: FleetOptions) {
    this.#options = options
  }

  /** The logs of the workers that have ended, in the order of their starts. */
  get runs(): readonly (readonly ParkingWorkerEvent[])[] {
    return this.#logs
  }

  /** Starts a worker, and kills or suspends it at a random moment. */
  async killOne(canSuspend: boolean): Promise<void> {
    const { random } = this.#options
    const index = this.#started
    const doom = chooseDoom(index, { random, canSuspend })
    const worker = this.#start(doom)
    this.#resumeSuspended(below(random, 2) * below(random, RESUME_WITHIN_MS))
    if (doom === undefined) {
      await worker.logged(below(random, MAX_EVENTS))
      // With a delay, because the worker would otherwise always be killed at the same place in its code.
      await wait(below(random, 20))
    } else if ((await hasStopped(worker)) && doom.signal === 'SIGSTOP') {
      this.#suspended.add({ index, worker, startsLeft: below(random, 3) })
      return
    }
    worker.kill()
    await this.#expectExit(index, worker, 'SIGKILL')
  }

  /** Starts a worker that is not killed, and waits until all that were suspended have ended. */
  async startLast(): Promise<{ exited(): Promise<void> }> {
    const index = this.#started
    const worker = this.#start()
    await worker.marked(MARKS.acquired)
    for (const suspended of this.#suspended) suspended.startsLeft = 0
    this.#resumeSuspended(0)
    await Promise.all(this.#replaced)
    return { exited: () => this.#expectExit(index, worker, 0) }
  }

  #start(doom?: Doom): Worker {
    const { program, folder, configOf, onSettled } = this.#options
    const run = this.#started++
    const config: ParkingWorkerConfig = { ...configOf(), run, logFile: join(folder, `${run}.log`), doom }
    return startWorker(program, config, onSettled)
  }

  async #expectExit(index: number, { exited }: Worker, expected: WorkerExit['by']): Promise<void> {
    const { events, by, errorOutput } = await exited
    this.#logs[index] = events
    expect([by, errorOutput]).toEqual([expected, ''])
  }

  #resumeSuspended(delayMs: number): void {
    for (const suspended of this.#suspended) {
      if (suspended.startsLeft-- > 0) continue
      this.#suspended.delete(suspended)
      const { index, worker } = suspended
      const replaced = wait(delayMs).then(() => {
        worker.resume()
        return this.#expectExit(index, worker, REPLACED)
      })
      replaced.catch(() => {})
      this.#replaced.push(replaced)
    }
  }
}

/** Resolves to whether a worker has stopped itself, or to false if it takes too long. */
async function hasStopped(worker: Worker): Promise<boolean> {
  const stopped = worker.marked(MARKS.stopping).then(() => true)
  const late = worker
    .marked(MARKS.acquired)
    .then(() => Promise.all([worker.logged(PATIENCE.events), wait(PATIENCE.ms)]))
  return Promise.race([stopped, late.then(() => false)])
}
