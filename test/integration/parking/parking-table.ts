import { randomUUID } from 'node:crypto'
import {
  DeleteItemCommand,
  type DynamoDBClient,
  type DynamoDBClientConfig,
  PutItemCommand,
  paginateQuery,
  paginateScan,
} from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll } from 'vitest'
import { dynamoDBParkingStore } from '../../../src/parking/dynamodb.ts'
import type {
  ParkedKey,
  ParkedKeyUpdate,
  ParkedRecord,
  ParkingLease,
  ParkingStore,
} from '../../../src/parking/parking-store.ts'
import { hashOf, keyOf, positionOf, recordsOf } from '../../../src/testing/contracts/parking/bench.ts'
import { type Fate, type FaultyProxy, faultyProxy, type ProxiedCall } from '../../support/faulty-proxy.ts'
import type { SharedLocal } from '../../support/shared-local.ts'

type Attributes = NonNullable<ConstructorParameters<typeof PutItemCommand>[0]['Item']>

/** A table with parked keys, and clients whose calls can fail. */
export class ParkingTestTable {
  readonly tableName: string = `parking-${randomUUID()}`
  readonly client: DynamoDBClient
  readonly #local: SharedLocal
  readonly #clients: DynamoDBClient[] = []

  /** Must be called while tests are being defined: the table is created before the first of them. */
  constructor(local: SharedLocal) {
    this.#local = local
    this.client = this.createClient()
    // Operators do not create the table.
    beforeAll(async () => void (await this.store('setup').acquire('setup')))
    afterAll(() => {
      for (const client of this.#clients) client.destroy()
    })
  }

  createClient(config: DynamoDBClientConfig = {}): DynamoDBClient {
    const client = this.#local.tableClient(config)
    this.#clients.push(client)
    return client
  }

  store(owner = 'test', client: DynamoDBClient = this.client): ParkingStore {
    return dynamoDBParkingStore({ client, tableName: this.tableName, owner })
  }

  /** Starts a proxy that decides what happens to each call of the returned store. */
  async faultyStore(
    owner: string,
    fateOf: (call: ProxiedCall) => Fate | undefined,
    maxAttempts = 1,
  ): Promise<{ proxy: FaultyProxy; store: ParkingStore }> {
    const proxy = await faultyProxy(this.#local.endpoint, fateOf)
    const client = this.createClient({ endpoint: proxy.endpoint, maxAttempts })
    return { proxy, store: this.store(owner, client) }
  }

  /** Returns the sort keys of a partition. */
  async parts(partition: string): Promise<string[]> {
    const query = {
      TableName: this.tableName,
      ConsistentRead: true,
      KeyConditionExpression: '#name = :name',
      ProjectionExpression: '#part',
      ExpressionAttributeNames: { '#name': 'name', '#part': 'part' },
      ExpressionAttributeValues: { ':name': { S: partition } },
    }
    const parts: string[] = []
    for await (const { Items = [] } of paginateQuery({ client: this.client }, query)) {
      parts.push(...Items.map(({ part }) => part?.S ?? ''))
    }
    return parts
  }

  /** Returns the sort keys of everything that is stored for a run, other than the lease. */
  async leftovers(run: string): Promise<string[]> {
    const scan = {
      TableName: this.tableName,
      ConsistentRead: true,
      FilterExpression: 'begins_with(#name, :name) AND #part <> :lease',
      ExpressionAttributeNames: { '#name': 'name', '#part': 'part' },
      ExpressionAttributeValues: { ':name': { S: run }, ':lease': { S: 'lease' } },
    }
    const parts: string[] = []
    for await (const { Items = [] } of paginateScan({ client: this.client }, scan)) {
      parts.push(...Items.map(({ part }) => part?.S ?? ''))
    }
    return parts
  }

  async put(name: string, part: string, attributes: Attributes): Promise<void> {
    const Item = { name: { S: name }, part: { S: part }, ...attributes }
    await this.client.send(new PutItemCommand({ TableName: this.tableName, Item }))
  }

  async delete(name: string, part: string): Promise<void> {
    const Key = { name: { S: name }, part: { S: part } }
    await this.client.send(new DeleteItemCommand({ TableName: this.tableName, Key }))
  }
}

/** Returns all records of a key, read in pages of 100. */
export async function readRecords(lease: ParkingLease, keyHash: string): Promise<ParkedRecord[]> {
  const records: ParkedRecord[] = []
  for (;;) {
    const page = await lease.read(keyHash, records.at(-1)?.position, 100)
    if (page.length === 0) return records
    records.push(...page)
  }
}

/** Changes what a client receives: an item is removed from responses while `isHidden` returns true for it. */
export function hideItems(client: DynamoDBClient, isHidden: (part: string) => boolean): void {
  const isVisible = (item: Attributes | undefined) => !isHidden(item?.part?.S ?? '')
  client.middlewareStack.add(
    (next) => async (args) => {
      const response = await next(args)
      const output = response.output as { Item?: Attributes; Items?: Attributes[] }
      if (output.Item && !isVisible(output.Item)) delete output.Item
      if (output.Items) output.Items = output.Items.filter(isVisible)
      return response
    },
    { step: 'initialize' },
  )
}

/** Decides the fate of one call: the `index`-th (from 1) of those that match. The others pass. */
export function once(
  fate: Fate,
  matches: (call: ProxiedCall) => boolean,
  index = 1,
): (call: ProxiedCall) => Fate | undefined {
  let count = 0
  return (call) => (matches(call) && ++count === index ? fate : undefined)
}

/** Matches the calls that write parked keys. */
export const isTransaction: (call: ProxiedCall) => boolean = operation('TransactWriteItems')

/** The hash of the key that most tests park. */
export const keyHash: string = keyOf('key').keyHash

/** Returns an update that adds records to that key. */
export function updateOf(from: number, to: number, note = ''): ParkedKeyUpdate {
  return { key: keyOf('key', { records: to, last: positionOf(to - 1) }), added: recordsOf(from, to, note) }
}

/** Returns that key, finished up to a record. */
export function finishedAt(index: number): ParkedKey {
  return keyOf('key', { state: 'releasing', finished: positionOf(index), records: 0 })
}

/** Matches the calls of an operation, such as `TransactWriteItems`. */
export function operation(name: string): (call: ProxiedCall) => boolean {
  return (call) => call.operation === name
}

/** Returns a string of random characters, which gzip shortens by a quarter. */
export function incompressible(length: number, seed = ''): string {
  let content = ''
  for (let index = 0; content.length < length; index++) content += hashOf(`random ${seed} ${index}`)
  return content.slice(0, length)
}
