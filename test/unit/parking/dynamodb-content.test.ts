import { randomBytes } from 'node:crypto'
import type { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { describe, expect, test } from 'vitest'
import type { Item } from '../../../src/checkpoints/dynamodb-table.ts'
import {
  addRecord,
  deletePart,
  deleteRecord,
  packContent,
  readRecordItem,
  replaceRecord,
  unpackContent,
} from '../../../src/parking/dynamodb-content.ts'
import { type ParkingTable, positionOf, type Write } from '../../../src/parking/dynamodb-items.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'

const keyHash = 'a'.repeat(22)
const position = 'stream/0001'

/** A table that serves the items of these writes. */
function tableWith(writes: readonly Write[]): ParkingTable {
  const items = new Map(writes.map(({ key, action }) => [key.part, action.Put?.Item]))
  const send = async ({ input }: GetItemCommand) => ({ Item: items.get(input.Key?.part?.S ?? '') })
  const client = { send } as unknown as DynamoDBClient
  return { client, tableName: 'parking', run: 'run', clock: new ManualClock() }
}

const table = tableWith([])

async function store(content: string) {
  const packed = await packContent(table, keyHash, content)
  const writes = addRecord(table, keyHash, { position, content }, packed, undefined)
  const item = writes.at(-1)?.action.Put?.Item ?? {}
  return { writes, item, record: readRecordItem(table, keyHash, position, item) }
}

/** What JSON contains that is hard to compress. */
function randomText(bytes: number): string {
  return randomBytes(Math.ceil((bytes * 3) / 4))
    .toString('base64')
    .slice(0, bytes)
}

describe('the content of a parked record', () => {
  test('a content of up to 2,000 bytes is stored readably', async () => {
    const content = '字'.repeat(666)
    const { writes, item, record } = await store(content)
    expect(writes).toHaveLength(1)
    expect(item.content).toEqual({ S: content })
    expect(await unpackContent(table, keyHash, record)).toBe(content)
  })

  test('a content of more than 2,000 bytes is compressed', async () => {
    const content = '字'.repeat(667)
    const { writes, item, record } = await store(content)
    expect(writes).toHaveLength(1)
    expect(item.content).toBeUndefined()
    expect(item.data?.B?.length).toBeLessThan(100)
    expect(await unpackContent(table, keyHash, record)).toBe(content)
  })

  test.each([
    [30_000, 0],
    [45_000, 1],
    [460_000, 1],
    [480_000, 2],
    [2_000_000, 5],
  ])('a content of %i random characters needs %i pieces, and none exceeds an item', async (bytes, pieces) => {
    const content = randomText(bytes)
    const { writes, record } = await store(content)
    expect(writes).toHaveLength(pieces + 1)
    for (const { bytes: size } of writes) expect(size).toBeLessThan(400_000)
    expect(await unpackContent(tableWith(writes), keyHash, record)).toBe(content)
  })

  test('a content of more than 16 MiB is refused before any call', async () => {
    const content = 'x'.repeat(16 * 1024 * 1024 + 1)
    await expect(packContent(table, keyHash, content)).rejects.toMatchObject({
      code: 'parking.failed',
      details: { name: 'run', keyHash, operation: 'park' },
      message: 'A record of 16777217 bytes cannot be parked: the limit is 16777216.',
    })
    const largest = await store('x'.repeat(16 * 1024 * 1024))
    expect(await unpackContent(tableWith(largest.writes), keyHash, largest.record)).toHaveLength(16_777_216)
  })

  test('a content of which a piece is missing is undefined', async () => {
    const { writes, record } = await store(randomText(1_000_000))
    for (let missing = 0; missing < writes.length - 1; missing++) {
      const others = tableWith(writes.filter((_, index) => index !== missing))
      expect(await unpackContent(others, keyHash, record)).toBeUndefined()
    }
  })

  test('pieces in another order, and data that was truncated, are reported as damaged', async () => {
    const { writes, record } = await store(randomText(1_000_000))
    const [first, second, ...rest] = writes as [Write, Write, ...Write[]]
    const swapped = [{ ...first, key: second.key }, { ...second, key: first.key }, ...rest]
    const damaged = { code: 'parking.failed', details: { name: 'run', keyHash, operation: 'read' } }
    await expect(unpackContent(tableWith(swapped), keyHash, record)).rejects.toMatchObject(damaged)
    const small = await store('y'.repeat(3_000))
    const data = small.item.data?.B?.subarray(0, -3) ?? new Uint8Array()
    const truncated = readRecordItem(table, keyHash, position, { ...small.item, data: { B: data } })
    await expect(unpackContent(table, keyHash, truncated)).rejects.toMatchObject(damaged)
  })

  test('the error of a damaged record contains nothing of its content', async () => {
    const secret = 'canary'.repeat(500)
    const { item } = await store(secret)
    const texts: Item[] = [{ ...item, content: { S: secret }, data: { S: secret } as never }]
    for (const attributes of texts) {
      expect(() => readRecordItem(table, keyHash, position, attributes)).toThrow(/^(?!.*canary)/)
    }
  })
})

test('the same content is stored under the same keys, and another one under others', async () => {
  const [one, two] = [randomText(900_000), randomText(900_000)]
  const parts = async (content: string) => (await store(content)).writes.map(({ key }) => key.part)
  expect(await parts(one)).toEqual(await parts(one))
  const other = await parts(two)
  expect((await parts(one)).filter((part) => other.includes(part))).toEqual([`record#${position}`])
})

test('replacing a record removes its former content, whatever its form was, and keeps its place', async () => {
  for (const [content, kept] of [
    ['small', 'content'],
    ['x'.repeat(5_000), 'data'],
    [randomText(60_000), 'pieces'],
  ] as const) {
    const packed = await packContent(table, keyHash, content)
    const update = replaceRecord(table, keyHash, { position, content }, packed).at(-1)?.action.Update
    const removed = ['content', 'data', 'pieces'].filter((name) => name !== kept)
    expect(update?.UpdateExpression).toBe(
      `SET #digest = :digest, #${kept} = :${kept} REMOVE ${removed.map((name) => `#${name}`).join(', ')}`,
    )
    expect(update?.ConditionExpression).toBe('attribute_exists(#part)')
  }
})

test('a record is deleted with all of its pieces, and their sizes are not underestimated', async () => {
  const { writes, record } = await store(randomText(1_000_000))
  const deletes = deleteRecord(table, keyHash, record)
  expect(deletes.map(({ key }) => key)).toEqual(writes.map(({ key }) => key))
  for (const [index, { bytes }] of deletes.entries()) {
    expect(bytes).toBeGreaterThanOrEqual(writes[index]?.bytes ?? Number.NaN)
    const { part } = writes[index]?.key ?? { part: '' }
    expect(deletePart(table, keyHash, part)).toEqual(deletes[index])
  }
})

test('the position of a record is found in the keys of its items, whatever characters it has', async () => {
  for (const one of [
    '',
    '#',
    'a#b',
    'piece#',
    'record#x',
    '2026-01-01T00:00:00.000/0042',
    `~${'#'.repeat(99)}`,
  ]) {
    const content = randomText(500_000)
    const packed = await packContent(table, keyHash, content)
    const writes = addRecord(table, keyHash, { position: one, content }, packed, undefined)
    expect(writes.map(({ key }) => positionOf(key.part))).toEqual(writes.map(() => one))
  }
})
