import { describe, expect, it } from 'vitest'
import type { Behavior } from '../../src/testing/index.ts'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf, sorted } from '../support/read.ts'

describe('unusual responses', () => {
  it.each<[string, Partial<Behavior>]>([
    ['records have no timestamp', { timestamps: 'missing' }],
    ['timestamps are truncated to the minute', { timestamps: 'minute' }],
    ['timestamps are off by several seconds in both directions', { timestampJitterMs: 5_000 }],
    [
      'records lack all optional members',
      {
        timestamps: 'missing',
        omitFromRecords: [
          'awsRegion',
          'eventID',
          'eventSource',
          'eventVersion',
          'SizeBytes',
          'StreamViewType',
          'userIdentity',
        ],
      },
    ],
    ['shards have no first sequence number', { omitFromShards: ['startingSequenceNumber'] }],
    ['shards are listed in reverse order', { listingOrder: 'reversed', shardsPerPage: 2 }],
    ['shards are listed in a different order each time', { listingOrder: 'shuffled', shardsPerPage: 3 }],
    [
      'a full last page of the listing names a next page',
      { exactFullLastPage: 'has-next-key', shardsPerPage: 1 },
    ],
    ['new iterators return empty pages first', { emptyPagesAtStart: 4 }],
    ['records become readable a second after they were written', { readLagMs: 1_000 }],
  ])('every record is delivered, and parents before children, although %s', async (_, behavior) => {
    const { emulator, clock, open, write } = emulatedTable({ shards: 2, behavior })
    const coordinator = open({ pageSize: 3 })
    await clock.run(coordinator.moveTo('trim_horizon'))
    const written: number[] = []
    const records = []
    for (let step = 0; step < 6; step++) {
      written.push(...write(5))
      if (step % 2 === 0) emulator.split()
      else emulator.roll()
      await clock.advance(1_500)
      records.push(...(await drain(coordinator, clock)))
    }
    written.push(...write(5))
    await clock.advance(2_000)
    records.push(...(await drain(coordinator, clock)))
    expect(sorted(numbersOf(records))).toEqual(written)

    const lastOf = new Map<string, number>()
    for (const [index, { shardId }] of records.entries()) lastOf.set(shardId, index)
    for (const [index, { shardId }] of records.entries()) {
      const { parentId } = emulator.shard(shardId)
      if (parentId !== undefined) expect(lastOf.get(parentId) ?? -1).toBeLessThan(index)
    }
  })

  it('records without images and timestamps are delivered with their keys', async () => {
    const { emulator, clock, open } = emulatedTable({
      viewType: 'KEYS_ONLY',
      behavior: { timestamps: 'missing' },
    })
    emulator.put({ id: 'a' })
    emulator.remove({ id: 'a' }, { ttl: true })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const records = await drain(coordinator, clock)
    expect(records.map(({ eventName, keys, newImage }) => [eventName, keys, newImage])).toEqual([
      ['INSERT', { id: 'a' }, undefined],
      ['REMOVE', { id: 'a' }, undefined],
    ])
  })
})

it.each(['in process', 'through the SDK'] as const)(
  'a record with unknown members and an unknown event name is delivered (%s)',
  async (route) => {
    const { emulator, clock, open } = emulatedTable()
    emulator.put({ id: 'a' }, { unknownFields: { novelty: { deep: [1] } }, eventName: 'REPLACE' })
    const coordinator = open(route === 'in process' ? {} : { client: emulator.client() })
    await clock.run(coordinator.moveTo('trim_horizon'))
    const [record] = await drain(coordinator, clock)
    expect(record?.keys).toEqual({ id: 'a' })
    expect(record?.eventName).toBe('REPLACE')
    // `raw` is the record as the client returns it, and the SDK omits members that its model lacks.
    expect('novelty' in (record?.raw ?? {})).toBe(route === 'in process')
    expect(record?.raw.eventID).toBe(emulator.records[0]?.eventId)
  },
)

it.each([null, 'text', 5, undefined])(
  'a page with %j in place of a record is fetched again and loses no record',
  async (malformed) => {
    const { emulator, clock, open, write } = emulatedTable({ shards: 2 })
    const written = write(20)
    let pages = 0
    const client = {
      ...emulator.api,
      readRecords: async (...request: Parameters<typeof emulator.api.readRecords>) => {
        const page = await emulator.api.readRecords(...request)
        return ++pages <= 2 ? { ...page, records: [...page.records.slice(0, 2), malformed as never] } : page
      },
    }
    const coordinator = open({ client })
    await clock.run(coordinator.moveTo('trim_horizon'))
    expect(sorted(numbersOf(await drain(coordinator, clock)))).toEqual(written)
    expect(pages).toBeGreaterThan(2)
  },
)
