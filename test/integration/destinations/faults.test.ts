import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { letterOf } from '../../support/dead-letters.ts'
import type { Fault } from '../../support/fault-proxy.ts'
import { type Services, startServices } from './services.ts'
import { subjectKinds } from './subjects.ts'

let services: Services
beforeAll(async () => {
  services = await startServices()
})
afterAll(() => services[Symbol.asyncDispose]())
afterEach(() => services.proxy.heal())

/** Faults after which the service has certainly not stored the letter. */
const refusals: readonly [title: string, fault: Fault][] = [
  ['throttles the call', { do: 'throttle' }],
  ['fails with status 500', { do: 'refuse', status: 500, code: 'InternalError', message: 'We failed.' }],
  ['denies access', { do: 'refuse', status: 403, code: 'AccessDenied', message: 'Not authorized.' }],
  ['is behind a gateway that responds with a page of HTML', { do: 'badGateway' }],
  ['resets the connection', { do: 'reset' }],
]

describe.each(subjectKinds)('$title', ({ create, isIdempotent }) => {
  test.each(refusals)('send() rejects if the service %s, and works again afterwards', async (_, fault) => {
    const { destination, stored } = create(services)
    services.proxy.inject(fault, { times: 1 })
    await expectFailure(destination.send(letterOf()))
    expect(await stored()).toEqual([])
    await destination.send(letterOf())
    expect((await stored()).map(sequenceNumberOf)).toEqual(['421000000000012345678901'])
  })

  test.each([
    ['is lost', { do: 'loseResponse' }],
    ['is cut off', { do: 'cutResponse' }],
  ] as const)('send() rejects if the letter was stored but the response %s', async (_, fault) => {
    const { destination, stored } = create(services)
    services.proxy.inject(fault, { times: 1 })
    await expectFailure(destination.send(letterOf()))
    await destination.send(letterOf())
    const bodies = await stored()
    // At least once: a standard queue has no way to recognize the second message.
    expect(bodies).toHaveLength(isIdempotent ? 1 : 2)
    expect(new Set(bodies)).toHaveLength(1)
  })

  test('send() rejects after 30 seconds without a response, and works again afterwards', async () => {
    const clock = new ManualClock()
    const { destination, stored } = create(services, clock)
    services.proxy.inject({ do: 'hang' }, { times: 1 })
    const reached = services.proxy.received(services.proxy.calls.length + 1)
    const failure = expectFailure(destination.send(letterOf()))
    await reached
    await clock.advance(29_999)
    expect(clock.untilNextTimer).toBe(1)
    await clock.advance(1)
    expect(await failure).toMatch(/: there was no response within 30 s\.$/)
    expect(clock.untilNextTimer).toBeUndefined()
    await destination.send(letterOf())
    expect(await stored()).toHaveLength(1)
    expect(clock.untilNextTimer).toBeUndefined()
  })

  test('send() and check() reject while the service is down, and work again when it is up', async () => {
    const { destination, stored } = create(services)
    await destination.send(letterOf())
    await services.proxy.goDown()
    try {
      await expectFailure(destination.send(letterOf()))
      await expectFailure(destination.check(), 'check')
      await expectFailure(destination.send(letterOf()))
    } finally {
      await services.proxy.comeUp()
    }
    await destination.check()
    await destination.send(letterOf({ condition: 'Rejected' }))
    expect(await stored()).toHaveLength(2)
  })

  test('one send() that fails does not affect others that run at the same time', async () => {
    const { destination, stored } = create(services)
    services.proxy.inject({ do: 'reset' }, { times: 1 })
    const conditions = ['Invalid', 'Rejected', 'WorkerLost', 'RecordAgeExceeded'] as const
    const results = await Promise.allSettled(
      conditions.map((condition) => destination.send(letterOf({ condition }))),
    )
    const sent = conditions.filter((_, index) => results[index]?.status === 'fulfilled')
    expect(sent).toHaveLength(3)
    expect((await stored()).map((body) => JSON.parse(body).requestContext.condition).sort()).toEqual(
      sent.toSorted(),
    )
  })

  test('send() does not resolve before the service has responded', async () => {
    const { destination, stored } = create(services)
    let respond = () => {}
    const until = new Promise<void>((resolve) => {
      respond = resolve
    })
    services.proxy.inject({ do: 'delay', until }, { times: 1 })
    const reached = services.proxy.received(services.proxy.calls.length + 1)
    let isResolved = false
    const sending = destination.send(letterOf()).then(() => {
      isResolved = true
    })
    await reached
    // The other letter is accepted meanwhile, so the first one had the time to be.
    await destination.send(letterOf({ condition: 'Rejected' }))
    expect(isResolved).toBe(false)
    respond()
    await sending
    expect(await stored()).toHaveLength(2)
  })
})

async function expectFailure(call: Promise<void>, operation = 'send'): Promise<string> {
  const error = await call.then(
    () => undefined,
    (reason) => reason,
  )
  expect(error).toMatchObject({ name: 'StreamError', code: 'destination.failed', details: { operation } })
  if (!isStreamError(error, 'destination.failed')) throw error
  expect(error.message).toMatch(/^Cannot .+\.$/)
  expect(error.message).toContain(error.details.destination)
  expect(error.cause).toBeInstanceOf(Error)
  return error.message
}

function sequenceNumberOf(body: string): string {
  return JSON.parse(body).DDBStreamBatchInfo.startSequenceNumber
}
