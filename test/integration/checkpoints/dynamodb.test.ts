import { randomUUID } from 'node:crypto'
import {
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  PutItemCommand,
  paginateQuery,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb'
import { afterAll, describe, expect, test } from 'vitest'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import type { StreamToken } from '../../../src/position/token.ts'
import { checkpointStoreContract } from '../../../src/testing/contracts/checkpoint-store.ts'
import { describeOnLocal } from '../../support/shared-local.ts'

describeOnLocal('dynamoDBCheckpointStore', (local) => {
  const clients: DynamoDBClient[] = []
  const newClient = () => {
    const client = local.tableClient({ maxAttempts: 1 })
    clients.push(client)
    return client
  }
  const shared = newClient()
  const sharedTable = `checkpoints-${randomUUID()}`
  afterAll(() => {
    for (const client of clients) client.destroy()
  })

  const setUp = (tableName = sharedTable) => {
    const name = randomUUID()
    const makeStore = (owner?: string, client = shared) =>
      dynamoDBCheckpointStore({ client, tableName, owner })
    /** The parts of the checkpoint that the table holds. */
    const parts = async () => {
      const query = {
        TableName: tableName,
        ConsistentRead: true,
        KeyConditionExpression: '#name = :name',
        ExpressionAttributeNames: { '#name': 'name' },
        ExpressionAttributeValues: { ':name': { S: name } },
      }
      const found: (string | undefined)[] = []
      for await (const { Items = [] } of paginateQuery({ client: shared }, query)) {
        found.push(...Items.map(({ part }) => part?.S))
      }
      return found
    }
    return { name, makeStore, parts }
  }

  describe('keeps the contract:', () => {
    for (const { title, run } of checkpointStoreContract(
      () => dynamoDBCheckpointStore({ client: shared, tableName: sharedTable }),
      { detectsConflicts: true },
    )) {
      test(title, run)
    }
  })

  test('the table is created on demand, also by several workers at once, and paid by request', async () => {
    const tableName = `checkpoints-${randomUUID()}`
    const stores = Array.from({ length: 4 }, () => dynamoDBCheckpointStore({ client: shared, tableName }))
    const loaded = await Promise.all(stores.map((store, index) => store.load(`worker-${index}`)))
    expect(loaded).toEqual([undefined, undefined, undefined, undefined])
    const { Table } = await shared.send(new DescribeTableCommand({ TableName: tableName }))
    expect(Table?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST')
  })

  test('a table of another kind is refused in words', async () => {
    const tableName = `orders-${randomUUID()}`
    await shared.send(
      new CreateTableCommand({
        TableName: tableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    )
    await expect(
      dynamoDBCheckpointStore({ client: shared, tableName }).load('indexer'),
    ).rejects.toMatchObject({
      code: 'options.invalid',
      message: expect.stringContaining(`The table "${tableName}" cannot store checkpoints`),
    })
  })

  describe('a worker that was replaced', () => {
    test('is told by whom', async () => {
      const { name, makeStore } = setUp()
      const former = makeStore('host-a:1')
      await former.load(name)
      await makeStore('host-b:2').load(name)
      await expect(former.save(name, tokenOf(0))).rejects.toMatchObject({
        code: 'checkpoint.conflict',
        details: { name, owner: 'host-b:2' },
        message: `The checkpoint "${name}" was taken over by host-b:2: this worker can no longer save it`,
      })
    })

    test('takes over when it loads again', async () => {
      const { name, makeStore } = setUp()
      const [first, second] = [makeStore(), makeStore()]
      await first.load(name)
      await second.load(name)
      await second.save(name, tokenOf(1))
      expect(await first.load(name)).toEqual(tokenOf(1))
      await first.save(name, tokenOf(2))
      await expect(second.save(name, tokenOf(3))).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    })

    test('does not bring back a checkpoint that was removed from the table', async () => {
      const { name, makeStore } = setUp()
      const store = makeStore()
      await store.load(name)
      await store.save(name, tokenOf(1))
      const Key = { name: { S: name }, part: { S: 'head' } }
      await shared.send(new DeleteItemCommand({ TableName: sharedTable, Key }))
      await expect(store.save(name, tokenOf(2))).rejects.toMatchObject({
        code: 'checkpoint.conflict',
        message: expect.stringContaining('was deleted'),
      })
    })

    test('finds out while it reads a large checkpoint, too', async () => {
      const { name, makeStore } = setUp()
      await makeStore().save(name, tokenOf(LARGE))
      const slow = newClient()
      const successor = makeStore('successor')
      // Between the head and the chunks of the one, the other takes over and replaces the chunks.
      beforeOnce(
        slow,
        'GetItemCommand',
        async () => {
          await successor.load(name)
          await successor.save(name, tokenOf(1))
        },
        ({ Key }) => Key.part.S !== 'head',
      )
      await expect(makeStore('slow', slow).load(name)).rejects.toMatchObject({
        code: 'checkpoint.conflict',
        details: { owner: 'successor' },
      })
    })
  })

  describe('a save whose answer is lost', () => {
    test('does not conflict with its own repetition', async () => {
      const { name, makeStore } = setUp()
      const client = newClient()
      const store = makeStore('worker', client)
      await store.load(name)
      afterOnce(client, 'UpdateItemCommand', () => {
        throw new Error('connection reset')
      })
      await expect(store.save(name, tokenOf(1))).rejects.toThrow('connection reset')
      await store.save(name, tokenOf(2))
      expect(await makeStore().load(name)).toEqual(tokenOf(2))
    })

    test('does not conflict with its own repetition when it made the checkpoint', async () => {
      const { name, makeStore } = setUp()
      const client = newClient()
      const store = makeStore('worker', client)
      afterOnce(client, 'UpdateItemCommand', () => {
        throw new Error('connection reset')
      })
      await expect(store.save(name, tokenOf(1))).rejects.toThrow('connection reset')
      await store.save(name, tokenOf(2))
      expect(await makeStore().load(name)).toEqual(tokenOf(2))
    })

    test('does not undo a later one when it reaches the table last', async () => {
      const { name, makeStore } = setUp()
      const client = newClient()
      const store = makeStore('worker', client)
      await store.load(name)
      let late: UpdateItemCommandInput | undefined
      beforeOnce(client, 'UpdateItemCommand', (input) => {
        late = input as UpdateItemCommandInput
        throw new Error('connection reset')
      })
      await expect(store.save(name, tokenOf(1))).rejects.toThrow('connection reset')
      await store.save(name, tokenOf(2))
      if (late === undefined) throw new Error('the request was not seen')
      await expect(shared.send(new UpdateItemCommand(late))).rejects.toMatchObject({
        name: 'ConditionalCheckFailedException',
      })
      expect(await makeStore().load(name)).toEqual(tokenOf(2))
    })
  })

  describe('a token that is larger than an item', () => {
    test('is cut into parts, and the parts of the one before are removed', async () => {
      const { name, makeStore, parts } = setUp()
      const store = makeStore()
      await store.load(name)
      await store.save(name, tokenOf(LARGE))
      const first = await parts()
      expect(first.length).toBeGreaterThan(2)
      await store.save(name, tokenOf(LARGE + 1))
      const second = await parts()
      expect(second).toHaveLength(first.length)
      expect(second.filter((part) => first.includes(part))).toEqual(['head'])
      await store.save(name, tokenOf(1))
      expect(await parts()).toEqual(['head'])
    })

    test('leaves the former one in place when the worker dies before it is whole', async () => {
      const { name, makeStore, parts } = setUp()
      const dying = newClient()
      const store = makeStore('dying', dying)
      await store.load(name)
      await store.save(name, tokenOf(LARGE))
      const before = await parts()
      beforeOnce(dying, 'UpdateItemCommand', () => {
        throw new Error('killed')
      })
      await expect(store.save(name, tokenOf(LARGE + 1))).rejects.toThrow('killed')
      expect((await parts()).length).toBeGreaterThan(before.length)

      const successor = makeStore('successor')
      expect(await successor.load(name)).toEqual(tokenOf(LARGE))
      await successor.save(name, tokenOf(2))
      expect(await parts()).toEqual(['head'])
    })

    test('is not harmed by the tidying of a former worker', async () => {
      const { name, makeStore, parts } = setUp()
      const former = newClient()
      const store = makeStore('former', former)
      await store.load(name)
      await store.save(name, tokenOf(LARGE))
      const successor = makeStore('successor')
      // The successor saves between the last save of the former one and its tidying.
      beforeOnce(former, 'QueryCommand', async () => {
        await successor.load(name)
        await successor.save(name, tokenOf(LARGE + 1))
      })
      await store.save(name, tokenOf(LARGE + 2))
      expect(await successor.load(name)).toEqual(tokenOf(LARGE + 1))
      await successor.save(name, tokenOf(1))
      expect(await parts()).toEqual(['head'])
    })

    test('is saved, though its tidying fails; that is done after the next one', async () => {
      const { name, makeStore, parts } = setUp()
      const client = newClient()
      const store = makeStore('worker', client)
      await store.load(name)
      await store.save(name, tokenOf(LARGE))
      beforeOnce(client, 'QueryCommand', () => {
        throw new Error('throttled')
      })
      await store.save(name, tokenOf(1))
      expect((await parts()).length).toBeGreaterThan(1)
      await store.save(name, tokenOf(2))
      expect(await parts()).toEqual(['head'])
    })

    test('is told to be damaged when a part is missing, and left as it is', async () => {
      const { name, makeStore, parts } = setUp()
      await makeStore().save(name, tokenOf(LARGE))
      const [chunk = ''] = await parts()
      const Key = { name: { S: name }, part: { S: chunk } }
      await shared.send(new DeleteItemCommand({ TableName: sharedTable, Key }))
      const before = await parts()
      await expect(makeStore().load(name)).rejects.toMatchObject({
        code: 'token.invalid',
        message: expect.stringContaining(`The checkpoint "${name}" in the table "${sharedTable}" is damaged`),
      })
      expect(await parts()).toEqual(before)
    })
  })

  test('content that is not a compressed token is told to be damaged', async () => {
    const { name, makeStore } = setUp()
    const Item = { name: { S: name }, part: { S: 'head' }, data: { B: Buffer.from('nonsense') } }
    await shared.send(new PutItemCommand({ TableName: sharedTable, Item }))
    await expect(makeStore().load(name)).rejects.toMatchObject({
      code: 'token.invalid',
      message: expect.stringContaining('is damaged'),
    })
  })
})

/** So many shards, with random numbers, make two items. */
const LARGE = 20_000

function tokenOf(shardCount: number): StreamToken {
  let state = 1
  const digits = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return String(state).padStart(10, '0')
  }
  const shards = Array.from({ length: shardCount }, (_, index) => ({
    shardId: `shardId-${String(index).padStart(20, '0')}-${digits().slice(0, 8)}`,
    at: { after: `${digits()}${digits()}${digits()}` },
  }))
  return { version: 1, streamArn: 'arn:aws:dynamodb:eu-west-1:1:table/t/stream/2026', shards }
}

// biome-ignore lint/suspicious/noExplicitAny: inputs of every command
type Input = any

/** Does `effect` before the next command of this kind is sent. What it throws is the response. */
function beforeOnce(
  client: DynamoDBClient,
  command: string,
  effect: (input: Input) => void | Promise<void>,
  isMeant: (input: Input) => boolean = () => true,
): void {
  const act = async (input: Input, send: () => Promise<Input>) => {
    await effect(input)
    return send()
  }
  interceptOnce(client, command, act, isMeant)
}

/** Does `effect` after the next command of this kind was carried out. What it throws is the answer. */
function afterOnce(client: DynamoDBClient, command: string, effect: () => void): void {
  interceptOnce(client, command, async (_, send) => {
    const answer = await send()
    effect()
    return answer
  })
}

function interceptOnce(
  client: DynamoDBClient,
  command: string,
  act: (input: Input, send: () => Promise<Input>) => Promise<Input>,
  isMeant: (input: Input) => boolean = () => true,
): void {
  let isDone = false
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const input: Input = args.input
      if (isDone || context.commandName !== command || !isMeant(input)) return next(args)
      isDone = true
      return act(input, () => next(args))
    },
    { step: 'initialize' },
  )
}
