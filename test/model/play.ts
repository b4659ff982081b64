import { createConsumer } from './consumer.ts'
import { expectTimeOrder } from './replay.ts'
import type { History, Step } from './steps.ts'
import { type MakeSubject, makeCoordinator } from './subject.ts'
import { Violation } from './violation.ts'
import { createWorld } from './world.ts'

/**
 * Plays one history: what happens in the world, what the reader does, and in the end, with all faults lifted, whether
 * everything was given out; from a token that was saved on the way, too. Rejects with the {@link Violation}.
 *
 * @param tell is given the story, a line a step, to be made into text by those who want it
 */
export async function play(
  history: History,
  make: MakeSubject = makeCoordinator,
  tell: (line: () => string) => void = () => {},
): Promise<void> {
  const { setup, steps } = history
  const world = createWorld(setup)
  const consumer = createConsumer(world, setup, make, tell)
  try {
    for (const step of steps) {
      tell(() => describeStep(step))
      if (isWorldStep(step)) world.perform(step)
      else await consumer.perform(step)
    }
    tell(() => 'faults are lifted; read to the end')
    world.liftFaults()
    await consumer.finish()
    tell(() => 'from a saved token, to the end')
    await consumer.finishFromSaved(setup.seed)
    await consumer.close()
    tell(() => 'replay')
    await expectTimeOrder(world, setup, make)
  } catch (error) {
    if (error instanceof Violation) throw error
    throw new Violation('no unexpected error', error instanceof Error ? (error.stack ?? '') : String(error), error)
  }
}

type ReaderStep = Extract<
  Step,
  { do: 'next' | 'drain' | 'heartbeat' | 'save' | 'reload' | 'moveTo' | 'pause' | 'closeMidRead' }
>

const readerSteps: ReadonlySet<string> = new Set([
  'next',
  'drain',
  'heartbeat',
  'save',
  'reload',
  'moveTo',
  'pause',
  'closeMidRead',
])

function isWorldStep(step: Step): step is Exclude<Step, ReaderStep> {
  return !readerSteps.has(step.do)
}

/** A step as one line: `split shard=2 into=2`. */
export function describeStep({ do: what, ...rest }: Step): string {
  const facts = Object.entries(rest).map(([name, value]) =>
    name === 'step' ? `{ ${describeStep(value as Step)} }` : `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`,
  )
  return [what, ...facts].join(' ')
}
