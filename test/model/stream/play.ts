import { openStream } from '../../../src/index.ts'
import type { LogEntry } from '../../../src/testing/index.ts'
import { asViolation, describeLog, describeStep, seconds } from '../play.ts'
import { seeded } from '../seeded.ts'
import { createWorld, type World } from '../world.ts'
import { createConsumer, type StreamConsumer } from './consumer.ts'
import type { ConsumerStep, StreamHistory, StreamSetup, StreamStep } from './steps.ts'

/**
 * Runs one history. Then, with all faults lifted, iterates to the end: from the last position, and from a
 * token saved earlier. Rejects with a Violation.
 *
 * @param trace receives the trace, one line per step; each line is formatted only if the function is called
 * @param open the `openStream` under test
 * @returns the service's log
 */
export async function playStream(
  { setup, steps }: StreamHistory,
  trace: (line: () => string) => void = () => {},
  open: typeof openStream = openStream,
): Promise<readonly LogEntry[]> {
  const world = createWorld(setup)
  delayCalls(world, setup)
  const consumer = createConsumer(world, setup, open, trace)
  try {
    for (const step of steps) {
      trace(() => `${seconds(world)} ${describeStep(step)}`)
      await perform(step, world, consumer)
      await consumer.check()
    }
    trace(() => `${seconds(world)} faults are lifted; read to the end`)
    world.liftFaults()
    await consumer.finish()
    trace(() => `${seconds(world)} read to the end from a saved token`)
    await consumer.finishFromSaved(setup.seed)
    return world.emulator.log
  } catch (error) {
    trace(() => describeLog(world))
    throw asViolation(error)
  }
}

function delayCalls({ emulator }: World, { seed, latencyMs }: StreamSetup): void {
  if (latencyMs === 0) return
  const random = seeded(seed + 1)
  emulator.on('*', { times: Number.POSITIVE_INFINITY }, () => ({
    delayMs: Math.floor(random() * latencyMs),
  }))
}

async function perform(step: StreamStep, world: World, consumer: StreamConsumer): Promise<void> {
  if (isConsumerStep(step)) return consumer.perform(step)
  // These steps let time pass. Everything that is due now must happen before that.
  if (step.do === 'suspend' || step.do === 'burst') await world.clock.advance(0)
  world.perform(step)
}

const consumerSteps: Readonly<Record<ConsumerStep['do'], true>> = {
  take: true,
  leave: true,
  moveTo: true,
  heartbeat: true,
  keepToken: true,
  abort: true,
  close: true,
  reopen: true,
  crash: true,
  abortOpening: true,
  store: true,
  pause: true,
  enable: true,
}

function isConsumerStep(step: StreamStep): step is ConsumerStep {
  return step.do in consumerSteps
}
