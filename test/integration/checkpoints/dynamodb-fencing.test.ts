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

/** A token with this many shards needs two chunks. */
const LARGE = 20_000

describeOnLocal('dynamoDBCheckpointStore fencing', (local) => {
  const clients: DynamoDBClient[] = []
  const tableName = `fencing-${randomUUID()}`
  afterAll(() => {
    for (const client of clients) client.destroy()
  })
  const createClient = (config: DynamoDBClientConfig = {}) => {
    const client = local.tableClient(config)
    clients.push(client)
    return client
  }
  const direct = createClient()
  const createStore = (owner: string, client = direct) =>
    dynamoDBCheckpointStore({ client, tableName, owner })
  const proxied = async (fateOf: (call: ProxiedCall) => Fate | undefined, maxAttempts = 3) => {
    const proxy = await faultyProxy(local.endpoint, fateOf)
    return { proxy, client: createClient({ endpoint: proxy.endpoint, maxAttempts }) }
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

  test('an acquire request that arrives after another one does not restore the previous worker', async () => {
    const name = randomUUID()
    await createStore('setup').load(name)
    let isFirst = true
    const { proxy, client } = await proxied(({ operation }) => {
      if (operation !== 'UpdateItem' || !isFirst) return undefined
      isFirst = false
      return { do: 'deliverLate', afterMs: 800 }
    })
    await using _ = proxy
    const [a, b] = [createStore('a', client), createStore('b')]
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
    expect(numberIn(await createStore('c').load(name))).toBe(300)
  })

  test('an acquire request whose response was lost does not conflict with its own retry', async () => {
    const name = randomUUID()
    let isFirst = true
    const { proxy, client } = await proxied(({ operation }) => {
      if (operation !== 'UpdateItem' || !isFirst) return undefined
      isFirst = false
      return { do: 'loseResponse' }
    })
    await using _ = proxy
    const store = createStore('a', client)
    await store.load(name)
    await store.save(name, numberedToken(1))
    expect(numberIn(await store.peek(name))).toBe(1)
  })

  test.each([
    ['of the same size', LARGE, LARGE],
    ['that is larger', 1, LARGE],
    ['that is smaller', LARGE, 1],
  ])(
    'a save without a load, of a token %s, is rejected and changes nothing',
    async (_, savedShards, rejectedShards) => {
      const name = randomUUID()
      await createStore('a').save(name, numberedToken(100, savedShards))
      await expect(createStore('b').save(name, numberedToken(7, rejectedShards))).rejects.toMatchObject({
        code: 'checkpoint.conflict',
        message: `The checkpoint "${name}" already exists (saved by a): load it before you save it.`,
      })
      expect(numberIn(await createStore('c').peek(name))).toBe(100)
    },
  )

  test('two sessions never have the same epoch, so a rejected save cannot replace valid chunks', async () => {
    const name = randomUUID()
    const [a, b] = [createStore('a'), createStore('b')]
    await a.load(name)
    await a.save(name, numberedToken(1))
    await b.load(name)
    await expect(a.save(name, numberedToken(2, LARGE))).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    await b.save(name, numberedToken(10, LARGE))
    // This save is rejected after its chunks have been written.
    await expect(a.save(name, numberedToken(3, LARGE))).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    expect(numberIn(await createStore('c').load(name))).toBe(10)
  })

  describe('dynamoDBCheckpointStore leases', () => {
    test('two leases of one store and name are distinguished: only the second can save', async () => {
      const name = randomUUID()
      const store = createStore('a')
      const first = await store.lease(name)
      await first.save(numberedToken(1))
      const second = await store.lease(name)
      await second.save(numberedToken(50))
      expect(first.lost.aborted).toBe(false)
      await expect(first.save(numberedToken(2))).rejects.toMatchObject({ code: 'checkpoint.conflict' })
      expect(first.lost.reason).toMatchObject({ code: 'checkpoint.conflict' })
      expect(numberIn(await store.peek(name))).toBe(50)
    })

    test('epochs increase with each lease, and a released lease cannot save', async () => {
      const name = randomUUID()
      const first = await createStore('a').lease(name)
      const second = await createStore('b').lease(name)
      expect(second.epoch).toBe(first.epoch + 1)
      await second.release()
      await expect(second.save(numberedToken(1))).rejects.toMatchObject({ code: 'closed' })
    })

    test('acquiring a lease can be aborted', async () => {
      const { proxy, client } = await proxied(() => ({ do: 'pass', afterMs: 5_000 }), 1)
      await using _ = proxy
      const lease = createStore('a', client).lease(randomUUID(), { signal: AbortSignal.timeout(50) })
      await expect(lease).rejects.toMatchObject({ name: expect.stringMatching(/Abort|Timeout/) })
    })
  })

  test('peek() returns the saved token without acquiring the checkpoint', async () => {
    const name = randomUUID()
    const worker = createStore('worker')
    expect(await createStore('dashboard').peek(name)).toBeUndefined()
    await worker.load(name)
    expect(await createStore('dashboard').peek(name)).toBeUndefined()
    await worker.save(name, numberedToken(1, LARGE))
    expect(numberIn(await createStore('dashboard').peek(name))).toBe(1)
    await worker.save(name, numberedToken(2))
    expect(numberIn(await createStore('dashboard').peek(name))).toBe(2)
  })

  test('peek() starts over if the checkpoint is saved while it is reading the chunks', async () => {
    const name = randomUUID()
    const worker = createStore('worker')
    await worker.load(name)
    await worker.save(name, numberedToken(1, LARGE))
    const readingClient = createClient()
    let isFirst = true
    readingClient.middlewareStack.add(
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
    expect(numberIn(await createStore('dashboard', readingClient).peek(name))).toBe(2)
  })

  test.each(['Query', 'DeleteItem'])(
    'a missing permission for %s is reported once per lease',
    async (denied) => {
      const name = randomUUID()
      const { proxy, client } = await proxied(({ operation }) =>
        operation === denied ? { do: 'refuse', error: 'AccessDeniedException' } : undefined,
      )
      await using _ = proxy
      const store = createStore('a', client)
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
        `checkpoint.failed: The checkpoint "${name}" was saved, but the chunks of earlier saves cannot be deleted: ` +
          'AccessDeniedException. ' +
          `Allow dynamodb:Query and dynamodb:DeleteItem on the table "${tableName}".`,
      ])
      expect(numberIn(await createStore('b').peek(name))).toBe(4)
    },
  )

  test('a save that was throttled halfway is completed by the next one, and no chunks are left', async () => {
    const name = randomUUID()
    let isThrottled = true
    let writes = 0
    const { proxy, client } = await proxied(
      ({ operation }) =>
        // Every second chunk is throttled.
        operation === 'PutItem' && isThrottled && ++writes % 2 === 0
          ? { do: 'refuse', error: 'ProvisionedThroughputExceededException' }
          : undefined,
      1,
    )
    await using _ = proxy
    const store = createStore('a', client)
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

  test('a worker that dies after any call of a save in chunks leaves either the old token or the new one', async () => {
    const name = randomUUID()
    const large = numberedToken(0, LARGE)
    const tokenOf = (number: number): StreamToken => ({
      ...large,
      shards: [...numberedToken(number).shards, ...large.shards.slice(1)],
    })
    await createStore('setup').save(name, tokenOf(0))
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
      const dying = createStore('dying', client)
      const next = saved + 1
      const isAcknowledged = await dying
        .load(name)
        .then(() => dying.save(name, tokenOf(next)))
        .then(
          () => true,
          () => false,
        )
      const found = numberIn(await createStore('successor').load(name)) ?? Number.NaN
      expect(isAcknowledged ? [next] : [saved, next]).toContain(found)
      saved = found
      hasSurvived = calls < lastCall
    }
    const successor = createStore('successor')
    await successor.load(name)
    await successor.save(name, numberedToken(saved + 1))
    expect(await chunksOf(name)).toEqual([])
  })

  describe('damaged checkpoint heads', () => {
    const token = gzipSync(JSON.stringify(numberedToken(1)))
    const head = { session: { S: 's' }, epoch: { N: '1' }, version: { N: '1' }, owner: { S: 'o' } }
    const bomb = gzipSync('{},'.repeat(30_000_000))
    const cases: readonly (readonly [string, Record<string, AttributeValue>])[] = [
      ['its data is a string', { ...head, data: { S: token.toString('base64') } }],
      ['its data is empty', { ...head, data: { B: new Uint8Array() } }],
      ['its data is not gzip', { ...head, data: { B: Buffer.from('{}') } }],
      ['its data is truncated', { ...head, data: { B: token.subarray(0, -9) } }],
      ['its data is null', { ...head, data: { B: gzipSync('null') } }],
      ['its data expands to 90 MB', { ...head, data: { B: bomb } }],
      ['its data is missing', head],
      ['its chunks have no prefix', { ...head, chunkPrefix: { S: 'x' }, chunkCount: { N: '1' } }],
      ['the number of its chunks is missing', { ...head, chunkPrefix: { S: 'chunk#1' } }],
      [
        'it has a billion chunks',
        { ...head, chunkPrefix: { S: 'chunk#1' }, chunkCount: { N: '1000000000' } },
      ],
      ['it has half a chunk', { ...head, chunkPrefix: { S: 'chunk#1' }, chunkCount: { N: '0.5' } }],
      ['its epoch is a string', { ...head, epoch: { S: '1' }, data: { B: token } }],
      ['its epoch is negative', { ...head, epoch: { N: '-1' }, data: { B: token } }],
      ['its session is a number', { ...head, session: { N: '1' }, data: { B: token } }],
    ]
    test.each(cases)('a head is reported as damaged if %s', async (_, attributes) => {
      const name = randomUUID()
      await createStore('setup').peek(name)
      const Item = { name: { S: name }, part: { S: 'head' }, ...attributes }
      await direct.send(new PutItemCommand({ TableName: tableName, Item }))
      const damaged = {
        code: 'token.invalid',
        message: expect.stringMatching(
          / is damaged: .*\. It was left unchanged: restore its items from a backup/,
        ),
      }
      await expect(createStore('a').peek(name)).rejects.toMatchObject(damaged)
      await expect(createStore('a').load(name)).rejects.toMatchObject(damaged)
      await expect(createStore('a').save(name, numberedToken(2))).rejects.toMatchObject({
        code: 'checkpoint.conflict',
      })
    })
  })

  test.each([
    ['is empty', ''],
    ['is longer than a key', 'x'.repeat(2_049)],
    ['contains a lone surrogate', '\ud800'],
  ])('a checkpoint name that %s is rejected before any call', async (_, name) => {
    const store = dynamoDBCheckpointStore({ client: new DynamoDBClient({ region: 'nowhere' }), tableName })
    const rejection = {
      code: 'options.invalid',
      message: expect.stringContaining('a well-formed string of 1 to 2048 bytes'),
    }
    await expect(store.load(name)).rejects.toMatchObject(rejection)
    await expect(store.peek(name)).rejects.toMatchObject(rejection)
    await expect(store.save(name, numberedToken(1))).rejects.toMatchObject(rejection)
  })
})
