import { processStream } from '../../../src/index.ts'
import type { LogEntry } from '../../../src/testing/index.ts'
import { asViolation, describeLog, describeStep, seconds } from '../play.ts'
import { createWorld, type World } from '../world.ts'
import type { ProcessingHistory, ProcessingStep, WorkerStep } from './steps.ts'
import { createWorker, type Worker } from './worker.ts'

/**
 * Runs one history. Then, with all faults lifted, processes everything: from the last checkpoint, and from a
 * token that was saved earlier. Rejects with a Violation.
 *
 * @param trace receives the trace, one line per step; each line is formatted only if the function is called
 * @param process the `processStream` under test
 * @returns the service's log
 */
export async function playProcessing(
  { setup, steps }: ProcessingHistory,
  trace: (line: () => string) => void = () => {},
  process: typeof processStream = processStream,
): Promise<readonly LogEntry[]> {
  const world = createWorld(setup)
  const traceAt = (line: () => string) => trace(() => `${seconds(world)} ${line()}`)
  const worker = createWorker(world, setup, process, traceAt)
  try {
    for (const step of steps) {
      trace(() => `${seconds(world)} ${describeStep(step)}`)
      await perform(step, world, worker)
      await worker.check()
    }
    trace(() => `${seconds(world)} faults are lifted; process everything`)
    world.liftFaults()
    await worker.finish()
    trace(() => `${seconds(world)} process everything from a saved token`)
    await worker.finishFromSaved(setup.seed)
    return world.emulator.log
  } catch (error) {
    trace(() => describeLog(world))
    throw asViolation(error)
  }
}

async function perform(step: ProcessingStep, world: World, worker: Worker): Promise<void> {
  if (isWorkerStep(step)) return worker.perform(step)
  // These steps let time pass. Everything that is due now must happen before that.
  if (step.do === 'suspend' || step.do === 'burst') await world.clock.advance(0)
  world.perform(step)
}

const workerSteps: Readonly<Record<WorkerStep['do'], true>> = {
  pass: true,
  restart: true,
  rerun: true,
  kill: true,
  killAt: true,
  pause: true,
  release: true,
  store: true,
  destination: true,
}

function isWorkerStep(step: ProcessingStep): step is WorkerStep {
  return step.do in workerSteps
}
