import { processStream } from '../../../src/index.ts'
import type { LogEntry } from '../../../src/testing/index.ts'
import { asViolation, describeLog, describeStep, seconds } from '../play.ts'
import { createWorld, type World } from '../world.ts'
import type { Deed, ParkingHistory, ParkingStep, WorkerStep } from './steps.ts'
import { Supervisor } from './supervisor.ts'

/** What is done at a moment of a history. */
export interface Interference {
  /** The number of the moment, from 1. */
  readonly moment: number
  readonly deed: Deed
}

export interface PlayOptions {
  /** Receives the trace, one line per step; each line is formatted only if the function is called. */
  readonly trace?: ((line: () => string) => void) | undefined
  /** The `processStream` under test. */
  readonly process?: typeof processStream | undefined
  readonly interference?: Interference | undefined
}

export interface Played {
  /** The service's log. */
  readonly log: readonly LogEntry[]
  /** The moments that were reached before the end of the steps. */
  readonly moments: readonly string[]
}

/** Runs one history. Then, with all faults lifted, processes everything. Rejects with a Violation. */
export async function playParking(history: ParkingHistory, options: PlayOptions = {}): Promise<Played> {
  const { setup, steps } = history
  const { trace = () => {}, process = processStream, interference } = options
  const world = createWorld(setup)
  const traceAt = (line: () => string) => trace(() => `${seconds(world)} ${line()}`)
  try {
    const supervisor = new Supervisor({ world, setup, startProcessing: process, trace: traceAt })
    const { moments } = supervisor
    if (interference) moments.at(interference.moment, () => supervisor.do(interference.deed))
    for (const step of steps) {
      traceAt(() => describeStep(step))
      await perform(step, world, supervisor)
      supervisor.check()
    }
    const reached = [...moments.names]
    traceAt(() => 'faults are lifted; process everything')
    world.liftFaults()
    await supervisor.finish()
    return { log: world.emulator.log, moments: reached }
  } catch (error) {
    trace(() => describeLog(world))
    throw asViolation(error)
  }
}

async function perform(step: ParkingStep, world: World, supervisor: Supervisor): Promise<void> {
  if (isWorkerStep(step)) return performWorkerStep(step, supervisor)
  // These steps let time pass. Everything that is due now must happen before that.
  if (step.do === 'suspend' || step.do === 'burst') await world.clock.advance(0)
  world.perform(step)
}

async function performWorkerStep(step: WorkerStep, supervisor: Supervisor): Promise<void> {
  switch (step.do) {
    case 'pass':
      return supervisor.pass(step.ms)
    case 'set':
      return supervisor.set(step.key, step.mode)
    case 'request':
      return supervisor.request(step.key, step.action)
    case 'worker':
      return supervisor.do(step.deed)
    case 'at':
      return supervisor.moments.at(step.nth, () => supervisor.do(step.deed))
    case 'down':
      return supervisor.down(step.ms)
    case 'storeFault':
      return supervisor.fault(step.store).add(step.fault)
    case 'storeDown':
      return supervisor.fault(step.store).goDown(step.ms)
    case 'reenable':
      return supervisor.reenable()
    case 'trimAll':
      return supervisor.trim()
  }
}

const workerSteps: Readonly<Record<WorkerStep['do'], true>> = {
  pass: true,
  set: true,
  request: true,
  worker: true,
  at: true,
  down: true,
  storeFault: true,
  storeDown: true,
  reenable: true,
  trimAll: true,
}

function isWorkerStep(step: ParkingStep): step is WorkerStep {
  return step.do in workerSteps
}
