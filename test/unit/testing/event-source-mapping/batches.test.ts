import { describe, expect, it } from 'vitest'
import type { EmulatedRecord } from '../../../../src/testing/index.ts'
import { batchesOf, idsIn, idsOf, mappingFixture, throwsFor } from './fixture.ts'

const succeed = async () => {}

describe('how a mapping forms batches', () => {
  it('a batch has up to BatchSize records', async () => {
    const { put, process } = mappingFixture()
    put(1, 2, 3, 4, 5)
    expect(batchesOf(await process(succeed, { BatchSize: 2 }))).toEqual(['12', '34', '5'])
  })

  it('by default, a batch has up to 100 records', async () => {
    const { emulator, process } = mappingFixture()
    emulator.fill({ records: 101 })
    const mapping = await process(succeed)
    expect(mapping.invocations.map(({ records }) => records.length)).toEqual([100, 1])
  })

  it('an event has at most 6 MB', async () => {
    const { emulator, process } = mappingFixture()
    for (let n = 0; n < 20; n++) emulator.put({ id: `${n}`, large: 'x'.repeat(399_000) })
    const sizes: number[] = []
    const mapping = await process(async (event) => {
      sizes.push(Buffer.byteLength(JSON.stringify(event)))
    })
    expect(mapping.invocations.map(({ records }) => records.length)).toEqual([15, 5])
    expect(Math.max(...sizes)).toBeLessThanOrEqual(6 * 1024 * 1024)
  })

  it('without a batching window, records are delivered within a second, in a batch that is not full', async () => {
    const { clock, put, start } = mappingFixture()
    const mapping = start(succeed)
    put(1)
    await clock.advance(1_000)
    put(2, 3)
    await clock.advance(1_000)
    expect(batchesOf(mapping)).toEqual(['1', '23'])
    await mapping.close()
  })

  it('a batching window gathers records until it ends or the batch is full', async () => {
    const { clock, put, start } = mappingFixture()
    const mapping = start(succeed, { MaximumBatchingWindowInSeconds: 10, BatchSize: 3 })
    put(1)
    await clock.advance(6_000)
    put(2)
    await clock.advance(3_500)
    expect(batchesOf(mapping)).toEqual([])
    await clock.advance(1_000)
    expect(batchesOf(mapping)).toEqual(['12'])
    put(3, 4, 5, 6)
    await clock.advance(1_000)
    expect(batchesOf(mapping)).toEqual(['12', '345'])
    await clock.run(mapping.drain())
    expect(batchesOf(mapping)).toEqual(['12', '345', '6'])
    await mapping.close()
  })

  it('records are filtered before they are gathered, and filtered ones are not invoked but passed', async () => {
    const { emulator, put, process } = mappingFixture()
    put(1, 2)
    emulator.remove({ id: '1' })
    put(3)
    const mapping = await process(succeed, {
      BatchSize: 2,
      FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT"]}' }] },
    })
    expect(batchesOf(mapping)).toEqual(['12', '3'])
    expect(mapping.filtered.map(({ eventName }) => eventName)).toEqual(['REMOVE'])
  })

  it('a mapping whose filter matches nothing never invokes the function', async () => {
    const { put, process } = mappingFixture()
    put(1, 2)
    const mapping = await process(succeed, {
      FilterCriteria: { Filters: [{ Pattern: '{"eventName":["REMOVE"]}' }] },
    })
    expect(mapping.invocations).toEqual([])
    expect(idsOf(mapping.filtered)).toBe('12')
  })
})

