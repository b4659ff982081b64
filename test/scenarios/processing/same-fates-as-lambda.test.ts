import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type BatchResponse,
  memoryDestination,
  openStream,
  processStream,
  type StreamRecord,
} from '../../../src/index.ts'
import {
  emulateEventSourceMapping,
  type LambdaStreamEvent,
  ManualClock,
  StreamEmulator,
} from '../../../src/testing/index.ts'

const HOUR = 3_600_000

/** How a handler fails a batch with bad records: it throws, names all of them, or names the first one. */
type Failing = 'throws' | 'reportsAll' | 'reportsFirst'

interface History {
  /** The writes, in order, of four items; between some of them, the shards split. */
  readonly writes: readonly { readonly item: number; readonly isBad: boolean; readonly splits: boolean }[]
  /**
   * The number of first writes that are older than the maximum age. They are bad, and one retry is permitted,
   * because `processStream` attempts each record once, however old it is; Lambda does not.
   */
  readonly old: number
  readonly failing: Failing
  readonly batchSize: number
  readonly retries: number
}

const histories: fc.Arbitrary<History> = fc
  .record({
    writes: fc.array(
      fc.record({
        item: fc.nat(3),
        isBad: fc.boolean(),
        splits: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      }),
      { minLength: 1, maxLength: 24 },
    ),
    old: fc.nat(4),
    failing: fc.constantFrom('throws', 'reportsAll', 'reportsFirst'),
    batchSize: fc.integer({ min: 1, max: 10 }),
    retries: fc.integer({ min: 0, max: 3 }),
  })
  .map((history) => ({
    ...history,
    retries: Math.max(history.retries, Math.min(history.old, 1)),
    writes: history.writes.map((write, number) => ({ ...write, isBad: write.isBad || number < history.old })),
  }))

/** What became of the records of a history. They are named by their numbers, in the order of the writes. */
interface Fates {
  readonly handled: readonly number[]
  /** The condition of each dead letter, by number. */
  readonly deadLettered: Readonly<Record<number, string>>
  /**
   * The numbers of the records of each item that are not old, in the order in which they were first passed to
   * the handler.
   */
  readonly order: readonly (readonly number[])[]
}

interface Change {
  readonly number: number
  readonly isBad: boolean
  readonly sequenceNumber: string
}

/** Writes the records. The same history always results in the same stream. */
function write({ writes, old }: History): { clock: ManualClock; emulator: StreamEmulator } {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock })
  for (const [number, { item, isBad, splits }] of writes.entries()) {
    if (number === old) clock.jump(2 * HOUR)
    emulator.put({ id: `item-${item}`, number, isBad })
    if (splits) emulator.split()
  }
  if (writes.length <= old) clock.jump(2 * HOUR)
  emulator.disable()
  return { clock, emulator }
}

/** A handler of batches whose outcome depends on each record alone, and the order in which it saw records. */
function createHandler({ writes, old, failing }: History) {
  const order: number[][] = [[], [], [], []]
  const handle = (changes: readonly Change[]): BatchResponse => {
    for (const { number } of changes) {
      const seen = order[writes[number]?.item ?? 0]
      if (number >= old && !seen?.includes(number)) seen?.push(number)
    }
    const bad = changes.filter(({ isBad }) => isBad)
    if (bad.length > 0 && failing === 'throws') throw new Error('The handler has failed.')
    const named = failing === 'reportsFirst' ? bad.slice(0, 1) : bad
    return { batchItemFailures: named.map(({ sequenceNumber }) => ({ itemIdentifier: sequenceNumber })) }
  }
  return { order, handle }
}

const ascending = (numbers: readonly number[]) => [...numbers].sort((one, other) => one - other)

async function fatesUnderLambda(history: History): Promise<Fates> {
  const { clock, emulator } = write(history)
  const { order, handle } = createHandler(history)
  const mapping = emulateEventSourceMapping({
    emulator,
    clock,
    random: () => 0.5,
    handler: async ({ Records }: LambdaStreamEvent) =>
      handle(
        Records.map(({ dynamodb }) => ({
          number: Number(dynamodb?.NewImage?.number?.N),
          isBad: dynamodb?.NewImage?.isBad?.BOOL === true,
          sequenceNumber: dynamodb?.SequenceNumber ?? '',
        })),
      ),
    BatchSize: history.batchSize,
    BisectBatchOnFunctionError: true,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    MaximumRetryAttempts: history.retries,
    MaximumRecordAgeInSeconds: HOUR / 1000,
    onFailure: () => {},
  })
  await clock.run(mapping.drain())
  await mapping.close()
  const numbers = new Map(emulator.records.map((record, number) => [record, number]))
  expect(mapping.discarded.every(({ destination }) => destination === 'delivered')).toBe(true)
  return {
    handled: ascending(mapping.handled.map((record) => numbers.get(record) ?? -1)),
    deadLettered: Object.fromEntries(
      mapping.discarded.map(({ record, reason }) => [numbers.get(record) ?? -1, reason]),
    ),
    order,
  }
}

interface Numbered {
  readonly number: number
  readonly isBad: boolean
}

async function fatesUnderProcessStream(history: History): Promise<Fates> {
  const { clock, emulator } = write(history)
  const { order, handle } = createHandler(history)
  const stream = await clock.run(
    openStream<Numbered>({ client: emulator.api, streamArn: emulator.streamArn, clock, random: () => 0.5 }),
  )
  const changeOf = ({ newImage, sequenceNumber }: StreamRecord<Numbered>) => ({
    ...(newImage as Numbered),
    sequenceNumber,
  })
  const onFailure = memoryDestination()
  const run = processStream(
    stream,
    {
      batch: async (records) => handle(records.map(changeOf)),
      batchSize: history.batchSize,
    },
    {
      order: 'shard',
      onFailure,
      retry: { maxAttempts: history.retries + 1, maxRecordAgeMs: HOUR, maxDelayMs: 1_000 },
    },
  )
  const { handled } = await clock.run(run)
  await clock.run(stream.close())
  const deadLettered = Object.fromEntries(
    onFailure.letters.map(({ records: [record], condition }) => [
      Number(record?.newImage?.number),
      condition,
    ]),
  )
  const others = history.writes.flatMap((_write, number) => (number in deadLettered ? [] : [number]))
  expect(handled).toBe(others.length)
  return { handled: others, deadLettered, order }
}

// Handlers whose outcome depends on anything else, such as an outage, have different fates by design: there,
// Lambda loses records. See better-than-lambda.test.ts.
describe('processStream and an event source mapping that bisects and reads reported failures', () => {
  it('have the same fates for every record, if the outcome of the handler depends on the record alone', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const lambda = await fatesUnderLambda(history)
        expect(await fatesUnderProcessStream(history)).toEqual(lambda)
        for (const numbers of lambda.order) expect(numbers).toEqual(ascending(numbers))
        for (const [number, { isBad }] of history.writes.entries()) {
          const condition =
            number < history.old ? 'RecordAgeExceeded' : isBad ? 'RetryAttemptsExhausted' : undefined
          expect(lambda.deadLettered[number]).toBe(condition)
        }
      }),
      { seed: Number(process.env.FATES_SEED ?? 1), numRuns: 100 },
    )
  })
})
