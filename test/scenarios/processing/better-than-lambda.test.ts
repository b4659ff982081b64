import { describe, expect, it } from 'vitest'
import {
  type BatchHandler,
  memoryDestination,
  openStream,
  type ProcessingSummary,
  type ProcessOptions,
  processStream,
  type StreamRecord,
} from '../../../src/index.ts'
import {
  type EventSourceMapping,
  type EventSourceMappingOptions,
  emulateEventSourceMapping,
  ManualClock,
  StreamEmulator,
} from '../../../src/testing/index.ts'

/** A stream with the records 1 to 4, of which 2 is bad, and the two ways to process it. */
function fourRecords() {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock })
  for (let id = 1; id <= 4; id++) emulator.put({ id: String(id) })
  emulator.disable()
  return {
    clock,
    processWithLambda: async (
      handler: EventSourceMappingOptions['handler'],
      options: Partial<EventSourceMappingOptions>,
    ): Promise<EventSourceMapping> => {
      const mapping = emulateEventSourceMapping({ emulator, clock, handler, ...options })
      await clock.run(mapping.drain())
      await mapping.close()
      return mapping
    },
    processWithStream: async (
      batch: BatchHandler['batch'],
      options: ProcessOptions,
    ): Promise<ProcessingSummary> => {
      const { streamArn } = emulator
      const stream = await clock.run(openStream({ client: emulator.api, streamArn, clock }))
      const summary = await clock.run(processStream(stream, { batch }, { order: 'shard', ...options }))
      await clock.run(stream.close())
      return summary
    },
  }
}

const lostBy = ({ discarded }: EventSourceMapping) =>
  discarded.flatMap(({ record, destination }) => (destination === 'delivered' ? [] : [record.key.id]))
const throwForBad = (ids: readonly unknown[]) => {
  if (ids.includes('2')) throw new Error('The handler has failed.')
}
const idsOf = (records: readonly StreamRecord[]) => records.map(({ keys }) => keys.id)
const throwingFunction: EventSourceMappingOptions['handler'] = async ({ Records }) =>
  throwForBad(Records.map(({ dynamodb }) => dynamodb?.Keys?.id?.S))
const throwingBatch: BatchHandler['batch'] = async (records) => throwForBad(idsOf(records))

describe('three ways in which an event source mapping loses records and processStream does not', () => {
  it('innocent records behind a poison record: Lambda discards them with it, processStream handles them', async () => {
    const { processWithLambda, processWithStream } = fourRecords()
    expect(lostBy(await processWithLambda(throwingFunction, { MaximumRetryAttempts: 1 }))).toEqual([
      ...['1', '2', '3', '4'],
    ])
    const onFailure = memoryDestination()
    const { handled } = await processWithStream(throwingBatch, { onFailure, retry: { maxAttempts: 2 } })
    expect(handled).toBe(3)
    expect(onFailure.letters.flatMap(({ records }) => idsOf(records))).toEqual(['2'])
  })

  it('an outage of the destination: Lambda drops the batch, processStream sends the letter until it is accepted', async () => {
    const { clock, processWithLambda, processWithStream } = fourRecords()
    const outageEndsAt = clock.now() + 10 * 60_000
    const failDuringOutage = async () => {
      if (clock.now() < outageEndsAt) throw new Error('The destination is down.')
    }
    const mapping = await processWithLambda(throwingFunction, {
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 1,
      onFailure: failDuringOutage,
    })
    expect(clock.now()).toBeLessThan(outageEndsAt)
    expect(lostBy(mapping)).toEqual(['2'])
    const memory = memoryDestination()
    const { handled } = await processWithStream(throwingBatch, {
      retry: { maxAttempts: 2 },
      onFailure: async (letter) => {
        await failDuringOutage()
        await memory.send(letter)
      },
    })
    expect(handled).toBe(3)
    expect(memory.letters.flatMap(({ records }) => idsOf(records))).toEqual(['2'])
  })

  it('reported failures: a mapping without ReportBatchItemFailures ignores them, processStream retries the record', async () => {
    const { processWithLambda, processWithStream } = fourRecords()
    const mapping = await processWithLambda(
      async ({ Records }) => ({
        batchItemFailures: [{ itemIdentifier: Records[1]?.dynamodb?.SequenceNumber }],
      }),
      {},
    )
    // The function has failed to handle it, and it is never passed to the function again.
    expect(mapping.handled.map(({ key }) => key.id)).toContain('2')
    expect(mapping.invocations).toMatchObject([{ outcome: 'succeeded', isReportIgnored: true }])
    let attempts = 0
    const { handled, deadLettered } = await processWithStream(async (records) => {
      const bad = records.find(({ keys }) => keys.id === '2')
      if (bad === undefined || ++attempts > 3) return undefined
      return { batchItemFailures: [{ itemIdentifier: bad.sequenceNumber }] }
    }, {})
    expect({ handled, attempts, given: deadLettered.exhausted }).toEqual({
      handled: 4,
      attempts: 4,
      given: 0,
    })
  })
})

describe('a record that is already older than the maximum age when it is read', () => {
  it('is discarded by Lambda without an invocation, and attempted once by processStream', async () => {
    const { clock, processWithLambda, processWithStream } = fourRecords()
    await clock.advance(3_600_000)
    const mapping = await processWithLambda(throwingFunction, { MaximumRecordAgeInSeconds: 60 })
    expect(mapping.invocations).toEqual([])
    expect(lostBy(mapping)).toEqual(['1', '2', '3', '4'])
    const onFailure = memoryDestination()
    const { handled } = await processWithStream(throwingBatch, {
      onFailure,
      retry: { maxRecordAgeMs: 60_000 },
    })
    expect(handled).toBe(3)
    expect(onFailure.letters.map(({ condition }) => condition)).toEqual(['RecordAgeExceeded'])
  })
})
