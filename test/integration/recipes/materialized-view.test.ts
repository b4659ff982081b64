import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { DeleteItemCommand, type DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import sqlite from 'node-sqlite3-wasm'
import { expect, test } from 'vitest'
import { rowsOf, wrongSums } from '../../../examples/materialized-view/emulated-orders.ts'
import type { Order } from '../../../examples/materialized-view/order-view.ts'
import { below, seededRandom } from '../../../src/testing/emulator/state/random.ts'
import { startProgram } from '../../cli/support.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { createTable } from '../../support/tables.ts'

const KILLS = Number(process.env.RECIPE_KILLS ?? 5)
const SEED = process.env.RECIPE_SEED ?? '1'

const program = fileURLToPath(new URL('../../../examples/materialized-view/worker.ts', import.meta.url))

describeOnLocal('a materialized view in SQLite', (local) => {
  test(`a worker that is killed ${KILLS} times, also during its scan, ends with the rows of the table (seed ${SEED})`, async () => {
    const random = seededRandom(SEED, 'view')
    const client = local.tableClient()
    const { tableName } = await createTable(client)
    const change = async () => {
      const id = `order-${1_000 + below(random, 600)}`
      if (below(random, 5) === 0) {
        await client.send(new DeleteItemCommand({ TableName: tableName, Key: marshall({ id }) }))
      } else {
        const order: Order = { id, customer: `c${below(random, 4)}`, cents: below(random, 1_000) }
        await client.send(new PutItemCommand({ TableName: tableName, Item: marshall(order) }))
      }
    }
    for (let n = 0; n < 400; n++) await change()

    let isWriting = true
    const writing = (async () => {
      while (isWriting) {
        await change()
        await wait(5)
      }
    })()
    writing.catch(() => {})
    const file = join(mkdtempSync(join(tmpdir(), 'view-')), 'view.db')
    const start = () =>
      startProgram(program, [tableName, file], {
        AWS_ENDPOINT_URL: local.endpoint,
        AWS_REGION: 'eu-west-1',
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: 'local',
      })
    for (let kill = 0; kill < KILLS; kill++) {
      const { child, ended, seen } = start()
      await seen('stdout', 'started')
      await wait(below(random, 60 * (kill + 1))) // The first ones are killed during the scan.
      child.kill('SIGKILL')
      await ended
    }
    isWriting = false
    await writing

    const last = start()
    await last.seen('stdout', 'complete')
    last.child.kill('SIGTERM')
    const { code, stderr } = await last.ended
    expect(code, stderr).toBe(0)
    const db = new sqlite.Database(file)
    expect(rowsOf(db)).toEqual(await scan(client, tableName))
    expect(wrongSums(db)).toEqual([])
    db.close()
    client.destroy()
  })
})

async function scan(client: DynamoDBClient, tableName: string): Promise<unknown[]> {
  const { Items = [] } = await client.send(new ScanCommand({ TableName: tableName, ConsistentRead: true }))
  const orders = Items.map((item) => unmarshall(item) as Order).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return orders.map(({ id, customer, cents }) => ({ id, customer, cents }))
}
