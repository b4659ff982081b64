import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DeleteTableCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileCheckpointStore } from '../../src/checkpoints/file.ts'
import { memoryCheckpointStore } from '../../src/checkpoints/memory.ts'
import type { CheckpointStore } from '../../src/checkpoints/store.ts'
import { openStream } from '../../src/stream/open-stream.ts'
import type { OpenStreamOptions } from '../../src/stream/open-stream-options.ts'
import { range } from '../support/read.ts'
import { describeOnLocal } from '../support/shared-local.ts'
import { createTable, putNumbers, setStream, type TestTable } from '../support/tables.ts'

describeOnLocal('openStream on DynamoDB Local', (local) => {
  const tableClient = local.tableClient()
  const client = local.streamsClient()
  let folder = ''

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'checkpoints-'))
  })
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true })
    tableClient.destroy()
    client.destroy()
  })

  const open = (options: OpenStreamOptions) => openStream({ client, tableClient, ...options })
  const createFilledTable = async (count: number) => {
    const table = await createTable(tableClient)
    await putNumbers(tableClient, table, 'a', [1, count])
    return table
  }
  /** Reads `count` records and leaves the loop with the last one, which is therefore not acknowledged. */
  const readAndBreak = async ({ tableName }: TestTable, store: CheckpointStore, count: number) => {
    await using stream = await open({ tableName, checkpoint: { store, name: 'reader' } })
    const seen: unknown[] = []
    for await (const { newImage } of stream) {
      seen.push(newImage?.n)
      if (seen.length === count) break
    }
    return seen
  }

  test.for<[string, () => CheckpointStore]>([
    ['memory', memoryCheckpointStore],
    ['file', () => fileCheckpointStore(folder)],
  ])(
    'a new stream resumes with the current record of the loop that was left (%s checkpoints)',
    async ([, createStore]) => {
      const table = await createFilledTable(7)
      const store = createStore()
      expect(await readAndBreak(table, store, 3)).toEqual([1, 2, 3])
      expect(await readAndBreak(table, store, 3)).toEqual([3, 4, 5])
      await putNumbers(tableClient, table, 'a', [8, 9])
      expect(await readAndBreak(table, store, 5)).toEqual([5, 6, 7, 8, 9])
    },
  )

  test('a loop waits for later records and ends without an error when it is aborted', async () => {
    const table = await createFilledTable(1)
    const abort = new AbortController()
    const stream = await open({ tableName: table.tableName, signal: abort.signal })
    const seen: unknown[] = []
    for await (const { newImage } of stream) {
      seen.push(newImage?.n)
      if (seen.length === 1) await putNumbers(tableClient, table, 'a', [2, 3])
      if (seen.length === 3) abort.abort()
    }
    expect(seen).toEqual([1, 2, 3])
  })

  test('batches span several pages', async () => {
    const { tableName, streamArn } = await createFilledTable(250)
    await using stream = await open({ streamArn, pageSize: 70 })
    const sizes: number[] = []
    const seen: unknown[] = []
    for await (const batch of stream.batches({ maxRecords: 100, maxWaitMs: 1_000 })) {
      sizes.push(batch.length)
      seen.push(...batch.map(({ newImage }) => newImage?.n))
      if (seen.length >= 250) break
    }
    expect(seen).toEqual(range(1, 250))
    expect(sizes).toEqual([100, 100, 50])
    expect(streamArn).toContain(tableName)
  })

  test('a loop ends when the stream is disabled and has been read to its end', async () => {
    const { tableName, streamArn } = await createFilledTable(5)
    await setStream(tableClient, tableName, 'no stream')
    const seen: unknown[] = []
    for await (const { newImage } of await open({ streamArn })) seen.push(newImage?.n)
    expect(seen).toEqual([1, 2, 3, 4, 5])
  })

  test('followTable continues with the next stream of the table', async () => {
    const table = await createFilledTable(2)
    await using stream = await open({
      tableName: table.tableName,
      followTable: true,
      discoveryIntervalMs: 1_000,
    })
    const seen: unknown[] = []
    for await (const { newImage } of stream) {
      seen.push(newImage?.n)
      if (seen.length === 2) {
        await setStream(tableClient, table.tableName, 'no stream')
        await setStream(tableClient, table.tableName, 'NEW_IMAGE')
        await putNumbers(tableClient, table, 'a', [3, 4])
      }
      if (seen.length === 4) break
    }
    expect(seen).toEqual([1, 2, 3, 4])
    expect(stream.streamArn).not.toBe(table.streamArn)
  })

  test('openStream rejects with stream.notEnabled if the table has no stream', async () => {
    const { tableName } = await createTable(tableClient, 'no stream')
    await expect(open({ tableName })).rejects.toMatchObject({
      code: 'stream.notEnabled',
      details: { tableName },
    })
  })

  test('openStream rejects with stream.notFound if the table or the stream does not exist', async () => {
    await expect(open({ tableName: 'nowhere' })).rejects.toMatchObject({
      code: 'stream.notFound',
      details: { tableName: 'nowhere' },
    })
    const { streamArn } = await createTable(tableClient)
    const missing = streamArn.replace(/\/stream\/.*/, '/stream/2020-01-01T00:00:00.000')
    await expect(open({ streamArn: missing })).rejects.toMatchObject({
      code: 'stream.notFound',
      details: { streamArn: missing },
    })
  })

  test("openStream rejects the checkpoint of another table's stream and leaves it unchanged", async () => {
    const [one, other] = [await createFilledTable(2), await createFilledTable(1)]
    const store = memoryCheckpointStore()
    await readAndBreak(one, store, 2)
    const saved = await store.load('reader')
    expect(saved).toBeDefined()
    await expect(readAndBreak(other, store, 1)).rejects.toMatchObject({
      code: 'token.streamMismatch',
      details: { expected: other.streamArn, actual: one.streamArn },
    })
    expect(await store.load('reader')).toEqual(saved)
  })

  test('all records of a table that is deleted during the loop are delivered', async () => {
    const { tableName, streamArn } = await createFilledTable(10)
    const seen: unknown[] = []
    // DynamoDB Local keeps the stream of a deleted table as a disabled stream.
    for await (const { newImage } of await open({ streamArn })) {
      seen.push(newImage?.n)
      if (seen.length === 3) await tableClient.send(new DeleteTableCommand({ TableName: tableName }))
    }
    expect(seen).toEqual(range(1, 10))
  })

  test('a restart before the first record keeps the original position of latest', async () => {
    const table = await createTable(tableClient)
    const checkpoint = { store: memoryCheckpointStore(), name: 'reader' }
    const first = await open({ tableName: table.tableName, startAt: 'latest', checkpoint })
    await first.close()
    await putNumbers(tableClient, table, 'a', [1, 2])
    await using second = await open({ tableName: table.tableName, startAt: 'latest', checkpoint })
    const seen: unknown[] = []
    for await (const { newImage } of second) {
      seen.push(newImage?.n)
      if (seen.length === 2) break
    }
    expect(seen).toEqual([1, 2])
  })
})
