import { randomUUID } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import {
  type AttributeValue,
  DynamoDBClient,
  type DynamoDBClientConfig,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb'
import { afterAll, describe, expect, test } from 'vitest'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import type { StreamToken } from '../../../src/position/token.ts'
import { type Fate, faultyProxy, type ProxiedCall } from '../../support/faulty-proxy.ts'
import { numberedToken, numberIn } from '../../support/numbered-token.ts'
import { describeOnLocal } from '../../support/shared-local.ts'

/** So many shards need two chunks. */
const LARGE = 20_000

describeOnLocal('dynamoDBCheckpointStore, when calls arrive late or are lost,', (local) => {
  const clients: DynamoDBClient[] = []
  const tableName = `fencing-${randomUUID()}`
  afterAll(() => {
    for (const client of clients) client.destroy()
  })
  const newClient = (config: DynamoDBClientConfig = {}) => {
    const client = local.tableClient(config)
    clients.push(client)
    return client
  }
  const direct = newClient()
  const storeOf = (owner: string, client = direct) => dynamoDBCheckpointStore({ client, tableName, owner })
  const proxied = async (fateOf: (call: ProxiedCall) => Fate | undefined, maxAttempts = 3) => {
    const proxy = await faultyProxy(local.endpoint, fateOf)
    return { proxy, client: newClient({ endpoint: proxy.endpoint, maxAttempts }) }
  }
  const chunksOf = async (name: string) => {
    const { Items = [] } = await direct.send(
      new QueryCommand({
        TableName: tableName,
        ConsistentRead: true,
        KeyConditionExpression: '#name = :name AND begins_with(#part, :chunk)',
        ProjectionExpression: '#part',
        ExpressionAttributeNames: { '#name': 'name', '#part': 'part' },
        ExpressionAttributeValues: { ':name': { S: name }, ':chunk': { S: 'chunk#' } },
      }),
    )
    return Items.map(({ part }) => part?.S)
  }

  test('a take-over that arrives after another one does not bring the former worker back', async () => {
    const name = randomUUID()
    await storeOf('setup').load(name)
    let isFirst = true
    const { proxy, client } = await proxied(({ operation }) => {
      if (operation !== 'UpdateItem' || !isFirst) return undefined
      isFirst = false
      return { do: 'deliverLate', afterMs: 800 }
    })
    await using _ = proxy
    const [a, b] = [storeOf('a', client), storeOf('b')]
    await a.load(name)
    await a.save(name, numberedToken(100))
    expect(numberIn(await b.load(name))).toBe(100)
    await b.save(name, numberedToken(200))
    await proxy.lateCalls()
    await expect(a.save(name, numberedToken(101))).rejects.toMatchObject({
      code: 'checkpoint.conflict',
      details: { owner: 'b' },
    })
    await b.save(name, numberedToken(300))
    expect(numberIn(await storeOf('c').load(name))).toBe(300)
  })

  test('a take-over the response to which is lost is not a conflict with itself', async () => {
    const name = randomUUID()
    let isFirst = true
    const { proxy, client } = await proxied(({ operation }) => {
      if (operation !== 'UpdateItem' || !isFirst) return undefined
      isFirst = false
      return { do: 'loseResponse' }
    })
    await using _ = proxy
    const store = storeOf('a', client)
    await store.load(name)
    await store.save(name, numberedToken(1))
    expect(numberIn(await store.peek(name))).toBe(1)
  })

  test.each([
    ['of the same size', LARGE, LARGE],
    ['that is larger', 1, LARGE],
    ['that is smaller', LARGE, 1],
  ])('a refused save without a load, of a token %s, changes nothing', async (_, saved, refused) => {
    const name = randomUUID()
    await storeOf('a').save(name, numberedToken(100, saved))
    await expect(storeOf('b').save(name, numberedToken(7, refused))).rejects.toMatchObject({
      code: 'checkpoint.conflict',
      message: `The checkpoint "${name}" already exists (saved by a): load it before you save it`,
    })
    expect(numberIn(await storeOf('c').peek(name))).toBe(100)
  })

  test('two sessions never get the same epoch, so that a refused save cannot replace valid chunks', async () => {
    const name = randomUUID()
    const [a, b] = [storeOf('a'), storeOf('b')]
    await a.load(name)
    await a.save(name, numberedToken(1))
    await b.load(name)
    await expect(a.save(name, numberedToken(2, LARGE))).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    await b.save(name, numberedToken(10, LARGE))
    // Refused, and written in chunks nevertheless.
    await expect(a.save(name, numberedToken(3, LARGE))).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    expect(numberIn(await storeOf('c').load(name))).toBe(10)
  })

  describe('leases', () => {
    test('of one store under one name are kept apart', async () => {
      const name = randomUUID()
      const store = storeOf('a')
      const first = await store.lease(name)
      await first.save(numberedToken(1))
      const second = await store.lease(name)
      await second.save(numberedToken(50))
      expect(first.lost.aborted).toBe(false)
      await expect(first.save(numberedToken(2))).rejects.toMatchObject({ code: 'checkpoint.conflict' })
      expect(first.lost.reason).toMatchObject({ code: 'checkpoint.conflict' })
      expect(numberIn(await store.peek(name))).toBe(50)
    })

    test('have growing epochs, and save nothing once they are released', async () => {
      const name = randomUUID()
      const first = await storeOf('a').lease(name)
      const second = await storeOf('b').lease(name)
      expect(second.epoch).toBe(first.epoch + 1)
      await second.release()
      await expect(second.save(numberedToken(1))).rejects.toMatchObject({ code: 'closed' })
    })

    test('can be aborted while they are taken', async () => {
      const { proxy, client } = await proxied(() => ({ do: 'pass', afterMs: 5_000 }), 1)
      await using _ = proxy
      const lease = storeOf('a', client).lease(randomUUID(), { signal: AbortSignal.timeout(50) })
      await expect(lease).rejects.toMatchObject({ name: expect.stringMatching(/Abort|Timeout/) })
    })
  })

  test('peek returns what is saved, and leaves the worker its checkpoint', async () => {
    const name = randomUUID()
    const worker = storeOf('worker')
    expect(await storeOf('dashboard').peek(name)).toBeUndefined()
    await worker.load(name)
    expect(await storeOf('dashboard').peek(name)).toBeUndefined()
    await worker.save(name, numberedToken(1, LARGE))
    expect(numberIn(await storeOf('dashboard').peek(name))).toBe(1)
    await worker.save(name, numberedToken(2))
    expect(numberIn(await storeOf('dashboard').peek(name))).toBe(2)
  })

  test('peek starts over when the checkpoint is saved again while it reads the chunks', async () => {
    const name = randomUUID()
    const worker = storeOf('worker')
    await worker.load(name)
    await worker.save(name, numberedToken(1, LARGE))
    const reading = newClient()
    let isFirst = true
    reading.middlewareStack.add(
      (next) => async (args) => {
        const { Key } = args.input as { Key: { part: { S: string } } }
        if (isFirst && Key.part.S !== 'head') {
          isFirst = false
          await worker.save(name, numberedToken(2, LARGE))
        }
        return next(args)
      },
      { step: 'initialize' },
    )
    expect(numberIn(await storeOf('dashboard', reading).peek(name))).toBe(2)
  })

  test.each(['Query', 'DeleteItem'])('a missing permission for %s is reported once', async (denied) => {
    const name = randomUUID()
    const { proxy, client } = await proxied(({ operation }) =>
      operation === denied ? { do: 'refuse', error: 'AccessDeniedException' } : undefined,
    )
    await using _ = proxy
    const store = storeOf('a', client)
    await store.load(name)
    const outcomes: string[] = []
    for (let number = 1; number <= 4; number++) {
      const saved = store.save(name, numberedToken(number, 4_000))
      outcomes.push(
        await saved.then(
          () => 'saved',
          (error) => `${error.code}: ${error.message}`,
        ),
      )
    }
    expect(outcomes.filter((outcome) => outcome !== 'saved')).toEqual([
      `checkpoint.failed: The checkpoint "${name}" was saved, but the chunks of earlier saves cannot be deleted: AccessDeniedException. ` +
        `Allow dynamodb:Query and dynamodb:DeleteItem on the table "${tableName}"`,
    ])
    expect(numberIn(await storeOf('b').peek(name))).toBe(4)
  })

  test('saves that are throttled halfway complete one another, and leave nothing behind', async () => {
    const name = randomUUID()
    let isThrottled = true
    let writes = 0
    const { proxy, client } = await proxied(
      ({ operation }) =>
        // Every second chunk is refused.
        operation === 'PutItem' && isThrottled && ++writes % 2 === 0
          ? { do: 'refuse', error: 'ProvisionedThroughputExceededException' }
          : undefined,
      1,
    )
    await using _ = proxy
    const store = storeOf('a', client)
    await store.load(name)
    const failures: unknown[] = []
    for (let number = 1; number <= 6; number++) {
      await store.save(name, numberedToken(number, 3 * LARGE)).catch((error) => failures.push(error))
    }
    expect(failures.length).toBeGreaterThan(0)
    isThrottled = false
    await store.save(name, numberedToken(7))
    expect(numberIn(await store.peek(name))).toBe(7)
    expect(await chunksOf(name)).toEqual([])
  })

  test('a worker that dies after any call of a save in chunks leaves the old token or the new one', async () => {
    const name = randomUUID()
    const large = numberedToken(0, LARGE)
    const tokenOf = (number: number): StreamToken => ({
      ...large,
      shards: [...numberedToken(number).shards, ...large.shards.slice(1)],
    })
    await storeOf('setup').save(name, tokenOf(0))
    let saved = 0
    let hasSurvived = false
    for (let lastCall = 1; !hasSurvived; lastCall++) {
      let calls = 0
      const { proxy, client } = await proxied(() => {
        calls++
        if (calls < lastCall) return undefined
        return { do: calls === lastCall ? 'loseResponse' : 'drop' }
      }, 1)
      await using _ = proxy
      const dying = storeOf('dying', client)
      const next = saved + 1
      const isAcknowledged = await dying
        .load(name)
        .then(() => dying.save(name, tokenOf(next)))
        .then(
          () => true,
          () => false,
        )
      const found = numberIn(await storeOf('successor').load(name)) ?? Number.NaN
      expect(isAcknowledged ? [next] : [saved, next]).toContain(found)
      saved = found
      hasSurvived = calls < lastCall
    }
    const successor = storeOf('successor')
    await successor.load(name)
    await successor.save(name, numberedToken(saved + 1))
    expect(await chunksOf(name)).toEqual([])
  })

  describe('a head that is damaged is never "no checkpoint":', () => {
    const token = gzipSync(JSON.stringify(numberedToken(1)))
    const head = { session: { S: 's' }, epoch: { N: '1' }, version: { N: '1' }, owner: { S: 'o' } }
    const bomb = gzipSync('{},'.repeat(30_000_000))
    const cases: readonly (readonly [string, Record<string, AttributeValue>])[] = [
      ['its data is a text', { ...head, data: { S: token.toString('base64') } }],
      ['its data is empty', { ...head, data: { B: new Uint8Array() } }],
      ['its data is not gzip', { ...head, data: { B: Buffer.from('{}') } }],
      ['its data is cut off', { ...head, data: { B: token.subarray(0, -9) } }],
      ['its data is null', { ...head, data: { B: gzipSync('null') } }],
      ['its data expands to 90 MB', { ...head, data: { B: bomb } }],
      ['its data is gone', head],
      ['its chunks have no prefix', { ...head, chunkPrefix: { S: 'x' }, chunkCount: { N: '1' } }],
      ['the number of its chunks is gone', { ...head, chunkPrefix: { S: 'chunk#1' } }],
      [
        'it has a billion chunks',
        { ...head, chunkPrefix: { S: 'chunk#1' }, chunkCount: { N: '1000000000' } },
      ],
      ['it has half a chunk', { ...head, chunkPrefix: { S: 'chunk#1' }, chunkCount: { N: '0.5' } }],
      ['its epoch is a text', { ...head, epoch: { S: '1' }, data: { B: token } }],
      ['its epoch is negative', { ...head, epoch: { N: '-1' }, data: { B: token } }],
      ['its session is a number', { ...head, session: { N: '1' }, data: { B: token } }],
    ]
    test.each(cases)('%s', async (_, attributes) => {
      const name = randomUUID()
      await storeOf('setup').peek(name)
      const Item = { name: { S: name }, part: { S: 'head' }, ...attributes }
      await direct.send(new PutItemCommand({ TableName: tableName, Item }))
      const damaged = {
        code: 'token.invalid',
        message: expect.stringMatching(
          / is damaged: .*\. It was left unchanged: restore its items from a backup/,
        ),
      }
      await expect(storeOf('a').peek(name)).rejects.toMatchObject(damaged)
      await expect(storeOf('a').load(name)).rejects.toMatchObject(damaged)
      await expect(storeOf('a').save(name, numberedToken(2))).rejects.toMatchObject({
        code: 'checkpoint.conflict',
      })
    })
  })

  test.each([
    ['', 'empty'],
    ['x'.repeat(2_049), 'longer than a key'],
    ['\ud800', 'a lone surrogate'],
  ])('a name that cannot be a key is refused before any call (%#: %s)', async (name) => {
    const store = dynamoDBCheckpointStore({ client: new DynamoDBClient({ region: 'nowhere' }), tableName })
    const refused = {
      code: 'options.invalid',
      message: expect.stringContaining('a well-formed string of 1 to 2048 bytes'),
    }
    await expect(store.load(name)).rejects.toMatchObject(refused)
    await expect(store.peek(name)).rejects.toMatchObject(refused)
    await expect(store.save(name, numberedToken(1))).rejects.toMatchObject(refused)
  })
})
