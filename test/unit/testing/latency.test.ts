import { expect, describe as group, test } from 'vitest'
import { expectAtMostDescribeCalls } from '../../../src/testing/index.ts'
import { describe, listedIds, open, read, root, setUp, write } from './helpers.ts'

group('latency', () => {
  test('a response contains changes made before the call reached the service, and no later ones', async () => {
    const { clock, emulator } = setUp({ latency: () => ({ requestMs: 100, responseMs: 200 }) })
    const before = root(emulator).shardId
    const listing = listedIds(emulator)
    await clock.advance(99)
    const { shardId: whileInTransit } = emulator.roll()
    await clock.advance(1)
    emulator.roll()
    await clock.advance(199)
    expect(await isSettled(listing)).toBe(false)
    await clock.advance(1)
    expect(await listing).toEqual([before, whileInTransit])
  })

  test('a response that was computed before the process was suspended arrives unchanged afterwards', async () => {
    const { clock, emulator } = setUp({ latency: () => ({ responseMs: 50 }) })
    const listing = listedIds(emulator)
    await clock.advance(10)
    clock.suspend(3_600_000)
    emulator.split()
    expect(await clock.run(listing)).toHaveLength(1)
  })

  test('the serviceTime of a listing is the time at which the response was computed, not that of its arrival', async () => {
    const { clock, emulator } = setUp({ latency: () => ({ requestMs: 2_000, responseMs: 5_000 }) })
    const start = clock.now()
    const { serviceTime } = await clock.run(describe(emulator))
    expect(serviceTime).toBe(start + 2_000)
  })

  test('a request that is aborted in transit never reaches the service', async () => {
    const { clock, emulator } = setUp({ latency: () => ({ requestMs: 100 }) })
    const controller = new AbortController()
    const { streamArn } = emulator
    const call = emulator.api.listShards({ streamArn }, controller.signal)
    const rejection = expect(call).rejects.toMatchObject({ name: 'AbortError' })
    await clock.advance(50)
    controller.abort()
    await rejection
    await clock.advance(1_000)
    expect(emulator.log).toEqual([])
  })

  test('an error takes as long to arrive as a response', async () => {
    const { clock, emulator } = setUp({ latency: () => ({ requestMs: 100, responseMs: 200 }) })
    emulator.on('DescribeStream', {}, { fail: 'ThrottlingException', delayMs: 1_000 })
    const call = describe(emulator).catch((error: Error) => error.name)
    await clock.advance(1_299)
    expect(await isSettled(call)).toBe(false)
    await clock.advance(1)
    expect(await call).toBe('ThrottlingException')
  })

  test('the latency source is called for each call and can return no latency', async () => {
    const { clock, emulator } = setUp({
      latency: ({ name }) => (name === 'GetRecords' ? { responseMs: 30 } : undefined),
    })
    write(emulator, 2)
    const iterator = await open(emulator, root(emulator))
    const page = read(emulator, iterator)
    await clock.advance(29)
    expect(await isSettled(page)).toBe(false)
    await clock.advance(1)
    expect((await page).records).toHaveLength(2)
  })

  test('the log records when a call was made and when it reached the service', async () => {
    const { clock, emulator } = setUp({ latency: () => ({ requestMs: 100, responseMs: 200 }) })
    const start = clock.now()
    await clock.run(describe(emulator))
    expect(emulator.log).toMatchObject([{ op: 'DescribeStream', sentAt: start, at: start + 100 }])
  })

  test('expectAtMostDescribeCalls() counts calls when they are made, not when they reach the service', async () => {
    let requestMs = 1_000
    const { clock, emulator } = setUp({ latency: () => ({ requestMs }) })
    const first = describe(emulator)
    await clock.advance(1_000)
    requestMs = 1
    await clock.run(Promise.all([first, describe(emulator)]))
    expectAtMostDescribeCalls(emulator.log, 1)
    await clock.run(describe(emulator))
    expect(() => expectAtMostDescribeCalls(emulator.log, 1)).toThrow('more than 1 times')
  })
})

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending')
  await new Promise((resolve) => setImmediate(resolve))
  const first = await Promise.race([promise.catch(() => {}), Promise.resolve(pending)])
  return first !== pending
}
