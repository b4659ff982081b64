import { randomUUID } from 'node:crypto'
import {
  type AttributeValue,
  CreateTableCommand,
  type DynamoDBClient,
  ScanCommand,
} from '@aws-sdk/client-dynamodb'
import { afterAll, expect, test, vi } from 'vitest'
import {
  applyChange,
  type Order,
  type OrderChange,
  ReplacedError,
  type SumsTable,
} from '../../../examples/exactly-once/apply-change.ts'
import { positionOf } from '../../../examples/exactly-once/position.ts'
import { sumUp } from '../../../examples/exactly-once/sum-up.ts'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import { openStream, type ProcessingRun } from '../../../src/index.ts'
import { below, type Random, seededRandom } from '../../../src/testing/emulator/state/random.ts'
import { StreamEmulator } from '../../../src/testing/index.ts'
import { faultyProxy } from '../../support/faulty-proxy.ts'
import { describeOnLocal } from '../../support/shared-local.ts'

const SEED = process.env.RECIPE_SEED ?? '1'
const patience = { timeout: 120_000, interval: 20 }

/** The emulated table of orders, and what the sums should be. */
class Orders {
  readonly emulator: StreamEmulator
  readonly #random: Random
  readonly #orders = new Map<string, Order>()

  constructor(seed: string, start?: string) {
    this.emulator = new StreamEmulator({
      shards: 2,
      seed,
      ...(start !== undefined && { sequenceNumbers: { start, maxGap: 1_000 } }),
    })
    this.#random = seededRandom(seed, 'orders')
  }

