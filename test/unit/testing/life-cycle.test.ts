import { expect, test } from 'vitest'
import { describe, hour, listedIds, never, open, read, root, setUp, write } from './helpers.ts'

test('disable() closes all shards, and their records stay readable for 24 hours', async () => {
  const { clock, emulator } = setUp({ shards: 2 })
  write(emulator, 10)
  emulator.disable()
  expect(emulator.put({ id: 'later' })).toBeUndefined()
  const { status, shards } = await describe(emulator)
  expect(status).toBe('DISABLED')
  expect(shards.every(({ endingSequenceNumber }) => endingSequenceNumber !== undefined)).toBe(true)
  clock.jump(23 * hour)
  const pages = await Promise.all(
    shards.map(async ({ shardId }) => read(emulator, await open(emulator, shardId))),
  )
  expect(pages.flatMap(({ records }) => records)).toHaveLength(10)
  expect(pages.map(({ nextIterator }) => nextIterator)).toEqual([undefined, undefined])
  clock.jump(1 * hour)
  await expect(describe(emulator)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
})

test('a stream has the status DISABLING or ENABLING for takesMs', async () => {
  const { clock, emulator } = setUp()
  emulator.disable({ takesMs: 1_000 })
  expect((await describe(emulator)).status).toBe('DISABLING')
  clock.jump(1_000)
  expect((await describe(emulator)).status).toBe('DISABLED')
  emulator.enable({ takesMs: 1_000 })
  expect(await describe(emulator)).toMatchObject({ status: 'ENABLING', shards: [] })
  clock.jump(1_000)
  expect((await describe(emulator)).status).toBe('ENABLED')
  expect(await listedIds(emulator)).toHaveLength(1)
})

test('enable() creates a new stream with a different ARN, even in the same millisecond', async () => {
  const { emulator } = setUp()
  const first = emulator.streamArn
  const before = emulator.put({ id: 'a', n: 1 })
  emulator.disable()
  const second = emulator.enable({ shards: 3, viewType: 'KEYS_ONLY' })
  const after = emulator.put({ id: 'a', n: 2 })
  expect(second).toBe(emulator.streamArn)
  expect(second).not.toBe(first)
  expect(emulator.shards.map(({ parentId }) => parentId)).toEqual([undefined, undefined, undefined])
  expect(after?.raw.dynamodb?.NewImage).toBeUndefined()
  expect(emulator.records).toEqual([before, after])
  expect((await emulator.api.listShards({ streamArn: first }, never)).shards[0]?.shardId).toBe(
    before?.shardId,
  )
})

test('enable() throws if the stream is enabled, and disable() does nothing if it is disabled', () => {
  const { emulator } = setUp()
  expect(() => emulator.enable()).toThrow('still enabled')
  emulator.disable()
  const entries = emulator.log.length
  emulator.disable()
  expect(emulator.log).toHaveLength(entries)
})

test('deleteTable() deletes the stream too, and recreateTable() creates an empty table with a new stream', async () => {
  const { emulator } = setUp()
  emulator.put({ id: 'a' })
  const first = emulator.streamArn
  const iterator = await open(emulator, root(emulator))
  emulator.deleteTable()
  await expect(read(emulator, iterator)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  expect(() => emulator.put({ id: 'a' })).toThrow('deleted')
  const second = emulator.recreateTable()
  expect(second).not.toBe(first)
  expect(emulator.put({ id: 'a' })?.eventName).toBe('INSERT')
  await expect(emulator.api.listShards({ streamArn: first }, never)).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  })
})

test('recreateTable() throws if the table was not deleted, and enable() if it was', () => {
  const { emulator } = setUp()
  expect(() => emulator.recreateTable()).toThrow('The table was not deleted. Call deleteTable() first.')
  emulator.disable()
  expect(() => emulator.recreateTable()).toThrow('The table was not deleted. Call deleteTable() first.')
  emulator.deleteTable()
  const entries = emulator.log.length
  expect(() => emulator.enable()).toThrow('The table was deleted. Call recreateTable() instead.')
  expect(emulator.log).toHaveLength(entries)
})

test("the stream of a deleted table stays readable with streams: 'readable'", async () => {
  const { emulator } = setUp()
  write(emulator, 2)
  emulator.deleteTable({ streams: 'readable' })
  const page = await read(emulator, await open(emulator, root(emulator)))
  expect([page.records.length, page.nextIterator]).toEqual([2, undefined])
})
