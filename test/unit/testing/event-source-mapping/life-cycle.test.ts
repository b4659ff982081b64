import { describe, expect, it } from 'vitest'
import { type Clock, isStreamError } from '../../../../src/index.ts'
import { emulateEventSourceMapping, StreamEmulator } from '../../../../src/testing/index.ts'
import { batchesOf, idsOf, mappingFixture, throwsFor } from './fixture.ts'

const succeed = async () => {}

describe('the life cycle of an emulated mapping', () => {
  it('it processes records as they are written, without drain', async () => {
    const { clock, put, start } = mappingFixture()
    const mapping = start(succeed)
    await clock.advance(1_000)
    put(1)
    await clock.advance(1_000)
    expect(idsOf(mapping.handled)).toBe('1')
    await mapping.close()
  })

  it('drain resolves at once if there is nothing to process', async () => {
    const mapping = mappingFixture().start(succeed)
    await mapping.drain()
    await mapping.close()
  })

  it('drain waits for records that the handler causes to be written', async () => {
    const { put, process } = mappingFixture()
    put(1)
    const mapping = await process(async ({ Records }) => {
      if (Records[0]?.dynamodb?.Keys?.id?.S !== '3') put(Number(Records[0]?.dynamodb?.Keys?.id?.S) + 1)
    })
    expect(batchesOf(mapping)).toEqual(['1', '2', '3'])
  })

  it('a disabled mapping ends its running invocation, invokes nothing, and continues when it is enabled', async () => {
    const { clock, put, start } = mappingFixture()
    put(1, 2)
    const mapping = start(() => new Promise<void>((resolve) => clock.setTimer(1_000, resolve)), {
      BatchSize: 1,
    })
    await clock.advance(500)
    mapping.disable()
    mapping.disable()
    await expect(mapping.drain()).rejects.toThrow('disabled')
    await clock.advance(60_000)
    expect(idsOf(mapping.handled)).toBe('1')
    mapping.enable()
    mapping.enable()
    await clock.run(mapping.drain())
    expect(batchesOf(mapping)).toEqual(['1', '2'])
    await mapping.close()
  })

  it('a retry that falls into the time when the mapping is disabled is made when it is enabled', async () => {
    const { clock, put, start } = mappingFixture()
    put(1)
    const mapping = start(throwsFor('1'), { MaximumRetryAttempts: 1 })
    await clock.advance(100)
    mapping.disable()
    await clock.advance(60_000)
    expect(batchesOf(mapping)).toEqual(['1'])
    mapping.enable()
    await clock.run(mapping.drain())
    expect(batchesOf(mapping)).toEqual(['1', '1'])
    await mapping.close()
  })

  it('a batch whose destination is slow is not invoked while the mapping is disabled', async () => {
    const { clock, put, start } = mappingFixture()
    put(1)
    const mapping = start(succeed, {
      Enabled: false,
      MaximumRecordAgeInSeconds: 60,
      onFailure: () => new Promise<void>((resolve) => clock.setTimer(10_000, resolve)),
    })
    await clock.advance(61_000)
    put(2)
    mapping.enable()
    await clock.advance(5_000)
    mapping.disable()
    await clock.advance(10_000)
    expect(mapping.discarded).toHaveLength(1)
    expect(mapping.invocations).toEqual([])
    mapping.enable()
    await clock.run(mapping.drain())
    expect(batchesOf(mapping)).toEqual(['2'])
    await mapping.close()
  })

  it('disable and close end a pending drain', async () => {
    const { clock, put, start } = mappingFixture()
    put(1)
    const mapping = start(throwsFor('1'))
    const disabled = mapping.drain().catch((error: Error) => error.message)
    await clock.advance(1_000)
    mapping.disable()
    expect(await clock.run(disabled)).toContain('disabled')
    mapping.enable()
    const closed = mapping.drain().catch((error: unknown) => error)
    await mapping.close()
    expect(isStreamError(await clock.run(closed), 'closed')).toBe(true)
  })

  it('close leaves no timer, and ignores the result of a running invocation', async () => {
    const { clock, put, start } = mappingFixture()
    put(1)
    const mapping = start(() => new Promise<void>((resolve) => clock.setTimer(1_000, resolve)))
    await clock.advance(500)
    await mapping[Symbol.asyncDispose]()
    mapping.enable()
    await clock.advance(500)
    expect(mapping.handled).toEqual([])
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('its polls keep the process alive only while a drain is pending', async () => {
    const { clock, emulator, put } = mappingFixture()
    const polls: (boolean | undefined)[] = []
    const observed: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimer: (delayMs, callback, background) => {
        polls.push(background)
        return clock.setTimer(delayMs, callback)
      },
    }
    const mapping = emulateEventSourceMapping({
      emulator,
      clock: observed,
      handler: succeed,
      MaximumBatchingWindowInSeconds: 2,
    })
    await clock.advance(1_000)
    expect(polls).toEqual([true, true, true])
    put(1)
    await clock.run(mapping.drain())
    expect(polls.slice(3, 5)).toEqual([false, false])
    await mapping.close()
  })

  it('it works with the system clock', async () => {
    const emulator = new StreamEmulator()
    emulator.put({ id: '1' })
    const mapping = emulateEventSourceMapping({ emulator, handler: succeed })
    await mapping.drain()
    expect(idsOf(mapping.handled)).toBe('1')
    await mapping.close()
  })
})

describe('the options of an emulated mapping', () => {
  const create = (options: object) =>
    emulateEventSourceMapping({
      emulator: new StreamEmulator(),
      handler: succeed,
      Enabled: false,
      ...options,
    })
  const destination = (Destination: unknown) => ({ DestinationConfig: { OnFailure: { Destination } } })

  it.each<[object, string]>([
    [{ emulator: {} }, 'emulator'],
    [{ emulator: undefined }, 'emulator'],
    [{ handler: undefined }, 'handler'],
    [{ handler: 'index.handler' }, 'handler'],
    [{ timeoutMs: 900_001 }, 'timeoutMs'],
    [{ FunctionName: 'a b' }, 'FunctionName'],
    [{ Enabled: 1 }, 'Enabled'],
    [{ BatchSize: 0 }, 'BatchSize'],
    [{ BatchSize: 10_001 }, 'BatchSize'],
    [{ MaximumBatchingWindowInSeconds: 301 }, 'MaximumBatchingWindowInSeconds'],
    [{ ParallelizationFactor: 11 }, 'ParallelizationFactor'],
    [{ BisectBatchOnFunctionError: 'true' }, 'BisectBatchOnFunctionError'],
    [{ MaximumRetryAttempts: -2 }, 'MaximumRetryAttempts'],
    [{ MaximumRetryAttempts: 10_001 }, 'MaximumRetryAttempts'],
    [{ MaximumRecordAgeInSeconds: 59 }, 'MaximumRecordAgeInSeconds'],
    [{ MaximumRecordAgeInSeconds: 604_801 }, 'MaximumRecordAgeInSeconds'],
    [{ FunctionResponseTypes: ['ReportBatchItemFailure'] }, 'FunctionResponseTypes[0]'],
    [{ FunctionResponseTypes: 'ReportBatchItemFailures' }, 'FunctionResponseTypes'],
    [{ StartingPosition: 'AT_TIMESTAMP' }, 'StartingPosition'],
    [{ FilterCriteria: { Filters: [{ Pattern: '{' }] } }, 'FilterCriteria.Filters[0].Pattern'],
    [
      destination('arn:aws:sqs:us-east-1:123456789012:failed.fifo'),
      'DestinationConfig.OnFailure.Destination',
    ],
    [destination('kafka://failed'), 'DestinationConfig.OnFailure.Destination'],
    [{ DestinationConfig: { OnSuccess: {} } }, 'DestinationConfig.OnSuccess'],
    [{ onFailure: {} }, 'onFailure'],
    [{ clock: {} }, 'clock'],
    [{ random: 4 }, 'random'],
    [{ batchSize: 10 }, 'batchSize'],
  ])('%o are refused, with the path %s', (options, option) => {
    expect(() => create(options)).toThrow(
      expect.objectContaining({ code: 'options.invalid', details: expect.objectContaining({ option }) }),
    )
  })

  it('an unknown parameter is refused with the closest known one', () => {
    expect(() => create({ MaxRetryAttempts: 1 })).toThrow('did you mean MaximumRetryAttempts?')
  })

  it('a tumbling window is refused, because it is not emulated', () => {
    expect(() => create({ TumblingWindowInSeconds: 30 })).toThrow('tumbling windows are not emulated')
  })

  it.each([
    ['indexer', 'arn:aws:lambda:us-east-1:123456789012:function:indexer'],
    ['123456789013:function:indexer', 'arn:aws:lambda:us-east-1:123456789013:function:indexer'],
    [
      'arn:aws-cn:lambda:cn-north-1:1:function:indexer:2',
      'arn:aws-cn:lambda:cn-north-1:1:function:indexer:2',
    ],
  ])('the function name %s is that of the function %s', async (FunctionName, arn) => {
    const { put, process } = mappingFixture()
    put(1)
    let invoked = ''
    await process(
      async (_event, { invokedFunctionArn }) => {
        invoked = invokedFunctionArn
      },
      { FunctionName },
    )
    expect(invoked).toBe(arn)
  })
})
