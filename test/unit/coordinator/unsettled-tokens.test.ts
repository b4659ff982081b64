import { describe, expect, it } from 'vitest'
import type { ShardToken, StreamToken } from '../../../src/index.ts'
import type { Delivery } from '../../../src/shards/shard-ledger.ts'
import { collectEvents, emulatedTable } from '../../support/emulated-table.ts'
import { drain, numbersOf, range } from '../../support/read.ts'
import { keyHashOf, numbersIn, takeAll, trackByKey } from '../../support/unsettled.ts'

const HOUR = 3_600_000

/** Reads the records 0 to 5 of one shard, and settles all but 1 and 3. */
async function partlySettled(options: Parameters<typeof emulatedTable>[0] = {}, byKey = true) {
  const table = emulatedTable(options)
  const { clock, open, write } = table
  write(6)
  const first = open()
  await clock.run(first.moveTo('trim_horizon'))
  const deliveries = await takeAll(first, clock)
  if (byKey) trackByKey(deliveries)
  for (const index of [0, 2, 4, 5]) deliveries[index]?.settle()
  const token = first.token
  return { ...table, first, deliveries, token }
}

const sequenceNumbers = (deliveries: readonly Delivery[]) =>
  deliveries.map(({ sequenceNumber }) => sequenceNumber)

describe('a token with unsettled records', () => {
  it('a token saved while two of six records are unsettled delivers exactly these two again', async () => {
    const { clock, open, token, deliveries, first } = await partlySettled()
    const numbers = sequenceNumbers(deliveries)
    expect(token.shards).toMatchObject([
      {
        at: { after: numbers[0] },
        through: numbers[5],
        unsettled: [
          { from: numbers[1], key: keyHashOf(deliveries[1]), attempts: 0 },
          { from: numbers[3], key: keyHashOf(deliveries[3]), attempts: 0 },
        ],
      },
    ])
    await first.close()
    const second = open()
    await clock.run(second.moveTo(JSON.stringify(token)))
    expect(second.token).toEqual(token)
    expect(numbersOf(await drain(second, clock))).toEqual([1, 3])
    expect(second.token.shards).toEqual([{ shardId: token.shards[0]?.shardId, at: { after: numbers[5] } }])
  })

  it('moveTo() to the token of a reader makes its earlier deliveries harmless', async () => {
    const { clock, deliveries, token, first } = await partlySettled()
    await clock.run(first.moveTo(token))
    expect(deliveries[1]?.settle()).toBe(true)
    expect(first.token).toEqual(token)
    expect(numbersIn(await takeAll(first, clock))).toEqual([1, 3])
  })

  it('a loaded token is saved unchanged while nothing is read, whichever order it was written in', async () => {
    for (const byKey of [true, false]) {
      const { clock, open, token } = await partlySettled({}, byKey)
      const second = open()
      await clock.run(second.moveTo(token))
      expect(second.token).toEqual(token)
      expect(await takeAll(second, clock)).toHaveLength(2)
      expect(second.token.shards[0]?.through).toBe(token.shards[0]?.through)
      expect(second.token.shards[0]?.unsettled).toHaveLength(2)
    }
  })

  it('the lag counts from the oldest unsettled record, also after a restart', async () => {
    const { clock, open, first, token } = await partlySettled()
    await clock.advance(3 * HOUR)
    expect(first.lag().retentionHeadroomMs).toBeLessThan(21 * HOUR + 60_000)
    await first.close()
    const second = open()
    await clock.run(second.moveTo(token))
    await takeAll(second, clock)
    expect(second.lag().retentionHeadroomMs).toBeLessThan(21 * HOUR + 60_000)
    expect(second.lag().millisBehindLatest).toBeGreaterThan(3 * HOUR - 60_000)
  })

  it('thousands of settled records are skipped, and the reader waits for more at the end of them', async () => {
    const { clock, open, write } = emulatedTable()
    write(5_000)
    const first = open()
    await clock.run(first.moveTo('trim_horizon'))
    const deliveries = await takeAll(first, clock)
    for (const delivery of deliveries.slice(1)) delivery.settle()
    const token = first.token
    await first.close()
    const second = open()
    await clock.run(second.moveTo(token))
    expect(numbersOf(await drain(second, clock))).toEqual([0])
    const written = write(1)
    await clock.advance(10_000)
    expect(numbersOf(await drain(second, clock))).toEqual(written)
    // The same with records that are taken as a run does it.
    const third = open()
    await clock.run(third.moveTo(token))
    expect(numbersIn(await takeAll(third, clock))).toEqual([0, 5_000])
  })

  it('one call skips at most a thousand settled records before the event loop gets a turn', async () => {
    const { clock, open, write } = emulatedTable()
    write(3_000)
    const first = open()
    await clock.run(first.moveTo('trim_horizon'))
    const deliveries = await takeAll(first, clock)
    for (const delivery of deliveries.slice(0, -1)) if (delivery !== deliveries[0]) delivery.settle()
    const second = open()
    await clock.run(second.moveTo(first.token))
    const never = new AbortController().signal
    let [calls, delivery] = [0, second.takeAvailable()]
    while (delivery?.record.newImage?.n !== 2_999) {
      if (delivery === undefined) await clock.run(second.progress(never))
      delivery = second.takeAvailable()
      calls++
    }
    expect(calls).toBeGreaterThan(3)
  })
})

