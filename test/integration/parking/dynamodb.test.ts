import { randomUUID } from 'node:crypto'
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { describe, expect, test } from 'vitest'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import { dynamoDBParkingStore } from '../../../src/parking/dynamodb.ts'
import type { ParkingLease } from '../../../src/parking/parking-store.ts'
import {
  collect,
  keyOf,
  positionOf,
  recordOf,
  recordsOf,
} from '../../../src/testing/contracts/parking/bench.ts'
import { numberedToken, numberIn } from '../../support/numbered-token.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { incompressible, ParkingTestTable, readRecords } from './parking-table.ts'

const { keyHash } = keyOf('key')

/** A key that is finished up to a record. */
function finishedAt(index: number) {
  return keyOf('key', { state: 'releasing', finished: positionOf(index), records: 0 })
}

describeOnLocal('dynamoDBParkingStore', (local) => {
  const table = new ParkingTestTable(local)

  describe('the table', () => {
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
      await expect(
        table.client.send(new DescribeTableCommand({ TableName: tableName })),
      ).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
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

  describe('what is stored', () => {
    test('a record of 2 MB is stored in several items, and they are deleted when it is finished', async () => {
      const run = randomUUID()
      const lease = await table.store().acquire(run)
      const large = recordOf(1, incompressible(2_000_000))
      await lease.save([{ key: keyOf('key'), added: [recordOf(0, 'a'), large, recordOf(2, 'b')] }])
      const parts = await table.parts(`${run}#parking#${keyHash}`)
      expect(parts.filter((part) => part.startsWith('record#'))).toHaveLength(3)
      // Random base64url has 6 bits per character: 1.5 MB, in pieces of up to 350 kB.
      expect(parts.filter((part) => part.startsWith('piece#'))).toHaveLength(5)
      expect(await readRecords(lease, keyHash)).toEqual([recordOf(0, 'a'), large, recordOf(2, 'b')])
      await lease.save([{ key: finishedAt(1), added: [] }])
      expect(await table.parts(`${run}#parking#${keyHash}`)).toEqual([`record#${positionOf(2)}`])
    })

    test('a large record that is replaced by another one is read, and nothing of either is left at the end', async () => {
      const run = randomUUID()
      const lease = await table.store().acquire(run)
      const contents = [
        incompressible(900_000),
        incompressible(1_400_000, 'other'),
        'small',
        incompressible(500_000),
      ]
      await lease.save([{ key: keyOf('key'), added: recordsOf(0, 3) }])
      for (const content of contents) {
        await lease.save([{ key: keyOf('key'), added: [recordOf(1, content)] }])
        expect(await readRecords(lease, keyHash)).toEqual([
          recordOf(0, '0'),
          recordOf(1, content),
          recordOf(2, '2'),
        ])
      }
      await lease.remove(keyHash)
      expect(await table.leftovers(run)).toEqual([])
    })

    test('3,000 finished records are deleted by the saves that follow, and the removal deletes the rest', async () => {
      const run = randomUUID()
      const lease = await table.store().acquire(run)
      await lease.save([{ key: keyOf('key'), added: recordsOf(0, 3_000) }])
      const stored = async () => (await table.parts(`${run}#parking#${keyHash}`)).length
      await lease.save([{ key: finishedAt(2_799), added: [] }])
      expect(await stored()).toBe(2_500)
      const next = await table.store().acquire(run)
      await next.save([{ key: finishedAt(2_799), added: [] }])
      expect(await stored()).toBe(2_000)
      expect(await readRecords(next, keyHash)).toEqual(recordsOf(2_800, 3_000))
      await next.remove(keyHash)
      expect(await table.leftovers(run)).toEqual([])
    })

    test('parked keys of more than 1 MB in total are all acquired and listed', async () => {
      const run = randomUUID()
      const keys = Array.from({ length: 300 }, (_, index) =>
        keyOf(`key ${index}`, { key: JSON.stringify({ id: { S: `${index} ${'x'.repeat(8_000)}` } }) }),
      )
      const lease = await table.store().acquire(run)
      await lease.save(keys.map((key) => ({ key, added: [] })))
      const byHash = (one: { keyHash: string }, other: { keyHash: string }) =>
        one.keyHash < other.keyHash ? -1 : 1
      const sorted = keys.toSorted(byHash)
      expect((await table.store().acquire(run)).keys.toSorted(byHash)).toEqual(sorted)
      expect((await collect(table.store().list(run))).toSorted(byHash)).toEqual(sorted)
    })

    test('records of more than 1 MB in total are read page by page', async () => {
      const run = randomUUID()
      const lease = await table.store().acquire(run)
      // Compressed, each has about 20 kB and is stored in one item.
      const records = Array.from({ length: 120 }, (_, index) =>
        recordOf(index, incompressible(26_000, `${index}`)),
      )
      await lease.save([{ key: keyOf('key'), added: records }])
      const page = await lease.read(keyHash, undefined, 1_000)
      expect(page.length).toBeLessThan(120)
      expect(await readRecords(lease, keyHash)).toEqual(records)
      expect(await collect(table.store().records(run, keyHash))).toEqual(records)
    })
  })

  describe('leases', () => {
    test('the error of an older epoch says how to continue after the checkpoint was deleted on purpose', async () => {
      const run = randomUUID()
      const before = await table.store('host-a:1').acquire(run, { epoch: 7 })
      await before.save([{ key: keyOf('key'), added: recordsOf(0, 2) }])
      await expect(table.store().acquire(run, { epoch: 1 })).rejects.toMatchObject({
        code: 'checkpoint.conflict',
        details: { name: run, owner: 'host-a:1' },
        message:
          `The parked keys of "${run}" were acquired by host-a:1 with a checkpoint of the epoch 7, but the ` +
          'checkpoint of this worker has the epoch 1: another worker has acquired it since. If you have deleted the ' +
          `checkpoint on purpose, also delete the item with the name "${run}#parking" and the part "lease" from ` +
          `the table "${table.tableName}"; parked records remain.`,
      })
      await table.delete(`${run}#parking`, 'lease')
      const lease = await table.store().acquire(run, { epoch: 1 })
      expect(await readRecords(lease, keyHash)).toEqual(recordsOf(0, 2))
      await expect(before.save([])).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    })

    test('a worker does not create the lease again if it was deleted from the table', async () => {
      const run = randomUUID()
      const lease = await table.store().acquire(run)
      await table.delete(`${run}#parking`, 'lease')
      const rejection = {
        code: 'checkpoint.conflict',
        message: `The lease of the parked keys of "${run}" was deleted: this worker can no longer save them.`,
      }
      await expect(lease.save([{ key: keyOf('key'), added: [] }])).rejects.toMatchObject(rejection)
      await expect(lease.requests()).rejects.toMatchObject(rejection)
      expect(await table.leftovers(run)).toEqual([])
    })

    test.each([
      ['save() without updates', (lease: ParkingLease) => lease.save([])],
      ['save()', (lease: ParkingLease) => lease.save([{ key: keyOf('key'), added: [] }])],
      ['read()', (lease: ParkingLease) => lease.read(keyHash, undefined, 10)],
      ['requests()', (lease: ParkingLease) => lease.requests()],
      ['complete()', (lease: ParkingLease) => lease.complete({ keyHash, action: 'drop', id: 'unknown' })],
      ['remove()', (lease: ParkingLease) => lease.remove(keyHash)],
      ['remove() of a key that is not parked', (lease: ParkingLease) => lease.remove('0'.repeat(22))],
    ])('a lease that was lost rejects its next call, also if that is %s', async (_, call) => {
      const run = randomUUID()
      await (await table.store().acquire(run)).save([{ key: keyOf('key'), added: recordsOf(0, 2) }])
      const lost = await table.store('lost').acquire(run)
      await table.store('next').acquire(run)
      await expect(call(lost)).rejects.toMatchObject({
        code: 'checkpoint.conflict',
        details: { name: run, owner: 'next' },
      })
    })

    test('two workers that acquire and save in turn, at the same time, never mix their records', async () => {
      const run = randomUUID()
      const accepted: string[] = []
      const work = async (worker: string) => {
        for (let round = 0; round < 15; round++) {
          const lease = await table.store(worker).acquire(run)
          for (let save = 0; save < 3; save++) {
            const note = `${worker} ${round} ${save} `
            const index = Number(lease.keys[0]?.records ?? 0) + save
            const key = keyOf('key', { records: index + 1 })
            const saved = await lease.save([{ key, added: [recordOf(index, note)] }]).then(
              () => true,
              (error) => {
                expect(error).toMatchObject({ code: 'checkpoint.conflict' })
                return false
              },
            )
            if (!saved) break
            accepted[index] = note
          }
        }
      }
      await Promise.all([work('a'), work('b')])
      const last = await table.store('last').acquire(run)
      const records = await readRecords(last, keyHash)
      expect(records).toEqual(accepted.map((note, index) => recordOf(index, note)))
      expect(last.keys[0]?.records).toBe(records.length)
    })

    test('acquiring a lease can be aborted', async () => {
      const { proxy, store } = await table.faultyStore('a', () => ({ do: 'pass', afterMs: 5_000 }))
      await using _ = proxy
      const acquired = store.acquire(randomUUID(), { signal: AbortSignal.timeout(50) })
      await expect(acquired).rejects.toMatchObject({ name: expect.stringMatching(/Abort|Timeout/) })
    })
  })

  describe('damaged items', () => {
    const header = {
      id: { S: 'i' },
      key: { S: '{}' },
      state: { S: 'parked' },
      parkedAt: { N: '1' },
      records: { N: '1' },
      last: { S: 'p' },
      end: { S: 'p' },
    }
    const { id, ...withoutId } = header

    test.each([
      ['its id is missing', withoutId],
      ['its key is a number', { ...header, key: { N: '1' } }],
      ['its state is unknown', { ...header, state: { S: 'lost' } }],
      ['its time is missing', { ...withoutId, id, parkedAt: { S: '1' } }],
      ['its number of records is negative', { ...header, records: { N: '-1' } }],
      ['its number of records is a fraction', { ...header, records: { N: '0.5' } }],
      ['its last position is binary', { ...header, last: { B: Buffer.from('p') } }],
      ['its finished position is a number', { ...header, finished: { N: '1' } }],
      ['its floor is a number', { ...header, floor: { N: '1' } }],
      ['its progress is not JSON', { ...header, progress: { S: '{' } }],
      ['its progress is null', { ...header, progress: { S: 'null' } }],
      ['its progress has no attempts', { ...header, progress: { S: '{"since":1}' } }],
      [
        'its progress has an invalid error',
        { ...header, progress: { S: '{"attempts":1,"since":1,"error":{}}' } },
      ],
      [
        'its progress has invalid tasks',
        { ...header, progress: { S: '{"attempts":1,"since":1,"done":[1]}' } },
      ],
    ])('a key is reported as damaged if %s', async (_, attributes) => {
      const run = randomUUID()
      await table.put(`${run}#parking`, `key#${keyHash}`, attributes)
      const damaged = (operation: string) => ({
        code: 'parking.failed',
        details: { name: run, keyHash, operation },
        message: expect.stringMatching(
          / are damaged: .*\. They were left unchanged: restore the items from a backup/,
        ),
      })
      await expect(table.store().acquire(run)).rejects.toMatchObject(damaged('acquire'))
      await expect(collect(table.store().list(run))).rejects.toMatchObject(damaged('read'))
      await expect(table.store().get(run, keyHash)).rejects.toMatchObject(damaged('read'))
      await expect(table.store().release(run, keyHash)).rejects.toMatchObject(damaged('read'))
    })

    const lease = { session: { S: 's' }, version: { N: '1' }, epoch: { N: '1' } }

    test.each([
      ['its session is missing', { ...lease, session: { S: '' } }],
      ['its version is a string', { ...lease, version: { S: '1' } }],
      ['its epoch is negative', { ...lease, epoch: { N: '-1' } }],
      ['the items of the last transaction are not JSON', { ...lease, written: { S: '[' } }],
      ['the items of the last transaction are numbers', { ...lease, written: { S: '[1]' } }],
      ['its incomplete key is a number', { ...lease, incomplete: { N: '1' } }],
    ])('a lease is reported as damaged if %s', async (_, attributes) => {
      const run = randomUUID()
      await table.put(`${run}#parking`, 'lease', attributes)
      await expect(table.store().acquire(run)).rejects.toMatchObject({
        code: 'parking.failed',
        details: { name: run, operation: 'acquire' },
      })
    })

    test('a request with an unknown action is reported as damaged', async () => {
      const run = randomUUID()
      const acquired = await table.store().acquire(run)
      const request = { id: { S: '1' }, keyId: { S: '1' }, action: { S: 'delete' } }
      await table.put(`${run}#parking`, `request#${keyHash}`, request)
      await expect(acquired.requests()).rejects.toMatchObject({ code: 'parking.failed' })
    })

    const digest = { S: 'd'.repeat(22) }

    test.each([
      ['it has no content', { digest }],
      ['it has two contents', { digest, content: { S: 'a' }, data: { B: Buffer.from('a') } }],
      ['its digest is missing', { content: { S: 'a' } }],
      ['its content was changed', { digest, content: { S: 'a' } }],
      ['its content is a number', { digest, content: { N: '1' } }],
      ['its data is a string', { digest, data: { S: 'a' } }],
      ['it has a billion pieces', { digest, pieces: { N: '1000000000' } }],
      ['the record before it is itself', { digest, content: { S: 'a' }, previous: { S: positionOf(1) } }],
    ])('a record is reported as damaged, and none after it is read, if %s', async (_, attributes) => {
      const run = randomUUID()
      const acquired = await table.store().acquire(run)
      await acquired.save([{ key: keyOf('key'), added: recordsOf(0, 3) }])
      const previous = { S: positionOf(0) }
      await table.put(`${run}#parking#${keyHash}`, `record#${positionOf(1)}`, { previous, ...attributes })
      const rejection = { code: 'parking.failed', details: { name: run, keyHash, operation: 'read' } }
      await expect(acquired.read(keyHash, undefined, 10)).rejects.toMatchObject(rejection)
      await expect(collect(table.store().records(run, keyHash))).rejects.toMatchObject(rejection)
      expect(await acquired.read(keyHash, positionOf(1), 10)).toEqual([recordOf(2, '2')])
    })

    test.each([
      ['its first record', `record#${positionOf(0)}`],
      ['a record in the middle', `record#${positionOf(1)}`],
      ['its last record', `record#${positionOf(2)}`],
      ['a piece of a record', 'piece#'],
    ])('a key is reported as damaged if %s was deleted from the table', async (_, prefix) => {
      const run = randomUUID()
      const acquired = await table.store().acquire(run)
      const records = [recordOf(0, '0'), recordOf(1, incompressible(400_000)), recordOf(2, '2')]
      await acquired.save([{ key: keyOf('key'), added: records }])
      const partition = `${run}#parking#${keyHash}`
      const part = (await table.parts(partition)).find((one) => one.startsWith(prefix)) ?? ''
      await table.delete(partition, part)
      await expect(acquired.read(keyHash, undefined, 10)).rejects.toMatchObject({
        code: 'parking.failed',
        message: expect.stringContaining('a record up to'),
      })
    })
  })

  test.each([
    ['is empty', ''],
    ['is longer than a key', 'x'.repeat(2_018)],
    ['contains a lone surrogate', '\ud800'],
  ])('the name of a run that %s is rejected before any call', async (_, name) => {
    const client = new DynamoDBClient({ region: 'nowhere' })
    const store = dynamoDBParkingStore({ client, tableName: 'parking' })
    const rejection = {
      code: 'options.invalid',
      message: expect.stringContaining('a well-formed string of 1 to 2017 bytes'),
    }
    await expect(store.acquire(name)).rejects.toMatchObject(rejection)
    await expect(collect(store.list(name))).rejects.toMatchObject(rejection)
    await expect(store.get(name, keyHash)).rejects.toMatchObject(rejection)
    await expect(store.release(name, keyHash)).rejects.toMatchObject(rejection)
  })

  test('a name of 2,017 bytes can be used', async () => {
    const run = `${randomUUID()}${'é'.repeat(990)}x`
    expect(Buffer.byteLength(run)).toBe(2_017)
    const lease = await table.store().acquire(run)
    await lease.save([{ key: keyOf('key'), added: recordsOf(0, 2) }])
    expect(await readRecords(lease, keyHash)).toEqual(recordsOf(0, 2))
  })
})
