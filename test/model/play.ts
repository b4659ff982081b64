import { DescribeStreamCommand } from '@aws-sdk/client-dynamodb-streams'
import { type LogEntry, StreamEmulator } from '../../src/testing/index.ts'
import { createConsumer } from './consumer.ts'
import { expectTimeOrder } from './replay.ts'
import type { History, Step } from './steps.ts'
import { type MakeSubject, makeCoordinator } from './subject.ts'
import { Violation } from './violation.ts'
import { BEGINNING, createWorld, type World } from './world.ts'

/**
 * Plays one history: what happens in the world, what the reader does, and in the end, with all faults lifted, whether
 * everything was given out; from a token that was saved on the way, too. Rejects with the {@link Violation}.
 *
 * @param tell is given the story, a line a step, to be made into text by those who want it
 * @returns the service's log
 */
export async function play(
  history: History,
  make: MakeSubject = makeCoordinator,
  tell: (line: () => string) => void = () => {},
): Promise<readonly LogEntry[]> {
  const { setup, steps } = history
  if (setup.throughClient) {
    warm ??= warmUp()
    await warm
  }
  const world = createWorld(setup)
  const consumer = createConsumer(world, setup, make, tell)
  try {
    for (const step of steps) {
      tell(() => `${seconds(world)} ${describeStep(step)}`)
      if (isWorldStep(step)) {
        // No time passes in the middle of what is under way.
        if (step.do === 'burst' || step.do === 'suspend') await world.clock.advance(0)
        world.perform(step)
      } else await consumer.perform(step)
    }
    tell(() => `${seconds(world)} faults are lifted; read to the end`)
    world.liftFaults()
    await consumer.finish()
    tell(() => 'from a saved token, to the end')
    await consumer.finishFromSaved(setup.seed)
    await consumer.close()
    if (setup.seed % 2 === 0) {
      tell(() => 'replay')
      await expectTimeOrder(world, setup, make)
    }
    return world.emulator.log
  } catch (error) {
    tell(() => describeLog(world))
    throw asViolation(error)
  }
}

/** The service's log, in which shards have short names. */
export function describeLog(world: World): string {
  return `the service's log:\n${world.emulator.log.map((entry) => describeEntry(world, entry)).join('\n')}`
}

export function asViolation(error: unknown): Violation {
  if (error instanceof Violation) return error
  const what = error instanceof Error ? (error.stack ?? '') : String(error)
  return new Violation('no unexpected error', what, error)
}

/** The service's time since the beginning. */
export function seconds({ emulator }: World): string {
  return `${((emulator.now() - BEGINNING) / 1_000).toFixed(3)} s`
}

let warm: Promise<void> | undefined

/** The SDK's first call looks for configuration files, outside of manual time. */
async function warmUp(): Promise<void> {
  const emulator = new StreamEmulator()
  const client = emulator.client()
  await client.send(new DescribeStreamCommand({ StreamArn: emulator.streamArn }))
  client.destroy()
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

function describeEntry(
  { nameOf }: World,
  { at, sentAt, op, shard, shards, position, records, effect, error }: LogEntry,
): string {
  const facts = [
    shard && nameOf(shard),
    shards && `[${shards.map(nameOf).join(' ')}]`,
    position,
    records,
    effect,
    error,
    sentAt !== undefined && at - sentAt > 60_000
      ? `sent ${Math.round((at - sentAt) / 1_000)} s before`
      : undefined,
  ]
  return `  ${((at - BEGINNING) / 1_000).toFixed(3)} ${op} ${facts.filter((fact) => fact !== undefined).join(' ')}`
}

/** A step as one line: `split shard=2 into=2`. */
export function describeStep({ do: what, ...rest }: { readonly do: string }): string {
  const facts = Object.entries(rest).map(([name, value]) =>
    name === 'step'
      ? `{ ${describeStep(value as Step)} }`
      : `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`,
  )
  return [what, ...facts].join(' ')
}
