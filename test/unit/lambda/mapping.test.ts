import {
  LambdaClient,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda'
import { mockClient } from 'aws-sdk-client-mock'
import { describe, expect, test } from 'vitest'
import { lambdaHandler } from '../../../src/lambda/index.ts'
import { clockAt, contextOf, eventOf, eventWith, functionArn, streamArn, testLogger } from './support.ts'

const context = () => contextOf(clockAt(), 60_000)
const failSecond = ({ sequenceNumber }: { readonly sequenceNumber: string }) => {
  if (sequenceNumber === '2') throw new Error('no')
}
const reporting = { UUID: 'one', FunctionResponseTypes: ['ReportBatchItemFailures' as const] }
const retry = { maxAttempts: 1 }

function mappings(...pages: readonly object[][]) {
  const client = new LambdaClient({ region: 'eu-west-1' })
  const mock = mockClient(client)
  const list = mock.on(ListEventSourceMappingsCommand)
  for (const [index, EventSourceMappings] of pages.entries()) {
    list.resolvesOnce({
      EventSourceMappings,
      ...(index + 1 < pages.length && { NextMarker: `page ${index + 1}` }),
    })
  }
  return { client, mock }
}

describe('checkMapping', () => {
  test('lists the mappings of the stream and of the invoked ARN once, page by page', async () => {
    const { client, mock } = mappings([], [reporting])
    const logger = testLogger()
    const handler = lambdaHandler(() => {}, { checkMapping: { client }, logger })
    await handler(eventWith(1), context())
    await handler(eventWith(1), context())
    const inputs = mock.commandCalls(ListEventSourceMappingsCommand).map(({ args: [{ input }] }) => input)
    const input = { EventSourceArn: streamArn, FunctionName: functionArn }
    expect(inputs).toEqual([
      { ...input, Marker: undefined },
      { ...input, Marker: 'page 1' },
    ])
    expect(logger.lines).toEqual([])
  })

  test('warns if Lambda ignores the response, and the function then throws instead of reporting', async () => {
    const { client } = mappings([{ UUID: 'one', FunctionResponseTypes: [] }])
    const logger = testLogger()
    const handler = lambdaHandler(failSecond, { checkMapping: { client }, logger, retry })
    await expect(handler(eventWith(3), context())).rejects.toMatchObject({ code: 'handler.failed' })
    expect(logger.lines.some(({ message }) => message.includes('has no ReportBatchItemFailures'))).toBe(true)
    expect(await handler(eventOf('a'), context())).toEqual({ batchItemFailures: [] })
  })

  test('warns if one of several mappings ignores the response', async () => {
    const { client } = mappings([reporting, { UUID: 'two', FunctionResponseTypes: [] }])
    const handler = lambdaHandler(failSecond, { checkMapping: { client }, logger: testLogger(), retry })
    await expect(handler(eventWith(3), context())).rejects.toMatchObject({ code: 'handler.failed' })
  })

  test('works with a remaining time that is not a whole number of milliseconds', async () => {
    const { client, mock } = mappings([reporting])
    const handler = lambdaHandler(() => {}, { checkMapping: { client } })
    const response = await handler(eventWith(1), { ...context(), getRemainingTimeInMillis: () => 2_999 })
    expect(response).toEqual({ batchItemFailures: [] })
    expect(mock.calls()).toHaveLength(1)
  })

  test('that fails is logged, and failures are reported as usual', async () => {
    const { client, mock } = mappings()
    mock.on(ListEventSourceMappingsCommand).rejects(new Error('AccessDenied'))
    const logger = testLogger()
    const handler = lambdaHandler(failSecond, { checkMapping: { client }, logger, retry })
    const expected = { batchItemFailures: [{ itemIdentifier: '2' }] }
    expect(await handler(eventWith(3), context())).toEqual(expected)
    expect(await handler(eventWith(3), context())).toEqual(expected)
    expect(mock.calls()).toHaveLength(1)
    expect(logger.lines.filter(({ message }) => message.includes('cannot be checked'))).toHaveLength(1)
  })
})

describe('disableMapping', () => {
  test('disables the mapping after a fatal failure, starts nothing more, and reports the record', async () => {
    const { client, mock } = mappings([reporting])
    mock.on(UpdateEventSourceMappingCommand).resolves({})
    const seen: string[] = []
    const handler = lambdaHandler(
      (record) => {
        seen.push(record.sequenceNumber)
        failSecond(record)
      },
      { disableMapping: { client, when: () => true }, concurrency: 1, logger: testLogger() },
    )
    expect(await handler(eventWith(4), context())).toEqual({ batchItemFailures: [{ itemIdentifier: '2' }] })
    expect(seen).toEqual(['1', '2'])
    const [update] = mock.commandCalls(UpdateEventSourceMappingCommand)
    expect(update?.args[0].input).toEqual({ UUID: 'one', Enabled: false })
  })

  test('disables the mapping at once if a batch handler has thrown a fatal error', async () => {
    const { client, mock } = mappings([reporting])
    mock.on(UpdateEventSourceMappingCommand).resolves({})
    let calls = 0
    const batch = () => {
      calls++
      throw new Error('fatal')
    }
    const handler = lambdaHandler(
      { batch },
      { disableMapping: { client, when: () => true }, logger: testLogger() },
    )
    await expect(handler(eventWith(8), context())).rejects.toMatchObject({ code: 'handler.failed' })
    expect(calls).toBe(1)
    expect(mock.commandCalls(UpdateEventSourceMappingCommand)).toHaveLength(1)
  })

  test('is not asked about records that a batch handler has only named', async () => {
    const { client, mock } = mappings([reporting])
    const errors: unknown[] = []
    const when = (error: unknown) => {
      errors.push(error)
      return true
    }
    const batch = () => ({ batchItemFailures: [{ itemIdentifier: '2' }] })
    const options = { disableMapping: { client, when }, logger: testLogger(), retry }
    const response = await lambdaHandler({ batch }, options)(eventWith(3), context())
    expect(response).toEqual({ batchItemFailures: [{ itemIdentifier: '2' }] })
    expect(errors).toEqual([])
    expect(mock.calls()).toHaveLength(0)
  })

  test('does nothing for other failures, nor if the predicate throws', async () => {
    const { client, mock } = mappings([reporting])
    const logger = testLogger()
    const when = (_: unknown, { sequenceNumber }: { readonly sequenceNumber: string }) => {
      if (sequenceNumber === '2') throw new Error('broken')
      return false
    }
    const handler = lambdaHandler(failSecond, { disableMapping: { client, when }, logger, retry })
    expect(await handler(eventWith(3), context())).toEqual({ batchItemFailures: [{ itemIdentifier: '2' }] })
    expect(mock.calls()).toHaveLength(0)
    expect(logger.lines[0]?.message).toContain('disableMapping.when has thrown')
  })

  test('logs if the mapping cannot be disabled', async () => {
    const { client, mock } = mappings([reporting])
    mock.on(UpdateEventSourceMappingCommand).rejects(new Error('AccessDenied'))
    const logger = testLogger()
    const handler = lambdaHandler(failSecond, { disableMapping: { client, when: () => true }, logger })
    await handler(eventWith(2), context())
    expect(logger.lines.at(-1)?.message).toContain('could not be disabled')
  })
})

describe('an event or an option that is invalid', () => {
  const handler = lambdaHandler(() => {})
  const [record] = eventWith(1).Records

  test.each([
    ['nothing', undefined, 'has no array Records'],
    ['an event of Kinesis', { Records: [{ eventSource: 'aws:kinesis' }] }, 'is of aws:kinesis'],
    ['a tumbling window', { Records: [record], window: {}, state: {} }, 'TumblingWindowInSeconds'],
    [
      'records of several streams',
      { Records: [record, { ...record, eventSourceARN: `${streamArn}0` }] },
      'has records of several streams',
    ],
    ['a record without a sequence number', { Records: [{ ...record, dynamodb: {} }] }, 'SequenceNumber'],
  ])('%s is refused with a TypeError', async (_, event, message) => {
    const result = handler(event as never)
    await expect(result).rejects.toThrow(TypeError)
    await expect(result).rejects.toThrow(message)
  })

  test.each([
    [{ onFirstFailure: 'wait' }, 'onFirstFailure'],
    [{ reserveMs: -1 }, 'reserveMs'],
    [{ checkMapping: { client: {} } }, 'checkMapping.client'],
    [{ checkMapping: { functionArn: 'indexer' } }, 'checkMapping.functionArn'],
    [{ disableMapping: {} }, 'disableMapping.when'],
    [{ logger: {} }, 'logger'],
    [{ retry: { maxRecordAgeMs: 60_000 } }, 'retry.maxRecordAgeMs'],
    [{ onFirstFailur: 'stop' }, 'did you mean onFirstFailure?'],
    [{ parking: {} }, 'There is no option parking'],
  ])('the options %j are refused', (options, message) => {
    expect(() => lambdaHandler(() => {}, options as never)).toThrow(message)
  })
})
