import { describe, expect, test } from 'vitest'
import { memoryDestination } from '../../../src/destinations/memory.ts'
import { lambdaHandler } from '../../../src/lambda/index.ts'
import {
  atOnce,
  CREATED_AT,
  clockAt,
  contextOf,
  eventOf,
  eventWith,
  failedFrom,
  lambdaRecord,
  noFailures,
  quiet,
  settled,
} from './support.ts'

/** A handler of batches that fails depending on their records, and the batches that it has received. */
function batchHandler(
  fail: (numbers: readonly string[]) => readonly string[] | 'throw',
  options: { readonly batchSize?: number; readonly maxBatchBytes?: number } = {},
) {
  const batches: string[] = []
  return {
    batches,
    handler: {
      ...options,
      batch: async (records: readonly { readonly sequenceNumber: string }[]) => {
        const numbers = records.map(({ sequenceNumber }) => sequenceNumber)
        batches.push(numbers.join(' '))
        const failed = fail(numbers)
        if (failed === 'throw') throw new Error('no')
        return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) }
      },
    },
  }
}

describe('a batch handler', () => {
  test('receives the records in batches of batchSize', async () => {
    const { handler, batches } = batchHandler(() => [], { batchSize: 2 })
    expect(await lambdaHandler(handler)(eventWith(5))).toEqual(noFailures)
    expect(batches).toEqual(['1 2', '3 4', '5'])
  })

  test('receives no more bytes than maxBatchBytes, except in a batch of one record', async () => {
    const { handler, batches } = batchHandler(() => [], { maxBatchBytes: 50 })
    const event = eventWith(4)
    const large = lambdaRecord(5)
    const { dynamodb } = large
    const Records = [...event.Records, { ...large, dynamodb: { ...dynamodb, SizeBytes: 100 } }]
    expect(await lambdaHandler(handler)({ Records })).toEqual(noFailures)
    expect(batches).toEqual(['1 2', '3 4', '5'])
  })

  test('receives only the later records of the failed keys again, and the lowest failed one is reported', async () => {
    const { handler, batches } = batchHandler((numbers) => numbers.filter((number) => number === '2'))
    const options = { retry: { ...atOnce, maxAttempts: 2 }, logger: quiet }
    expect(await lambdaHandler(handler, options)(eventOf('a', 'b', 'a', 'b'))).toEqual(failedFrom(2))
    expect(batches).toEqual(['1 2 3 4', '2 4'])
  })

  test("receives all records from the failed one on again, with order 'shard'", async () => {
    const { handler, batches } = batchHandler((numbers) => numbers.filter((number) => number === '2'))
    const options = { order: 'shard' as const, retry: { ...atOnce, maxAttempts: 2 }, logger: quiet }
    expect(await lambdaHandler(handler, options)(eventWith(3))).toEqual(failedFrom(2))
    expect(batches).toEqual(['1 2 3', '2 3'])
  })

  test('that throws receives halves of the batch until the failing record is alone', async () => {
    const { handler, batches } = batchHandler((numbers) => (numbers.includes('3') ? 'throw' : []))
    const destination = memoryDestination()
    const retry = { ...atOnce, maxAttempts: 2 }
    const handle = lambdaHandler(handler, { order: 'shard', retry, onFailure: destination, logger: quiet })
    expect(await handle(eventWith(4))).toEqual(noFailures)
    expect(batches).toEqual(['1 2 3 4', '1 2', '3 4', '3', '3', '4'])
    expect(destination.letters).toMatchObject([
      { condition: 'RetryAttemptsExhausted', records: [{ sequenceNumber: '3' }], failure: { attempts: 2 } },
    ])
  })

  test('receives no later record of a key in another batch, neither meanwhile nor after it is reported', async () => {
    const batches: string[] = []
    const failing = (records: readonly { readonly sequenceNumber: string }[]) =>
      records.flatMap(({ sequenceNumber }) => (sequenceNumber === '1' ? [{ itemIdentifier: '1' }] : []))
    const handler = {
      batchSize: 2,
      batch: async (records: readonly { readonly sequenceNumber: string }[]) => {
        batches.push(records.map(({ sequenceNumber }) => sequenceNumber).join(' '))
        await settled()
        return { batchItemFailures: failing(records) }
      },
    }
    const options = { retry: { ...atOnce, maxAttempts: 1 }, logger: quiet }
    expect(await lambdaHandler(handler, options)(eventOf('a', 'b', 'a', 'b', 'c'))).toEqual(failedFrom(1))
    expect(batches).toEqual(['1 2', '5', '4'])
  })

  test('receives the records of a key in order if one of them does not fit into a batch', async () => {
    const { handler, batches } = batchHandler(() => [], { maxBatchBytes: 50 })
    const { dynamodb, ...large } = lambdaRecord(2, 'b')
    const Records = [
      lambdaRecord(1, 'a'),
      { ...large, dynamodb: { ...dynamodb, SizeBytes: 40 } },
      lambdaRecord(3, 'b'),
      lambdaRecord(4, 'c'),
    ]
    expect(await lambdaHandler(handler)({ Records })).toEqual(noFailures)
    expect(batches).toEqual(['1 4', '2', '3'])
  })

  test('receives a record alone whose filter has thrown', async () => {
    const { handler, batches } = batchHandler(() => [])
    let calls = 0
    const filter = ({ sequenceNumber }: { readonly sequenceNumber: string }) => {
      if (sequenceNumber === '2' && ++calls === 1) throw new Error('no')
      return true
    }
    expect(await lambdaHandler(handler, { filter })(eventWith(3))).toEqual(noFailures)
    expect(batches).toEqual(['1 3', '2'])
  })

  test('receives no record behind one that is too old if the destination does not accept that one', async () => {
    const { handler, batches } = batchHandler((numbers) => numbers.filter((number) => number === '1'))
    const clock = clockAt()
    const { dynamodb, ...newer } = lambdaRecord(2, 'a')
    const Records = [
      lambdaRecord(1, 'a'),
      { ...newer, dynamodb: { ...dynamodb, ApproximateCreationDateTime: CREATED_AT + 1 } },
      lambdaRecord(3, 'b'),
    ]
    const handle = lambdaHandler(handler, {
      clock,
      random: () => 0.5,
      retry: { maxRecordAgeMs: 60_000, delayMs: () => 60_000 },
      onFailure: () => Promise.reject(new Error('down')),
      logger: quiet,
    })
    // The letter cannot be sent again before the deadline, but an attempt could still start.
    const response = handle({ Records }, contextOf(clock, 59_000 + 50 + 3_000))
    await settled()
    await clock.advance(59_000)
    expect(await response).toEqual(failedFrom(1))
    expect(batches).toEqual(['1 2 3'])
  })

  test('rejects single records of a batch', async () => {
    const destination = memoryDestination()
    const handle = lambdaHandler(
      {
        batch: (records, { reject }) => {
          for (const record of records) if (Number(record.sequenceNumber) % 2 === 0) reject(record, 'even')
        },
      },
      { onFailure: destination, logger: quiet },
    )
    expect(await handle(eventWith(5))).toEqual(noFailures)
    expect(destination.letters.map(({ records: [record] }) => record?.sequenceNumber)).toEqual(['2', '4'])
  })

  test('sends the dead letters of a key one after the other', async () => {
    const sent: string[] = []
    const handle = lambdaHandler(
      {
        batch: (records, { reject }) => {
          for (const record of records) reject(record, 'no')
        },
      },
      {
        onFailure: async ({ records: [record] }) => {
          sent.push(`${record?.sequenceNumber} starts`)
          await settled()
          sent.push(`${record?.sequenceNumber} ends`)
        },
        logger: quiet,
      },
    )
    expect(await handle(eventOf('a', 'a'))).toEqual(noFailures)
    expect(sent).toEqual(['1 starts', '1 ends', '2 starts', '2 ends'])
  })

  test('that returns anything but a response fails the batch', async () => {
    const handle = lambdaHandler({ batch: () => [] as never }, { retry: atOnce, logger: quiet })
    await expect(handle(eventWith(1))).rejects.toMatchObject({
      cause: new TypeError(
        'The batch handler returned an invalid response: it must return { batchItemFailures } or nothing, not an array.',
      ),
    })
  })
})