describe('ancestors of a shard with unsettled records', () => {
  /** P has an unsettled record, its child C was read to its end, and the grandchild G has been started. */
  async function threeGenerations() {
    const table = emulatedTable()
    const { clock, emulator, open, write } = table
    write(2)
    const child = emulator.roll()
    write(2)
    emulator.roll()
    write(2)
    const first = open()
    await clock.run(first.moveTo('trim_horizon'))
    const deliveries = await takeAll(first, clock)
    trackByKey(deliveries)
    expect(numbersIn(deliveries)).toEqual(range(0, 5))
    deliveries[1]?.track({
      itemKey: deliveries[1].record.itemKey,
      progress: () => ({ attempts: 1, since: 1, isRunning: false, finishedTasks: [], error: undefined }),
    })
    for (const index of [0, 2, 3, 4]) deliveries[index]?.settle()
    const { token } = first
    const [parent, , grandchild] = emulator.shards
    expect(token.shards.map(({ shardId }) => shardId)).toEqual([parent?.shardId, grandchild?.shardId])
    await first.close()
    return { ...table, token, child, parent }
  }

  it.each(['listed', 'hidden'])(
    'an unsettled record of a parent is delivered before those of its grandchild, if the child in between is %s',
    async (visibility) => {
      const { clock, open, token, write, emulator, child, parent } = await threeGenerations()
      if (visibility === 'hidden') emulator.hide(child, { ms: 200_000 })
      // After a minute of failures, the merge no longer waits for the parent, but the grandchild does.
      const succeedAgain = emulator.on(
        'GetRecords',
        { shard: parent as never, times: Number.POSITIVE_INFINITY },
        { fail: 'ProvisionedThroughputExceededException' },
      )
      const second = open()
      await clock.run(second.moveTo(token))
      expect(second.token).toEqual(token)
      for (let round = 0; round < 4; round++) expect(await takeAll(second, clock)).toEqual([])
      succeedAgain()
      const deliveries = await takeAll(second, clock)
      expect(numbersIn(deliveries)).toEqual([1, 5])
      expect(deliveries[0]?.resumed?.attempts).toBe(1)
      for (const delivery of deliveries) delivery.settle()
      await clock.advance(200_000)
      write(1)
      await clock.advance(10_000)
      expect(numbersOf(await drain(second, clock))).toEqual([6])
      expect(second.token.shards).toHaveLength(1)
    },
  )

  it('the grandchild is read if parent and child have expired, and the unsettled record is lost with its shard', async () => {
    const { clock, open, token, parent, write } = await threeGenerations()
    await clock.advance(25 * HOUR)
    const written = write(1)
    const second = open({ onGap: 'continue' })
    const gaps = collectEvents(second, 'gap')
    await clock.run(second.moveTo(token))
    await clock.advance(400_000)
    expect(numbersIn(await takeAll(second, clock))).toEqual(written)
    expect(gaps.map(({ shardId }) => shardId)).toContain(parent?.shardId)
    expect(second.lostUnsettled).toBe(1)
  })

  it('a finished shard whose record stays unsettled is in the token, and not as read to its end', async () => {
    const { clock, emulator, open, write } = emulatedTable()
    write(1)
    emulator.roll()
    const reader = open()
    await clock.run(reader.moveTo('trim_horizon'))
    const [only] = await takeAll(reader, clock)
    const [parent] = emulator.shards
    expect(reader.token.shards.map(({ shardId, at }) => [shardId, at])).toContainEqual([
      parent?.shardId,
      'start',
    ])
    only?.settle()
    expect(reader.token.shards.map(({ shardId }) => shardId)).not.toContain(parent?.shardId)
  })
})

