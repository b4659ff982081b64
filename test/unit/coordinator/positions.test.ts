import { describe, expect, it } from 'vitest'
import { isStreamError } from '../../../src/index.ts'
import { emulatedTable } from '../../support/emulated-table.ts'
import { drain, numbersOf } from '../../support/read.ts'

describe('position trim_horizon', () => {
  it('reading from trim_horizon delivers all retained records across splits and rollovers, parents first', async () => {
    const { emulator, clock, open, write } = emulatedTable({ shards: 3 })
    write(20)
    await clock.advance(1_000)
    emulator.split()
    write(20)
    await clock.advance(1_000)
    emulator.roll()
    write(20)
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const records = await drain(coordinator, clock)
    expect(numbersOf(records).sort((a, b) => a - b)).toEqual([...Array(60).keys()])
    const times = records.map((record) => record.createdAt.getTime())
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })

  it('reading from trim_horizon waits for the first shard of a stream that is being enabled', async () => {
    const { emulator, clock, open, write } = emulatedTable()
    emulator.disable()
    emulator.enable({ takesMs: 90_000 })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    expect(await clock.run(coordinator.next())).toBeUndefined()
    await clock.advance(180_000)
    const written = write(3)
    expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  })
})

describe('position latest', () => {
  it('reading from latest delivers records written after the call, and none from before the second of the call', async () => {
    const { clock, open, write } = emulatedTable({ shards: 2 })
    write(10)
    await clock.advance(5_000)
    const coordinator = open()
    await clock.run(coordinator.moveTo('latest'))
    const written = write(10)
    expect(numbersOf(await drain(coordinator, clock)).sort((a, b) => a - b)).toEqual(written)
  })

  it('a token saved directly after latest keeps the position, even if no shard has had a record', async () => {
    const { clock, open, write, emulator } = emulatedTable({ shards: 2 })
    const first = open()
    await clock.run(first.moveTo('latest'))
    const token = JSON.stringify(first.token)
    await first.close()
    await clock.advance(60_000)
    const written = write(5)
    emulator.split()
    written.push(...write(5))
    await clock.advance(20 * 60_000)
    const second = open()
    await clock.run(second.moveTo(token))
    expect(numbersOf(await drain(second, clock)).sort((a, b) => a - b)).toEqual(written)
  })

  it('reading from latest loses no record when its iterators expire before the first poll and a shard has split', async () => {
    const { clock, open, write, emulator } = emulatedTable({ shards: 2 })
    write(5)
    await clock.advance(2_000)
    const coordinator = open()
    await clock.run(coordinator.moveTo('latest'))
    const written = write(5)
    emulator.split()
    written.push(...write(5))
    emulator.expireIterators()
    expect(numbersOf(await drain(coordinator, clock)).sort((a, b) => a - b)).toEqual(written)
  })

  it('reading from latest delivers no old records even if a LATEST iterator points before the end of the shard', async () => {
    const { clock, open, write } = emulatedTable({ behavior: { latestOffset: 5 } })
    write(10)
    await clock.advance(5_000)
    const coordinator = open()
    await clock.run(coordinator.moveTo('latest'))
    expect(await drain(coordinator, clock)).toEqual([])
    const written = write(2)
    expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  })

  it('reading from latest uses the time of the service, not that of a wrong local clock', async () => {
    const { clock, open, write, emulator } = emulatedTable({ behavior: { clockSkewMs: -3_600_000 } })
    write(3)
    await clock.advance(5_000)
    const coordinator = open()
    await clock.run(coordinator.moveTo('latest'))
    const token = coordinator.token
    const written = write(3)
    expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
    const again = open({ client: emulator.client() })
    await clock.run(again.moveTo(token))
    expect(numbersOf(await drain(again, clock))).toEqual(written)
  })
})

