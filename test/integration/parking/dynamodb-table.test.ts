import { randomUUID } from 'node:crypto'
import { CreateTableCommand, DescribeTableCommand } from '@aws-sdk/client-dynamodb'
import { expect, test } from 'vitest'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import { dynamoDBParkingStore } from '../../../src/parking/dynamodb.ts'
import { collect, keyOf, recordOf, recordsOf } from '../../../src/testing/contracts/parking/bench.ts'
import { numberedToken, numberIn } from '../../support/numbered-token.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { finishedAt, incompressible, keyHash, ParkingTestTable, readRecords } from './parking-table.ts'

describeOnLocal('dynamoDBParkingStore: the table', (local) => {
  const table = new ParkingTestTable(local)

  test('a missing table is created by the workers that start, even by several at once', async () => {
    const tableName = `parking-${randomUUID()}`
    const store = dynamoDBParkingStore({ client: table.client, tableName })
    const names = ['a', 'b', 'c', 'd']
    const leases = await Promise.all(names.map((name) => store.acquire(name)))
    expect(leases.map(({ keys }) => keys)).toEqual([[], [], [], []])
    const { Table } = await table.client.send(new DescribeTableCommand({ TableName: tableName }))
    expect(Table?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST')
  })

  test('an operator who uses a table that does not exist receives the error of the SDK', async () => {
    const tableName = `missing-${randomUUID()}`
    const store = dynamoDBParkingStore({ client: table.client, tableName })
    const calls = [
      () => collect(store.list('run')),
      () => store.get('run', keyHash),
      () => collect(store.records('run', keyHash)),
      () => store.release('run', keyHash),
      () => store.drop('run', keyHash),
    ]
    for (const call of calls)
      await expect(call()).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    await expect(table.client.send(new DescribeTableCommand({ TableName: tableName }))).rejects.toMatchObject(
      { name: 'ResourceNotFoundException' },
    )
  })

  test('a table with other keys is rejected with an explanation', async () => {
    const tableName = `orders-${randomUUID()}`
    await table.client.send(
      new CreateTableCommand({
        TableName: tableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    )
    const store = dynamoDBParkingStore({ client: table.client, tableName })
    const rejection = {
      code: 'options.invalid',
      message: expect.stringContaining(
        `The table "${tableName}" cannot store parked records, because it is not a table with the keys "name" and "part"`,
      ),
    }
    await expect(store.acquire('run')).rejects.toMatchObject(rejection)
    await expect(collect(store.list('run'))).rejects.toMatchObject(rejection)
    await expect(store.get('run', keyHash)).rejects.toMatchObject(rejection)
    await expect(collect(store.records('run', keyHash))).rejects.toMatchObject(rejection)
    await expect(store.drop('run', keyHash)).rejects.toMatchObject(rejection)
  })

  test('checkpoints and parked keys in one table do not affect each other, whatever their names are', async () => {
    const run = randomUUID()
    const checkpoints = dynamoDBCheckpointStore({ client: table.client, tableName: table.tableName })
    const names = [run, `${run}#parking`, `${run}#parking#${keyHash}`]
    const lease = await table.store().acquire(run)
    await lease.save([
      { key: keyOf('key'), added: [...recordsOf(0, 20), recordOf(20, incompressible(99_000))] },
    ])
    // A token of 20,000 shards is saved in chunks, which are deleted after the next save.
    for (const shards of [20_000, 1]) {
      for (const [index, name] of names.entries()) {
        await checkpoints.load(name)
        await checkpoints.save(name, numberedToken(index, shards))
      }
    }
    expect(await readRecords(lease, keyHash)).toHaveLength(21)
    await lease.remove(keyHash)
    for (const [index, name] of names.entries()) expect(numberIn(await checkpoints.load(name))).toBe(index)
  })

  test('every call of a worker and of an operator is covered by the documented permissions', async () => {
    const actions = new Set<string>()
    const client = table.createClient()
    client.middlewareStack.add(
      (next, context) => (args) => {
        const { TransactItems } = args.input as { TransactItems?: object[] }
        const transact = {
          Get: 'GetItem',
          Put: 'PutItem',
          Update: 'UpdateItem',
          Delete: 'DeleteItem',
        } as const
        const names = TransactItems?.flatMap(Object.keys) ?? []
        for (const name of names) actions.add(transact[name as keyof typeof transact] ?? name)
        if (!TransactItems) actions.add((context.commandName ?? '').replace(/Command$/, ''))
        return next(args)
      },
      { step: 'initialize' },
    )
    const store = table.store('recorded', client)
    const run = randomUUID()
    await (await store.acquire(run)).save([{ key: keyOf('key'), added: recordsOf(0, 3) }])
    const lease = await store.acquire(run)
    await lease.save([
      { key: keyOf('key'), added: [recordOf(0, 'replaced'), recordOf(3, incompressible(99_000))] },
    ])
    await lease.save([{ key: finishedAt(1), added: [] }])
    await readRecords(lease, keyHash)
    await store.release(run, keyHash)
    for (const request of await lease.requests()) await lease.complete(request)
    await lease.remove(keyHash)
    expect([...actions].sort()).toEqual(['DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'])
    actions.clear()
    await collect(store.list(run))
    await store.get(run, keyHash)
    await collect(store.records(run, keyHash))
    await store.release(run, keyHash)
    expect([...actions].sort()).toEqual(['GetItem', 'Query'])
  })

  test.each(['GetItem', 'UpdateItem', 'Query', 'TransactWriteItems'])(
    'the error of the SDK is rethrown unchanged if the permission for %s is missing',
    async (denied) => {
      const run = randomUUID()
      const { proxy, store } = await table.faultyStore('a', ({ operation }) =>
        operation === denied ? { do: 'refuse', error: 'AccessDeniedException' } : undefined,
      )
      await using _ = proxy
      const work = async () => {
        const lease = await store.acquire(run)
        await lease.save([{ key: keyOf('key'), added: recordsOf(0, 1) }])
      }
      await expect(work()).rejects.toMatchObject({
        name: 'AccessDeniedException',
        message: 'AccessDeniedException',
      })
    },
  )
})
