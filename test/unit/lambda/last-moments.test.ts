import { describe, expect, it, vi } from 'vitest'
import { lambdaHandler } from '../../../src/lambda/index.ts'
import { clockAt, contextOf, eventOf, eventWith, functionArn, settled, testLogger } from './support.ts'

const logger = { warn() {} }

/** A client for event source mappings, and the ids of those that were disabled. */
function mappingClient(ids: readonly string[], failing?: string) {
  const disabled: string[] = []
  const send = async (command: { readonly input: { readonly UUID?: string } }) => {
    const { UUID } = command.input
    if (UUID === undefined) return { EventSourceMappings: ids.map((id) => ({ UUID: id })) }
    if (UUID === failing) throw new Error('ResourceInUseException')
    await settled()
    disabled.push(UUID)
    return {}
  }
  return { disabled, client: { send } as never }
}

describe('lambdaHandler shortly before the deadline', () => {
  it('handles nothing after the records of a batch that it cannot split in time', async () => {
    const clock = clockAt()
    const calls: string[][] = []
    const handler = lambdaHandler(
      {
        batchSize: 2,
        batch: (records) => {
          calls.push(records.map(({ sequenceNumber }) => sequenceNumber))
          if (records.length > 1) throw new Error('outage')
        },
      },
      { clock, logger, random: () => 0.999, retry: { minDelayMs: 2_500 } },
    )
    const invocation = clock.run(handler(eventOf('a', 'a', 'a'), contextOf(clock, 3_000)))
    await expect(invocation).rejects.toMatchObject({ code: 'handler.failed' })
    expect(calls).toEqual([['1', '2']])
  })

  it('reports the error of a batch that was not split far enough to find a failing record', async () => {
    const clock = clockAt()
    const log = testLogger()
    const cause = new Error('outage')
    const handler = lambdaHandler(
      {
        batch: () => {
          throw cause
        },
      },
      { clock, logger: log, random: () => 0.5 },
    )
    const invocation = clock.run(handler(eventWith(100), contextOf(clock, 3_000)))
    await expect(invocation).rejects.toMatchObject({ code: 'handler.failed', cause })
    expect(log.lines).toContainEqual({ message: expect.stringContaining('Record 1 failed'), error: cause })
  })

  it('does not disable the mapping because it has aborted a batch', async () => {
    const clock = clockAt()
    const { client, disabled } = mappingClient(['a'])
    const when = vi.fn(() => true)
    const handler = lambdaHandler(
      {
        batch: (_, { signal }) =>
          new Promise<void>((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason)),
          ),
      },
      { clock, logger, disableMapping: { functionArn, client, when } },
    )
    await clock.run(handler(eventOf('a', 'b'), contextOf(clock, 3_000)).catch(() => {}))
    expect(when).not.toHaveBeenCalled()
    expect(disabled).toEqual([])
  })

  it('sends no dead letter after its response', async () => {
    const clock = clockAt()
    let hasEnded = false
    const late: unknown[] = []
    const handler = lambdaHandler((_, { reject }) => reject('no'), {
      clock,
      logger,
      concurrency: 50,
      reserveMs: 1_000,
      onFailure: async (letter) => {
        if (hasEnded) late.push(letter)
        await new Promise<void>((resolve) => void clock.setTimer(5_000, resolve))
      },
    })
    await clock.run(handler(eventWith(40), contextOf(clock, 3_000)).catch(() => {}))
    hasEnded = true
    await clock.advance(20_000)
    await settled()
    expect(late).toEqual([])
  })

  it('leaves no timer of a handler that never ends', async () => {
    const clock = clockAt()
    const handler = lambdaHandler(() => new Promise(() => {}), { clock, logger, handlerTimeoutMs: 3_600_000 })
    await clock.run(handler(eventOf('a', 'b'), contextOf(clock, 3_000)).catch(() => {}))
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('limits the calls that disable the mapping to half of the remaining time', async () => {
    const limits: AbortSignal[] = []
    const timeout = vi.spyOn(AbortSignal, 'timeout')
    const client = {
      send: async (_: unknown, { abortSignal }: { readonly abortSignal: AbortSignal }) => {
        limits.push(abortSignal)
        throw new Error('slow')
      },
    }
    try {
      const handler = lambdaHandler(
        () => {
          throw new Error('fatal')
        },
        { logger, disableMapping: { functionArn, when: () => true, client: client as never } },
      )
      const context = { getRemainingTimeInMillis: () => 1_000, invokedFunctionArn: functionArn }
      await expect(handler(eventOf('a'), context)).rejects.toMatchObject({ code: 'handler.failed' })
      expect(timeout.mock.calls).toEqual([[500]])
      expect(limits).toEqual([timeout.mock.results[0]?.value])
    } finally {
      timeout.mockRestore()
    }
  })
})

describe('lambdaHandler whose logger throws', () => {
  it.each<[what: string, thrown: () => unknown, logger: { warn(): void } | undefined]>([
    [
      'for every line',
      () => new Error('failed'),
      {
        warn() {
          throw new Error('The disk is full.')
        },
      },
    ],
    ['for an error that cannot be inspected', revokedProxy, logger],
  ])('ends the invocation as usual: %s', async (_, thrown, throwing) => {
    const clock = clockAt()
    const handled: string[] = []
    const handler = lambdaHandler(
      async ({ keys, sequenceNumber }) => {
        if (keys.id === 'a') throw thrown()
        await new Promise<void>((resolve) => void clock.setTimer(100, resolve))
        handled.push(sequenceNumber)
      },
      { clock, logger: throwing, retry: { minDelayMs: 0, maxDelayMs: 0 } },
    )
    const response = await clock.run(handler(eventOf('a', 'b', 'b', 'b'), contextOf(clock, 30_000)))
    expect(response).toEqual({ batchItemFailures: [{ itemIdentifier: '1' }] })
    expect(handled).toEqual(['2', '3', '4'])
  })
})

describe('a batch of lambdaHandler that waits', () => {
  it('does not delay others while its dead letter is sent', async () => {
    const clock = clockAt()
    const handled: string[] = []
    const handler = lambdaHandler(
      {
        batchSize: 1,
        batch: ([record], { reject }) => {
          if (record?.keys.id === 'a') reject(record, 'no')
          else handled.push(record?.sequenceNumber ?? '')
        },
      },
      { clock, concurrency: 1, logger, onFailure: () => new Promise<void>(() => {}) },
    )
    const response = await clock.run(handler(eventOf('a', 'b', 'c', 'd'), contextOf(clock, 60_000)))
    expect(response).toEqual({ batchItemFailures: [{ itemIdentifier: '1' }] })
    expect(handled).toEqual(['2', '3', '4'])
  })

  it('does not delay others until its next attempt', async () => {
    const clock = clockAt()
    const start = clock.monotonic()
    let handledAfter: number | undefined
    const handler = lambdaHandler(
      {
        batchSize: 1,
        batch: ([record]) => {
          if (record?.keys.id === 'a') throw new Error('failed')
          handledAfter = clock.monotonic() - start
        },
      },
      { clock, concurrency: 1, logger, random: () => 0.999, retry: { minDelayMs: 20_000 } },
    )
    await clock.run(handler(eventOf('a', 'b'), contextOf(clock, 900_000)))
    expect(handledAfter).toBe(0)
  })
})

describe('lambdaHandler after a fatal failure', () => {
  it('disables all mappings, even if one cannot be disabled', async () => {
    const { client, disabled } = mappingClient(['a', 'b', 'c'], 'a')
    const handler = lambdaHandler(
      () => {
        throw new Error('fatal')
      },
      { logger, disableMapping: { functionArn, client, when: () => true } },
    )
    await handler(eventOf('a')).catch(() => {})
    expect(disabled).toEqual(['b', 'c'])
  })

  it('logs that each record of the batch has failed once', async () => {
    const log = testLogger()
    const { client } = mappingClient(['a'])
    const handler = lambdaHandler(
      {
        batch: () => {
          throw new Error('fatal')
        },
      },
      { logger: log, disableMapping: { functionArn, client, when: () => true } },
    )
    await handler(eventOf('a', 'b')).catch(() => {})
    expect(log.lines.map(({ message }) => message).slice(0, 2)).toEqual([
      'Record 1 failed once; it is reported to Lambda.',
      'Record 2 failed once; it is reported to Lambda.',
    ])
  })

  it('ignores an asynchronous decision, also one that rejects', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const { client, disabled } = mappingClient(['a'])
    const when = (async () => {
      throw new Error('when')
    }) as never
    const handler = lambdaHandler(
      () => {
        throw new Error('failed')
      },
      { logger, retry: { minDelayMs: 0, maxDelayMs: 0 }, disableMapping: { functionArn, client, when } },
    )
    await handler(eventOf('a')).catch(() => {})
    await settled()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
    expect(disabled).toEqual([])
  })
})

it('lambdaHandler does not give up a record without a creation time as too old', async () => {
  const clock = clockAt()
  const event = eventOf('a')
  for (const { dynamodb } of event.Records) delete dynamodb?.ApproximateCreationDateTime
  let calls = 0
  const conditions: string[] = []
  const handler = lambdaHandler(
    () => {
      if (++calls === 1) throw new Error('once')
    },
    {
      clock,
      logger,
      retry: { maxRecordAgeMs: 3_600_000 },
      onFailure: async ({ condition }) => void conditions.push(condition),
    },
  )
  expect(await clock.run(handler(event, contextOf(clock, 30_000)))).toEqual({ batchItemFailures: [] })
  expect(conditions).toEqual([])
})

function revokedProxy(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