describe('the order of a mapping', () => {
  it('two shards are processed concurrently, and one that fails does not delay the other', async () => {
    const { clock, emulator, put, start } = mappingFixture({ shards: 2 })
    const [left, right] = emulator.shards.map((shard) => emulator.keyForShard(shard)) as [string, string]
    put(left, right, left)
    const mapping = start(throwsFor(left), { BatchSize: 1 })
    await clock.advance(60_000)
    expect(idsOf(mapping.handled)).toBe(right)
    expect(batchesOf(mapping).filter((ids) => ids === left).length).toBeGreaterThan(3)
    await mapping.close()
  })

  it('the children of a shard wait until all its records are done, and so do their children', async () => {
    const { clock, emulator, put, start } = mappingFixture()
    put(1, 2)
    const [child] = emulator.split()
    emulator.roll(child) // closed without a record
    put(1, 2)
    let isBroken = true
    const mapping = start(async (event) => {
      if (isBroken && idsIn(event).includes('2')) throw new Error('The handler has failed.')
    })
    await clock.advance(10 * 60_000)
    expect(new Set(batchesOf(mapping))).toEqual(new Set(['12']))
    isBroken = false
    await clock.run(mapping.drain())
    const { handled } = mapping
    expect(handled.slice(0, 2).map(({ shardId }) => shardId)).toEqual(
      Array(2).fill(emulator.shards[0]?.shardId),
    )
    expect(handled).toHaveLength(4)
    await mapping.close()
  })

  it('a ParallelizationFactor processes the keys of a shard concurrently, and each key in order', async () => {
    const { clock, put, start } = mappingFixture()
    const ids = Array.from({ length: 40 }, (_, n) => `${n % 20},`)
    const written = put(...ids)
    const running = new Set<string>()
    let most = 0
    const mapping = start(
      async (event, { awsRequestId }) => {
        running.add(awsRequestId)
        most = Math.max(most, running.size)
        await new Promise<void>((resolve) => clock.setTimer(100, resolve))
        running.delete(awsRequestId)
        expect(event.Records.length).toBeLessThanOrEqual(2)
      },
      { ParallelizationFactor: 4, BatchSize: 2, random: Math.random },
    )
    await clock.run(mapping.drain())
    expect(most).toBe(4)
    const versions = (records: readonly EmulatedRecord[], id: unknown) =>
      records.filter(({ key }) => key.id === id).map(({ sequenceNumber }) => sequenceNumber)
    for (const id of new Set(ids)) expect(versions(mapping.handled, id)).toEqual(versions(written, id))
    await mapping.close()
  })

  it('with a ParallelizationFactor, a key that fails delays only the keys of its lane', async () => {
    const { clock, put, start } = mappingFixture()
    put('poison', ...Array.from({ length: 100 }, (_, n) => n))
    const mapping = start(throwsFor('poison'), { ParallelizationFactor: 10, BatchSize: 1 })
    await clock.advance(60_000)
    expect(mapping.handled.length).toBeGreaterThan(70)
    expect(mapping.handled.length).toBeLessThan(100)
    await mapping.close()
  })
})

describe('where a mapping starts', () => {
  it('at TRIM_HORIZON, it starts at the oldest record that is not trimmed', async () => {
    const { emulator, put, process } = mappingFixture()
    const [first] = put(1, 2, 3)
    emulator.trim({ shard: first?.shardId ?? '', through: first?.sequenceNumber })
    const mapping = await process(succeed)
    expect(batchesOf(mapping)).toEqual(['23'])
    expect(mapping.discarded).toEqual([])
  })

  it('at LATEST, it skips the records that were written before', async () => {
    const { clock, emulator, put, start } = mappingFixture()
    put(1, 2)
    const mapping = start(succeed, { StartingPosition: 'LATEST' })
    put(3)
    emulator.split()
    put(4)
    await clock.run(mapping.drain())
    expect(batchesOf(mapping)).toEqual(['3', '4'])
    await mapping.close()
  })

  it('it reads only the stream that was current when it was created', async () => {
    const { clock, emulator, put, start } = mappingFixture()
    put(1)
    emulator.disable()
    emulator.enable()
    put(2)
    const mapping = start(succeed)
    emulator.split()
    put(3)
    emulator.disable()
    emulator.enable()
    put(4)
    await clock.run(mapping.drain())
    expect(batchesOf(mapping)).toEqual(['2', '3'])
    await mapping.close()
  })
})