describe.each(['at-iterator', 'at-records'] as const)(
  'trimmed records of a token with unsettled ones (trimmedErrorAt: %s)',
  (trimmedErrorAt) => {
    /** Records 0 to 5 are 12 hours older than 6 to 9. `unsettled` are those that are not settled. */
    async function halfTrimmed(unsettled: readonly number[], byKey = true) {
      const table = emulatedTable({ behavior: { trimmedErrorAt } })
      const { clock, open, write } = table
      write(6)
      const first = open()
      await clock.run(first.moveTo('trim_horizon'))
      // The position is a sequence number, not the start of the shard.
      await clock.run(first.next())
      const deliveries = await takeAll(first, clock)
      await clock.advance(12 * HOUR)
      write(4)
      await clock.advance(10_000)
      deliveries.push(...(await takeAll(first, clock)))
      if (byKey) trackByKey(deliveries)
      for (const delivery of deliveries) {
        if (!unsettled.includes(numbersIn([delivery])[0] as number)) delivery.settle()
      }
      const token = first.token
      await first.close()
      await clock.advance(13 * HOUR)
      const numbers = table.emulator.records.map(({ sequenceNumber }) => sequenceNumber)
      return { ...table, token, numbers }
    }

    /** The token with the position after record 2, and with other fields of its only shard. */
    function behind(token: StreamToken, numbers: readonly string[], more: Partial<ShardToken>): StreamToken {
      const { unsettled: _, ...shard } = token.shards[0] as ShardToken
      return { ...token, shards: [{ ...shard, at: { after: numbers[2] as string }, ...more }] }
    }

    it.each([true, false])(
      'trimmed records before the oldest unsettled one are no gap (entries by key: %s)',
      async (byKey) => {
        const { clock, open, write, token, numbers } = await halfTrimmed([6, 8], byKey)
        expect(token.shards[0]?.at).toEqual({ after: numbers[5] })
        const written = write(1)
        for (const saved of [
          token,
          behind(token, numbers, { unsettled: token.shards[0]?.unsettled ?? [] }),
        ]) {
          const second = open()
          const gaps = collectEvents(second, 'gap')
          await clock.run(second.moveTo(saved))
          expect(second.token).toEqual(saved)
          expect(numbersIn(await takeAll(second, clock))).toEqual([6, 8, ...written])
          expect([gaps, second.lostUnsettled]).toEqual([[], 0])
          await second.close()
        }
      },
    )

    it('trimmed records are no gap if everything up to a retained record is settled', async () => {
      const { clock, open, write, token, numbers } = await halfTrimmed([6])
      const written = write(1)
      const second = open()
      const gaps = collectEvents(second, 'gap')
      await clock.run(second.moveTo(behind(token, numbers, {})))
      expect(numbersIn(await takeAll(second, clock))).toEqual(written)
      expect(gaps).toEqual([])
    })

    it('a number of an entry that the service does not accept is a gap if the position was trimmed', async () => {
      const { clock, emulator, open, token, numbers } = await halfTrimmed([6, 8])
      // The first call opens the shard at the position of the token, and the second one at the entry.
      emulator.on('GetShardIterator', { nth: 2 }, { fail: 'ValidationException' })
      const second = open()
      await clock.run(second.moveTo(behind(token, numbers, { unsettled: token.shards[0]?.unsettled ?? [] })))
      await expect(takeAll(second, clock)).rejects.toMatchObject({ code: 'records.trimmed' })
    })

    it('a trimmed unsettled record is an error, and the token does not change', async () => {
      const { clock, open, token } = await halfTrimmed([2, 7])
      const second = open()
      await clock.run(second.moveTo(token))
      await expect(takeAll(second, clock)).rejects.toMatchObject({ code: 'records.trimmed' })
      expect(second.token).toEqual(token)
    })

    it('a trimmed unsettled record is counted as lost if onGap is "continue", and the others are delivered', async () => {
      const { clock, open, token, write } = await halfTrimmed([2, 3, 7])
      const second = open({ onGap: 'continue' })
      const gaps = collectEvents(second, 'gap')
      await clock.run(second.moveTo(token))
      const written = write(1)
      const deliveries = await takeAll(second, clock)
      expect(numbersIn(deliveries)).toEqual([7, ...written])
      expect(gaps).toHaveLength(1)
      expect(second.lostUnsettled).toBe(2)
      for (const delivery of deliveries) delivery.settle()
      const third = open()
      await clock.run(third.moveTo(second.token))
      expect(await takeAll(third, clock)).toEqual([])
    })

    it('records after the last settled one that were trimmed are a gap', async () => {
      const { clock, open, token, write } = await halfTrimmed([9])
      await clock.advance(24 * HOUR)
      write(1)
      const second = open()
      await clock.run(second.moveTo(token))
      await expect(takeAll(second, clock)).rejects.toMatchObject({ code: 'records.trimmed' })
    })

    it('a shard that was read from its oldest retained record loses an unsettled record only with a gap', async () => {
      const { clock, open, write } = emulatedTable({ behavior: { trimmedErrorAt } })
      write(1)
      await clock.advance(25 * HOUR)
      write(3)
      const first = open()
      await clock.run(first.moveTo('trim_horizon'))
      const deliveries = await takeAll(first, clock)
      deliveries[1]?.settle()
      const { token } = first
      expect(token.shards[0]).toMatchObject({ at: { since: 0 }, unsettled: [{ attempts: 0 }] })
      const retained = open()
      await clock.run(retained.moveTo(token))
      expect(numbersIn(await takeAll(retained, clock))).toEqual([1, 3])
      await clock.advance(25 * HOUR)
      write(1)
      const second = open()
      await clock.run(second.moveTo(token))
      await expect(takeAll(second, clock)).rejects.toMatchObject({ code: 'records.trimmed' })
      const third = open({ onGap: 'continue' })
      await clock.run(third.moveTo(token))
      expect(numbersIn(await takeAll(third, clock))).toEqual([4])
      expect(third.lostUnsettled).toBe(1)
    })

    it('a trimmed record that was attempted is a gap, even if whatever is retained was requested', async () => {
      const { clock, open, write } = emulatedTable({ behavior: { trimmedErrorAt } })
      write(1)
      await clock.advance(25 * HOUR)
      write(2)
      const first = open()
      await clock.run(first.moveTo('trim_horizon'))
      const [failing] = await takeAll(first, clock)
      const progress = { attempts: 1, since: 1, isRunning: true, finishedTasks: [], error: undefined }
      failing?.track({ itemKey: undefined, progress: () => progress })
      const { token } = first
      expect(token.shards[0]).toMatchObject({ at: { since: 0 }, unsettled: [{ running: true }] })
      expect(token.shards[0]).not.toHaveProperty('through')
      await clock.advance(25 * HOUR)
      write(1)
      const second = open()
      await clock.run(second.moveTo(token))
      await expect(takeAll(second, clock)).rejects.toMatchObject({ code: 'records.trimmed' })
      expect(second.token).toEqual(token)
      const third = open({ onGap: 'continue' })
      const gaps = collectEvents(third, 'gap')
      await clock.run(third.moveTo(token))
      expect(numbersIn(await takeAll(third, clock))).toEqual([3])
      expect([gaps.length, third.lostUnsettled]).toEqual([1, 1])
    })

    it('records that are being processed while later ones are trimmed stay in the token and can be settled', async () => {
      const { clock, open, write } = emulatedTable({ behavior: { trimmedErrorAt } })
      write(3)
      const reader = open({ onGap: 'continue' })
      await clock.run(reader.moveTo('trim_horizon'))
      const deliveries = await takeAll(reader, clock)
      trackByKey(deliveries)
      deliveries[0]?.settle()
      deliveries[2]?.settle()
      write(2)
      clock.suspend(25 * HOUR)
      write(1)
      expect(numbersIn(await takeAll(reader, clock))).toEqual([5])
      expect(reader.token.shards[0]).toMatchObject({
        at: { after: deliveries[0]?.sequenceNumber },
        through: deliveries[2]?.sequenceNumber,
        unsettled: [{ from: deliveries[1]?.sequenceNumber }],
      })
      deliveries[1]?.settle()
      expect(reader.token.shards[0]?.unsettled).toBeUndefined()
    })
  },
)