describe('position Date', () => {
  it('reading from a Date delivers every record from that second on, and none from before', async () => {
    const { clock, open, write, emulator } = emulatedTable({ shards: 2 })
    write(10)
    await clock.advance(10_000)
    const from = new Date(clock.now() + 400)
    const written = write(5)
    emulator.split()
    await clock.advance(10_000)
    written.push(...write(5))
    const coordinator = open()
    await clock.run(coordinator.moveTo(from))
    expect(numbersOf(await drain(coordinator, clock)).sort((a, b) => a - b)).toEqual(written)
  })

  it('the requested Date remains in the token until a record has been delivered', async () => {
    const { clock, open, write } = emulatedTable()
    write(3)
    await clock.advance(10_000)
    const from = new Date(clock.now())
    const coordinator = open()
    await clock.run(coordinator.moveTo(from))
    await drain(coordinator, clock)
    expect(coordinator.token.shards.map(({ at }) => at)).toEqual([{ since: from.getTime() }])
  })

  it('reading from a Date in the future behaves like reading from latest', async () => {
    const { clock, open, write } = emulatedTable()
    write(3)
    await clock.advance(2_000)
    const coordinator = open()
    await clock.run(coordinator.moveTo(new Date(clock.now() + 3_600_000)))
    const written = write(3)
    expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  })

  it('reading from a Date half an hour ago opens only the last generation of a day of shards', async () => {
    const { clock, open, write, emulator } = emulatedTable({ shards: 4 })
    for (let generation = 0; generation < 6; generation++) {
      write(40)
      await clock.advance(4 * 3_600_000)
      for (const shard of [...emulator.openShards]) emulator.roll(shard)
    }
    await clock.advance(3_600_000)
    const written = write(10)
    const before = emulator.log.length
    const coordinator = open()
    await clock.run(coordinator.moveTo(new Date(clock.now() - 1_800_000)))
    expect(numbersOf(await drain(coordinator, clock)).sort((a, b) => a - b)).toEqual(written)
    const opened = emulator.log.slice(before).filter(({ op }) => op === 'GetShardIterator')
    expect(opened.length).toBe(4)
  })
})

describe('invalid positions', () => {
  it.each([undefined, null, 42, 'earliest', new Date(Number.NaN), [[]], {}])(
    'the position %o is rejected before any call is made',
    async (position) => {
      const { open, emulator } = emulatedTable()
      const error = await open()
        .moveTo(position as never)
        .catch((thrown: unknown) => thrown)
      expect(isStreamError(error) && error.code).toMatch(/^(position|token)\.invalid$/)
      expect(emulator.log).toEqual([])
    },
  )

  it('a token of another stream is rejected, and the previous position remains in effect', async () => {
    const { open, write, clock } = emulatedTable()
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const written = write(2)
    const token = {
      ...coordinator.token,
      streamArn: coordinator.streamArn.replace('table/table', 'table/other'),
    }
    await expect(coordinator.moveTo(token)).rejects.toMatchObject({
      code: 'token.streamMismatch',
      message: expect.stringMatching(/ Use another position, or read the stream of the token\.$/),
    })
    expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  })

  it('next() and token fail before the first moveTo()', async () => {
    const { open } = emulatedTable()
    await expect(open().next()).rejects.toMatchObject({ code: 'position.invalid' })
    expect(() => open().token).toThrow(/moveTo/)
  })
})

describe('moveTo', () => {
  it('moveTo() leaves the previous position in effect when the stream cannot be listed', async () => {
    const { open, write, clock, emulator } = emulatedTable()
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    write(3)
    const first = await clock.run(coordinator.next())
    emulator.on('DescribeStream', {}, { fail: 'AccessDeniedException' })
    await expect(clock.run(coordinator.moveTo('latest'))).rejects.toMatchObject({
      name: 'AccessDeniedException',
    })
    expect(numbersOf([first as never, ...(await drain(coordinator, clock))])).toEqual([0, 1, 2])
  })

  it('moveTo() discards buffered records and late responses of the previous position', async () => {
    const { open, write, clock, emulator } = emulatedTable({ shards: 2 })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    write(6)
    emulator.on('GetRecords', {}, { delayMs: 2_000 })
    const pending = coordinator.next()
    await clock.advance(100)
    await clock.run(coordinator.moveTo('trim_horizon'))
    const records = [await clock.run(pending), ...(await drain(coordinator, clock))]
    expect(numbersOf(records as never).sort()).toEqual([0, 1, 2, 3, 4, 5])
  })
})
