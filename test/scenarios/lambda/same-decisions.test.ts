import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type DeadLetter,
  type Handler,
  memoryDestination,
  openStream,
  processStream,
  type StreamRecord,
} from '../../../src/index.ts'
import { lambdaHandler } from '../../../src/lambda/index.ts'
import { emulateEventSourceMapping, ManualClock, StreamEmulator } from '../../../src/testing/index.ts'

/**
 * What the handler does with a record, or with a task of it, in one attempt after the other; then it
 * succeeds.
 */
type Script = readonly ('fail' | 'wait' | 'reject')[]

interface History {
  readonly writes: readonly { readonly item: number; readonly script: Script; readonly other: Script }[]
  readonly form: 'record' | 'tasks' | 'throwing batch' | 'naming batch'
  readonly order: 'key' | 'shard' | 'none'
  readonly maxAttempts: number
  readonly batchSize: number
  readonly concurrency: number
}

const script = fc.array(
  fc.constantFrom('fail' as const, 'fail' as const, 'wait' as const, 'reject' as const),
  {
    maxLength: 4,
  },
)

const histories: fc.Arbitrary<History> = fc.record({
  writes: fc.array(fc.record({ item: fc.nat(3), script, other: script }), { minLength: 1, maxLength: 20 }),
  form: fc.constantFrom('record', 'tasks', 'throwing batch', 'naming batch'),
  order: fc.constantFrom('key', 'shard', 'none'),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
  batchSize: fc.integer({ min: 1, max: 8 }),
  concurrency: fc.integer({ min: 1, max: 4 }),
})

class Outage extends Error {}

interface Change {
  readonly id: string
  readonly number: number
}

/** A handler that follows the scripts, and the numbers of the records that it has handled, by item. */
function createHandler({ writes, form, batchSize }: History) {
  const handled: number[][] = [[], [], [], []]
  const calls = new Map<string, number>()
  const succeed = (number: number) => void handled[writes[number]?.item ?? 0]?.push(number)
  const run = (number: number, part: 'script' | 'other') => {
    const call = calls.get(`${number} ${part}`) ?? 0
    calls.set(`${number} ${part}`, call + 1)
    return writes[number]?.[part][call]
  }
  const attempt = (number: number, part: 'script' | 'other', reject: (reason: string) => never) => {
    const what = run(number, part)
    if (what === 'fail') throw new Error('The handler has failed.')
    if (what === 'wait') throw new Outage('unavailable')
    if (what === 'reject') reject('malformed')
  }
  const numberOf = ({ newImage }: StreamRecord<Change>) => newImage?.number ?? -1
  // The number of calls depends on how batches are split, so the outcome of a record in a batch is constant.
  const isBad = (number: number) => writes[number]?.script[0] === 'fail'
  const handlers: Record<History['form'], Handler<StreamRecord<Change>>> = {
    record: async (record, { reject }) => {
      attempt(numberOf(record), 'script', reject)
      succeed(numberOf(record))
    },
    tasks: {
      tasks: {
        one: async (record, { reject }) => {
          attempt(numberOf(record), 'script', reject)
          succeed(numberOf(record))
        },
        two: async (record, { reject }) => attempt(numberOf(record), 'other', reject),
      },
    },
    'throwing batch': {
      batchSize,
      batch: async (records) => {
        if (records.some((record) => isBad(numberOf(record)))) throw new Error('The handler has failed.')
        for (const record of records) succeed(numberOf(record))
      },
    },
    'naming batch': {
      batchSize,
      batch: async (records, { reject }) => {
        const failures: { itemIdentifier: string }[] = []
        const blocked = new Set<number | undefined>()
        for (const record of records) {
          const number = numberOf(record)
          const item = writes[number]?.item
          if (writes[number]?.script[0] === 'reject') reject(record, 'malformed')
          else if (isBad(number)) {
            failures.push({ itemIdentifier: record.sequenceNumber })
            blocked.add(item)
          } else if (!blocked.has(item) && !handled[item ?? 0]?.includes(number)) succeed(number)
        }
        return { batchItemFailures: failures }
      },
    },
  }
  return { handler: handlers[form], handled }
}

const classify = (error: unknown) => (error instanceof Outage ? ('wait' as const) : ('retry' as const))

function write({ writes }: History): { clock: ManualClock; emulator: StreamEmulator } {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock })
  for (const [number, { item }] of writes.entries()) emulator.put({ id: `item-${item}`, number })
  emulator.disable()
  return { clock, emulator }
}

const describeLetter = ({ records: [record], condition, failure }: DeadLetter) => ({
  number: record?.newImage?.number,
  condition,
  reason: failure.reason,
  attempts: failure.attempts,
  task: failure.task,
  error: failure.error?.name,
})

/** What became of the records: the letters by number and task, and the order of each item. */
function fates({ order }: History, letters: readonly DeadLetter[], handled: readonly (readonly number[])[]) {
  const described = letters.map(describeLetter)
  // Without an order, records that fail are overtaken by others of their item.
  const numbers = order === 'none' ? handled.map((item) => [...item].sort((a, b) => a - b)) : handled
  const id = ({ number, task }: (typeof described)[0]) => `${String(number).padStart(3)} ${task}`
  return { letters: described.sort((one, other) => (id(one) < id(other) ? -1 : 1)), handled: numbers }
}

async function fatesInLambda(history: History) {
  const { clock, emulator } = write(history)
  const { handler, handled } = createHandler(history)
  const onFailure = memoryDestination()
  const mapping = emulateEventSourceMapping({
    emulator,
    clock,
    timeoutMs: 900_000,
    handler: lambdaHandler<Change>(handler, {
      ...optionsOf(history),
      clock,
      onFailure,
      logger: { warn: () => {} },
    }),
    FunctionResponseTypes: ['ReportBatchItemFailures'],
  })
  await clock.run(mapping.drain())
  await mapping.close()
  expect(mapping.invocations.map(({ outcome }) => outcome)).toEqual(['succeeded'])
  return fates(history, onFailure.letters, handled)
}

async function fatesInProcessStream(history: History) {
  const { clock, emulator } = write(history)
  const { handler, handled } = createHandler(history)
  const onFailure = memoryDestination()
  const stream = await clock.run(
    openStream<Change>({ client: emulator.api, streamArn: emulator.streamArn, clock }),
  )
  await clock.run(processStream(stream, handler, { ...optionsOf(history), onFailure }))
  await clock.run(stream.close())
  return fates(history, onFailure.letters, handled)
}

function optionsOf({ order, maxAttempts, concurrency }: History) {
  return {
    order,
    concurrency,
    retry: { maxAttempts, minDelayMs: 100, maxDelayMs: 1_000, classify },
    random: () => 0.5,
  }
}

describe('lambdaHandler and processStream', () => {
  it('decide alike about every record, if the attempts of a record are in one invocation', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const inLambda = await fatesInLambda(history)
        const inProcess = await fatesInProcessStream(history)
        expect(inLambda).toEqual(inProcess)
      }),
      { seed: Number(process.env.DECISIONS_SEED ?? 1), numRuns: 150 },
    )
  })
})
