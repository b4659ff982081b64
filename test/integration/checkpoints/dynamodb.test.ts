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
  const createClient = () => {
    const client = local.tableClient({ maxAttempts: 1 })
    clients.push(client)
    return client
  }
  const shared = createClient()
  const sharedTable = `checkpoints-${randomUUID()}`
  afterAll(() => {
    for (const client of clients) client.destroy()
  })

  const setUp = (tableName = sharedTable) => {
    const name = randomUUID()
    const createStore = (owner?: string, client = shared) =>
      dynamoDBCheckpointStore({ client, tableName, owner })
    /** Returns the sort keys of the checkpoint's items. */
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
    return { name, createStore, parts }
  }

  describe('checkpointStoreContract', () => {
    for (const { title, run } of checkpointStoreContract(
      () => dynamoDBCheckpointStore({ client: shared, tableName: sharedTable }),
      { detectsConflicts: true, hasTimedLeases: true },
    )) {
      test(title, run)
    }
  })

  test('a missing table is created with on-demand capacity, even by several workers at once', async () => {
    const tableName = `checkpoints-${randomUUID()}`
    const stores = Array.from({ length: 4 }, () => dynamoDBCheckpointStore({ client: shared, tableName }))
    const loaded = await Promise.all(stores.map((store, index) => store.load(`worker-${index}`)))
    expect(loaded).toEqual([undefined, undefined, undefined, undefined])
    const { Table } = await shared.send(new DescribeTableCommand({ TableName: tableName }))
    expect(Table?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST')
  })

  test('a table with other keys is rejected with an explanation', async () => {
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

  describe('a replaced worker', () => {
    test('a replaced worker receives a conflict that names its successor', async () => {
      const { name, createStore } = setUp()
      const previous = createStore('host-a:1')
      await previous.load(name)
      await createStore('host-b:2').load(name)
      await expect(previous.save(name, tokenOf(0))).rejects.toMatchObject({
        code: 'checkpoint.conflict',
        details: { name, owner: 'host-b:2' },
        message: `The checkpoint "${name}" was taken over by host-b:2: this worker can no longer save it.`,
      })
    })

    test('a replaced worker acquires the checkpoint again when it loads it', async () => {
      const { name, createStore } = setUp()
      const [first, second] = [createStore(), createStore()]
      await first.load(name)
      await second.load(name)
      await second.save(name, tokenOf(1))
      expect(await first.load(name)).toEqual(tokenOf(1))
      await first.save(name, tokenOf(2))
      await expect(second.save(name, tokenOf(3))).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    })

    test('a worker does not restore a checkpoint that was deleted from the table', async () => {
      const { name, createStore } = setUp()
      const store = createStore()
      await store.load(name)
      await store.save(name, tokenOf(1))
      const Key = { name: { S: name }, part: { S: 'head' } }
      await shared.send(new DeleteItemCommand({ TableName: sharedTable, Key }))
      await expect(store.save(name, tokenOf(2))).rejects.toMatchObject({
        code: 'checkpoint.conflict',
        message: expect.stringContaining('was deleted'),
      })
    })

    test('a worker that is replaced while it is reading a large checkpoint receives a conflict', async () => {
      const { name, createStore } = setUp()
      await createStore().save(name, tokenOf(LARGE))
      const slow = createClient()
      const successor = createStore('successor')
      // After the slow worker has read the head, its successor acquires the checkpoint and replaces the
      // chunks.
      beforeOnce(
        slow,
        'GetItemCommand',
        async () => {
          await successor.load(name)
          await successor.save(name, tokenOf(1))
        },
        ({ Key }) => Key.part.S !== 'head',
      )
      await expect(createStore('slow', slow).load(name)).rejects.toMatchObject({
        code: 'checkpoint.conflict',
        details: { owner: 'successor' },
      })
    })
  })

  describe('a save without a response', () => {
    test('a save whose response was lost does not conflict with its own retry', async () => {
      const { name, createStore } = setUp()
      const client = createClient()
      const store = createStore('worker', client)
      await store.load(name)
      afterOnce(client, 'UpdateItemCommand', () => {
        throw new Error('connection reset')
      })
      await expect(store.save(name, tokenOf(1))).rejects.toThrow('connection reset')
      await store.save(name, tokenOf(2))
      expect(await createStore().load(name)).toEqual(tokenOf(2))
    })

    test('a first save whose response was lost does not conflict with its own retry', async () => {
      const { name, createStore } = setUp()
      const client = createClient()
      const store = createStore('worker', client)
      afterOnce(client, 'UpdateItemCommand', () => {
        throw new Error('connection reset')
      })
      await expect(store.save(name, tokenOf(1))).rejects.toThrow('connection reset')
      await store.save(name, tokenOf(2))
      expect(await createStore().load(name)).toEqual(tokenOf(2))
    })

    test('a save that reaches the table after a later one does not undo it', async () => {
      const { name, createStore } = setUp()
      const client = createClient()
      const store = createStore('worker', client)
      await store.load(name)
      let late: UpdateItemCommandInput | undefined
      beforeOnce(client, 'UpdateItemCommand', (input) => {
        late = input as UpdateItemCommandInput
        throw new Error('connection reset')
      })
      await expect(store.save(name, tokenOf(1))).rejects.toThrow('connection reset')
      await store.save(name, tokenOf(2))
      if (late === undefined) throw new Error('the request was not intercepted')
      await expect(shared.send(new UpdateItemCommand(late))).rejects.toMatchObject({
        name: 'ConditionalCheckFailedException',
      })
      expect(await createStore().load(name)).toEqual(tokenOf(2))
    })
  })

  describe('a token larger than an item', () => {
    test('a large token is split into chunks, and the chunks of the previous save are deleted', async () => {
      const { name, createStore, parts } = setUp()
      const store = createStore()
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

    test('a worker that dies while it is saving a large token leaves the previous token in place', async () => {
      const { name, createStore, parts } = setUp()
      const dying = createClient()
      const store = createStore('dying', dying)
      await store.load(name)
      await store.save(name, tokenOf(LARGE))
      const before = await parts()
      beforeOnce(dying, 'UpdateItemCommand', () => {
        throw new Error('killed')
      })
      await expect(store.save(name, tokenOf(LARGE + 1))).rejects.toThrow('killed')
      expect((await parts()).length).toBeGreaterThan(before.length)

      const successor = createStore('successor')
      expect(await successor.load(name)).toEqual(tokenOf(LARGE))
      await successor.save(name, tokenOf(2))
      expect(await parts()).toEqual(['head'])
    })

    test('the clean-up of a replaced worker does not delete the chunks of its successor', async () => {
      const { name, createStore, parts } = setUp()
      const previousClient = createClient()
      const store = createStore('previous', previousClient)
      await store.load(name)
      await store.save(name, tokenOf(LARGE))
      const successor = createStore('successor')
      // The successor saves between the last save of the previous worker and its clean-up.
      beforeOnce(previousClient, 'QueryCommand', async () => {
        await successor.load(name)
        await successor.save(name, tokenOf(LARGE + 1))
      })
      await store.save(name, tokenOf(LARGE + 2))
      expect(await successor.load(name)).toEqual(tokenOf(LARGE + 1))
      await successor.save(name, tokenOf(1))
      expect(await parts()).toEqual(['head'])
    })

    test('a clean-up that fails does not fail the save, and is repeated after the next one', async () => {
      const { name, createStore, parts } = setUp()
      const client = createClient()
      const store = createStore('worker', client)
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

    test('a large token with a missing chunk is reported as damaged and left unchanged', async () => {
      const { name, createStore, parts } = setUp()
      await createStore().save(name, tokenOf(LARGE))
      const [chunk = ''] = await parts()
      const Key = { name: { S: name }, part: { S: chunk } }
      await shared.send(new DeleteItemCommand({ TableName: sharedTable, Key }))
      const before = await parts()
      await expect(createStore().load(name)).rejects.toMatchObject({
        code: 'token.invalid',
        message: expect.stringContaining(`The checkpoint "${name}" in the table "${sharedTable}" is damaged`),
      })
      expect(await parts()).toEqual(before)
    })
  })

  test('data that is not a compressed token is reported as damaged', async () => {
    const { name, createStore } = setUp()
    const Item = { name: { S: name }, part: { S: 'head' }, data: { B: Buffer.from('nonsense') } }
    await shared.send(new PutItemCommand({ TableName: sharedTable, Item }))
    await expect(createStore().load(name)).rejects.toMatchObject({
      code: 'token.invalid',
      message: expect.stringContaining('is damaged'),
    })
  })
})

/** A token with this many shards, with random numbers, needs two chunks. */
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

/** Runs `effect` before the next matching command is sent. An error that it throws rejects the command. */
function beforeOnce(
  client: DynamoDBClient,
  command: string,
  effect: (input: Input) => void | Promise<void>,
  matches: (input: Input) => boolean = () => true,
): void {
  const act = async (input: Input, send: () => Promise<Input>) => {
    await effect(input)
    return send()
  }
  interceptOnce(client, command, act, matches)
}

/**
 * Runs `effect` after the next matching command has succeeded. An error that it throws rejects the command.
 */
function afterOnce(client: DynamoDBClient, command: string, effect: () => void): void {
  interceptOnce(client, command, async (_, send) => {
    const response = await send()
    effect()
    return response
  })
}

function interceptOnce(
  client: DynamoDBClient,
  command: string,
  act: (input: Input, send: () => Promise<Input>) => Promise<Input>,
  matches: (input: Input) => boolean = () => true,
): void {
  let isDone = false
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const input: Input = args.input
      if (isDone || context.commandName !== command || !matches(input)) return next(args)
      isDone = true
      return act(input, () => next(args))
    },
    { step: 'initialize' },
  )
}