  write(count: number): void {
    for (let n = 0; n < count; n++) {
      const id = `order-${below(this.#random, 15)}`
      if (this.#orders.has(id) && below(this.#random, 5) === 0) {
        this.#orders.delete(id)
        this.emulator.remove({ id })
      } else {
        const order = { id, customer: `c${below(this.#random, 3)}`, cents: below(this.#random, 10_000) }
        this.#orders.set(id, order)
        this.emulator.put({ ...order, version: this.emulator.records.length })
      }
    }
  }

  /** The keys of the orders whose sequence numbers have become longer. */
  get withLongerNumbers(): string[] {
    const lengths = new Map<string, Set<number>>()
    for (const { keyText, sequenceNumber } of this.emulator.records) {
      lengths.set(keyText, (lengths.get(keyText) ?? new Set<number>()).add(sequenceNumber.length))
    }
    return [...lengths].flatMap(([key, { size }]) => (size > 1 ? key : []))
  }

  get sums(): Record<string, number> {
    const sums: Record<string, number> = {}
    for (const { customer, cents } of this.#orders.values()) sums[customer] = (sums[customer] ?? 0) + cents
    return sums
  }
}

describeOnLocal('exactly-once effects in a DynamoDB table', (local) => {
  const clients: DynamoDBClient[] = []
  afterAll(() => {
    for (const client of clients) client.destroy()
  })
  const createClient = (config = {}) => {
    const client = local.tableClient(config)
    clients.push(client)
    return client
  }
  const direct = createClient()

  const createTable = async (): Promise<SumsTable & { readonly client: DynamoDBClient }> => {
    const tableName = `sums-${randomUUID()}`
    await direct.send(
      new CreateTableCommand({
        TableName: tableName,
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    )
    return { client: direct, tableName }
  }
  const itemsOf = async ({ tableName }: SumsTable): Promise<Record<string, AttributeValue>[]> => {
    const { Items = [] } = await direct.send(new ScanCommand({ TableName: tableName, ConsistentRead: true }))
    return Items
  }
  const sumsOf = async (table: SumsTable): Promise<Record<string, number>> => {
    const sums: Record<string, number> = {}
    for (const { pk, cents } of await itemsOf(table)) {
      const [kind, customer = ''] = pk?.S?.split('#') ?? []
      if (kind === 'customer' && cents?.N !== '0') sums[customer] = Number(cents?.N)
    }
    return sums
  }
  const openWorker = async (
    { emulator }: Orders,
    table: SumsTable,
    {
      owner,
      saves = { everyRecords: 25, everyMs: 300 },
    }: { readonly owner: string; readonly saves?: object },
  ) => {
    const stream = await openStream<Order>({
      client: emulator.client(),
      streamArn: emulator.streamArn,
      checkpoint: {
        store: dynamoDBCheckpointStore({
          client: direct,
          tableName: `${table.tableName}-checkpoints`,
          owner,
        }),
        name: 'sums',
        ...saves,
      },
      idlePollMs: { min: 5, max: 20 },
    })
    return { stream, run: sumUp(stream, table) }
  }
  const handled = (run: ProcessingRun, count: number) =>
    vi.waitFor(() => expect(run.counters.handled).toBeGreaterThanOrEqual(count), patience)

  test(`workers that replace each other, repeat records and lose responses leave exact sums (seed ${SEED})`, async () => {
    // The sequence numbers of some orders grow from 21 to 22 digits.
    const orders = new Orders(SEED, String(10n ** 21n - 40_000n))
    const { client: _, tableName } = await createTable()
    let calls = 0
    await using proxy = await faultyProxy(local.endpoint, ({ operation }) =>
      operation === 'TransactWriteItems' && ++calls % 7 === 0 ? { do: 'loseResponse' } : undefined,
    )
    const table = { client: createClient({ endpoint: proxy.endpoint, maxAttempts: 1 }), tableName }

    orders.write(100)
    const runs: ProcessingRun[] = []
    for (let n = 0; n < 6; n++) {
      const { stream, run } = await openWorker(orders, table, { owner: `worker-${n}` })
      const replaced = runs.at(-1)
      runs.push(run)
      const end = run
        .catch((error: { code: string }) => error.code)
        .finally(() => stream.close().catch(() => {}))
      end.catch(() => {})
      orders.write(40)
      if (n === 3) orders.emulator.split()
      await handled(run, 10)
      // The former worker finds out when it saves, and processes records until then.
      if (replaced) {
        await expect(replaced).rejects.toMatchObject({
          code: 'checkpoint.conflict',
          details: { name: 'sums' },
        })
      }
    }
    orders.emulator.disable()
    await runs.at(-1)

    expect(await sumsOf(table)).toEqual(nonZero(orders.sums))
    const attempts = runs.reduce((sum, { counters }) => sum + counters.attempts, 0)
    expect(attempts).toBeGreaterThan(orders.emulator.records.length)
    expect(orders.withLongerNumbers).not.toEqual([])
  })

  test('a write of a worker that was replaced meanwhile has no effect when it arrives', async () => {
    const orders = new Orders('late')
    const table = await createTable()
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    let held = 0
    const late: SumsTable = {
      tableName: table.tableName,
      client: {
        async send(command: never) {
          held++
          await gate
          return direct.send(command)
        },
      } as unknown as DynamoDBClient,
    }
    orders.write(10)
    // It notices that it was replaced only when it is stopped.
    const saves = { everyRecords: 1_000_000, everyMs: 3_600_000 }
    const first = await openWorker(orders, late, { owner: 'first', saves })
    await vi.waitFor(() => expect(held).toBeGreaterThan(1), patience)

    const second = await openWorker(orders, table, { owner: 'second' })
    orders.write(30)
    await handled(second.run, 40)
    expect(await sumsOf(table)).toEqual(nonZero(orders.sums))
    open()
    await handled(first.run, 1)
    await vi.waitFor(() => expect(first.run.counters.records).toBe(40), patience)
    await expect(first.run.stop()).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    expect(await sumsOf(table)).toEqual(nonZero(orders.sums))
    await first.stream.close().catch(() => {})
    orders.emulator.disable()
    await second.run
    await second.stream.close()
  })

  const change = (n: number, epoch: number, cents: number): OrderChange => ({
    id: 'a',
    before: n === 1 ? undefined : { id: 'a', customer: 'ann', cents: cents - 1 },
    after: { id: 'a', customer: 'ann', cents },
    position: positionOf('arn:aws:dynamodb:eu-west-1:1:table/t/stream/2026-01-01T00:00:00.000', String(n)),
    epoch,
  })

  test('a worker with an older epoch cannot change an order that its successor has changed', async () => {
    const table = await createTable()
    await applyChange(table, change(1, 1, 100))
    await applyChange(table, change(2, 2, 101))
    await expect(applyChange(table, change(3, 1, 102))).rejects.toThrow(ReplacedError)
    expect(await sumsOf(table)).toEqual({ ann: 101 })
    expect(await applyChange(table, change(3, 2, 102))).toBe('applied')
    expect(await sumsOf(table)).toEqual({ ann: 102 })
  })

  test('a change is applied once, however often it is delivered, also after later ones', async () => {
    const table = await createTable()
    const changes = [change(9, 1, 100), change(10, 1, 101)]
    const first = { ...(changes[0] as OrderChange), before: undefined }
    const results: string[] = []
    for (const one of [first, first, changes[1] as OrderChange, first, changes[1] as OrderChange]) {
      results.push(await applyChange(table, one))
    }
    expect(results).toEqual(['applied', 'repeated', 'applied', 'repeated', 'repeated'])
    expect(await sumsOf(table)).toEqual({ ann: 101 })
  })

  test('concurrent deliveries of one change have one effect', async () => {
    const table = await createTable()
    const one = change(1, 1, 100)
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => applyChange(table, one)))
    const applied = results.filter((result) => result.status === 'fulfilled' && result.value === 'applied')
    expect(applied).toHaveLength(1)
    expect(await sumsOf(table)).toEqual({ ann: 100 })
  })
})

function nonZero(sums: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(sums).filter(([, cents]) => cents !== 0))
}
