import { openStream } from '../../../src/index.ts'
import type { LogEntry } from '../../../src/testing/index.ts'
import { asViolation, describeLog, describeStep, seconds } from '../play.ts'
import { seeded } from '../seeded.ts'
import { createWorld, type World } from '../world.ts'
import { createConsumer, type StreamConsumer } from './consumer.ts'
import type { ConsumerStep, StreamHistory, StreamSetup, StreamStep } from './steps.ts'

/**
 * Plays one history, and then, with all faults lifted, iterates to the end: from the last position, and from a token
 * that was saved on the way. Rejects with the Violation.
 *
 * @param tell is given the story, a line a step
 * @param open the library, or something that claims to be as good
 * @returns the service's log
 */
export async function playStream(
  { setup, steps }: StreamHistory,
  tell: (line: () => string) => void = () => {},
  open: typeof openStream = openStream,
): Promise<readonly LogEntry[]> {
  const world = createWorld(setup)
  delayCalls(world, setup)
  const consumer = createConsumer(world, setup, open, tell)
  try {
    for (const step of steps) {
      tell(() => `${seconds(world)} ${describeStep(step)}`)
      await perform(step, world, consumer)
      await consumer.check()
    }
    tell(() => `${seconds(world)} faults are lifted; read to the end`)
    world.liftFaults()
    await consumer.finish()
    tell(() => `${seconds(world)} from a saved token, to the end`)
    await consumer.finishFromSaved(setup.seed)
    return world.emulator.log
  } catch (error) {
    tell(() => describeLog(world))
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
  // No time passes in the middle of what is under way.
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
