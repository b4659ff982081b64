import { describe, expect, it } from 'vitest'
import { collectEvents, emulatedTable } from '../../support/emulated-table.ts'
import { drain, numbersOf } from '../../support/read.ts'

describe('failing calls', () => {
  it.each(['ThrottlingException', 'LimitExceededException', 'InternalServerError', 'ServiceUnavailable'])(
    'a call that fails with %s is retried until it succeeds, with a retry event each time',
    async (code) => {
      const { clock, emulator, open, write } = emulatedTable()
      const written = write(5)
      const coordinator = open({ pageSize: 2 })
      const retries = collectEvents(coordinator, 'retry')
      emulator.on('DescribeStream', { times: 3 }, { fail: code })
      emulator.on('GetShardIterator', { times: 3 }, { fail: code })
      emulator.on('GetRecords', { nth: 2, times: 3 }, { fail: code })
      await clock.run(coordinator.moveTo('trim_horizon'))
      expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
      expect(retries.length).toBe(9)
      expect(new Set(retries.map(({ operation }) => operation)).size).toBe(3)
    },
  )

  it.each(['before', 'after'] as const)(
    'a call whose connection is reset %s the service processed it is retried',
    async (reset) => {
      const { clock, emulator, open, write } = emulatedTable()
      const written = write(5)
      const coordinator = open({ pageSize: 2 })
      emulator.on('GetRecords', { nth: 2, times: 2 }, { reset })
      await clock.run(coordinator.moveTo('trim_horizon'))
      expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
    },
  )

  it('a call that hangs is aborted and retried', async () => {
    const { clock, emulator, open, write } = emulatedTable()
    const written = write(5)
    const coordinator = open({ pageSize: 2 })
    emulator.on('GetRecords', { nth: 2 }, { hang: true })
    await clock.run(coordinator.moveTo('trim_horizon'))
    expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  })

  it('an AccessDenied error is rethrown unchanged at once, and next() can be called again', async () => {
    const { clock, emulator, open, write } = emulatedTable()
    const written = write(5)
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    emulator.on('GetRecords', {}, { fail: 'AccessDeniedException' })
    await expect(clock.run(coordinator.next())).rejects.toMatchObject({ name: 'AccessDeniedException' })
    expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  })

  it('a failing shard blocks the others for at most a minute, and then shardStalled is emitted', async () => {
    const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
    const [failing, healthy] = emulator.openShards
    write(2, failing?.shardId)
    const written = write(2, healthy?.shardId)
    const coordinator = open()
    const stalled = collectEvents(coordinator, 'shardStalled')
    const lift = emulator.on(
      'GetRecords',
      { shard: failing?.shardId as string, times: Number.POSITIVE_INFINITY },
      { fail: 'ThrottlingException' },
    )
    await clock.run(coordinator.moveTo('trim_horizon'))
    const startedAt = clock.now()
    expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
    expect(clock.now() - startedAt).toBeLessThan(90_000)
    expect(stalled).toMatchObject([{ shardId: failing?.shardId }])
    lift()
    await clock.advance(20_000)
    expect(numbersOf(await drain(coordinator, clock))).toEqual([0, 1])
  })
})

describe('shard iterators', () => {
  it('an expired iterator is renewed after the last record, even when the new one expires too', async () => {
    const { clock, emulator, open, write } = emulatedTable()
    const written = write(3)
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const records = await drain(coordinator, clock)
    await clock.advance(20 * 60_000)
    written.push(...write(3))
    emulator.on('GetRecords', { times: 2 }, { fail: 'ExpiredIteratorException' })
    records.push(...(await drain(coordinator, clock)))
    expect(numbersOf(records)).toEqual(written)
  })

  it('heartbeats renew iterators, so that none expires during an hour without traffic', async () => {
    const { clock, emulator, open } = emulatedTable({ shards: 3 })
    const coordinator = open()
    await clock.run(coordinator.moveTo('latest'))
    for (let minute = 0; minute < 60; minute++) {
      await clock.advance(60_000)
      await clock.run(coordinator.heartbeat())
    }
    expect(emulator.log.filter(({ op }) => op === 'GetShardIterator').length).toBe(3)
    expect(emulator.log.filter(({ error }) => error !== undefined)).toEqual([])
    expect(emulator.log.filter(({ op }) => op === 'GetRecords').length).toBeLessThanOrEqual(3 * 8)
  })
})

it('the records of a page that is returned twice are delivered once', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const written = write(10)
  const coordinator = open({ pageSize: 4 })
  emulator.on('GetRecords', { nth: 2 }, { repeatPage: true })
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
})

it('empty pages before and between records are crossed without a pause', async () => {
  const { clock, emulator, open, write } = emulatedTable({ behavior: { emptyPagesAtStart: 4 } })
  const written = write(6)
  emulator.on('GetRecords', { nth: 7, times: 4 }, { emptyPage: true })
  const coordinator = open({ pageSize: 2 })
  await clock.run(coordinator.moveTo('trim_horizon'))
  const startedAt = clock.now()
  const records = [await clock.run(coordinator.next())]
  for (let n = 1; n < 6; n++) records.push(await clock.run(coordinator.next()))
  expect(numbersOf(records as never)).toEqual(written)
  expect(clock.now()).toBe(startedAt)
})

describe('close', () => {
  it('close() makes pending and later calls reject with "closed"', async () => {
    const { clock, emulator, open, write } = emulatedTable()
    write(1)
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    emulator.on('GetRecords', {}, { hang: true })
    const pending = coordinator.next()
    await coordinator.close()
    await expect(pending).rejects.toMatchObject({ code: 'closed' })
    await expect(coordinator.next()).rejects.toMatchObject({ code: 'closed' })
    await expect(coordinator.moveTo('latest')).rejects.toMatchObject({
      code: 'closed',
      message: 'The Coordinator was closed.',
    })
    await coordinator.close()
    expect(clock.untilNextTimer).toBeUndefined()
    expect(coordinator.token.shards.length).toBe(1)
  })

  it('a coordinator is closed when its signal aborts', async () => {
    const { clock, open } = emulatedTable()
    const controller = new AbortController()
    const coordinator = open({ signal: controller.signal })
    await clock.run(coordinator.moveTo('trim_horizon'))
    controller.abort()
    await expect(coordinator.next()).rejects.toMatchObject({ code: 'closed' })
  })

  it('close() aborts a pending moveTo()', async () => {
    const { clock, emulator, open } = emulatedTable()
    emulator.on('DescribeStream', {}, { hang: true })
    const coordinator = open()
    const moving = coordinator.moveTo('trim_horizon')
    await clock.advance(10)
    await coordinator.close()
    await expect(moving).rejects.toMatchObject({ code: 'closed' })
    expect(clock.untilNextTimer).toBeUndefined()
  })
})

it('a client whose responses only the SDK can parse is supported, and sdkFallback is emitted once', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const written = write(5)
  const client = emulator.client()
  // Simulates a later version of the SDK in which the middleware that parses responses has another name.
  const names = client.middlewareStack.identify()
  client.middlewareStack.identify = () => names.filter((name) => !name.startsWith('deserializerMiddleware'))
  const coordinator = open({ client, pageSize: 2 })
  const fallbacks = collectEvents(coordinator, 'sdkFallback')
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  expect(fallbacks).toEqual([{ reason: expect.stringContaining('deserializerMiddleware') }])
})
