import { DescribeStreamCommand } from '@aws-sdk/client-dynamodb-streams'
import { type LogEntry, StreamEmulator } from '../../src/testing/index.ts'
import { createConsumer } from './consumer.ts'
import { expectTimeOrder } from './replay.ts'
import type { History, ReaderStep, Step } from './steps.ts'
import { createCoordinator, type SubjectFactory } from './subject.ts'
import { Violation } from './violation.ts'
import { createWorld, START_TIME, type World } from './world.ts'

/**
 * Runs one history: the steps of the world and the reader. At the end, with all faults lifted, everything
 * outstanding must be delivered, both from the last position and from a token saved earlier. Rejects with a
 * {@link Violation}.
 *
 * @param trace receives the trace, one line per step; each line is formatted only if the function is called
 * @returns the service's log
 */
export async function play(
  history: History,
  createSubject: SubjectFactory = createCoordinator,
  trace: (line: () => string) => void = () => {},
): Promise<readonly LogEntry[]> {
  const { setup, steps } = history
  if (setup.throughClient) {
    warm ??= warmUp()
    await warm
  }
  const world = createWorld(setup)
  const consumer = createConsumer(world, setup, createSubject, trace)
  try {
    for (const step of steps) {
      trace(() => `${seconds(world)} ${describeStep(step)}`)
      if (isReaderStep(step)) await consumer.perform(step)
      else {
        // These steps let time pass. Everything that is due now must happen before that.
        if (step.do === 'burst' || step.do === 'suspend') await world.clock.advance(0)
        world.perform(step)
      }
    }
    trace(() => `${seconds(world)} faults are lifted; read to the end`)
    world.liftFaults()
    await consumer.finish()
    trace(() => 'read to the end from a saved token')
    await consumer.finishFromSaved(setup.seed)
    await consumer.close()
    if (setup.seed % 2 === 0) {
      trace(() => 'replay')
      await expectTimeOrder(world, setup, createSubject)
    }
    return world.emulator.log
  } catch (error) {
    trace(() => describeLog(world))
    throw asViolation(error)
  }
}

/** The service's log, with short names of shards. */
export function describeLog(world: World): string {
  return `the service's log:\n${world.emulator.log.map((entry) => describeEntry(world, entry)).join('\n')}`
}

export function asViolation(error: unknown): Violation {
  if (error instanceof Violation) return error
  const what = error instanceof Error ? (error.stack ?? '') : String(error)
  return new Violation('no unexpected error', what, error)
}

/** The service's time since the start of the history, in seconds. */
export function seconds({ emulator }: World): string {
  return `${((emulator.now() - START_TIME) / 1_000).toFixed(3)} s`
}

let warm: Promise<void> | undefined

/** The SDK's first call reads configuration files, which takes real time. */
async function warmUp(): Promise<void> {
  const emulator = new StreamEmulator()
  const client = emulator.client()
  await client.send(new DescribeStreamCommand({ StreamArn: emulator.streamArn }))
  client.destroy()
}

const readerSteps: Readonly<Record<ReaderStep['do'], true>> = {
  next: true,
  drain: true,
  heartbeat: true,
  save: true,
  reload: true,
  moveTo: true,
  pause: true,
  closeMidRead: true,
}

function isReaderStep(step: Step): step is ReaderStep {
  return step.do in readerSteps
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
      ? `sent ${Math.round((at - sentAt) / 1_000)} s earlier`
      : undefined,
  ]
  return `  ${((at - START_TIME) / 1_000).toFixed(3)} ${op} ${facts.filter((fact) => fact !== undefined).join(' ')}`
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
