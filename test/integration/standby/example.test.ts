import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { expect, test } from 'vitest'
import { startProgram } from '../../cli/support.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { createTable } from '../../support/tables.ts'

const program = fileURLToPath(new URL('../../../examples/standby/worker.ts', import.meta.url))

describeOnLocal('the example of a standby worker', (local) => {
  test('a worker takes over when the active one is stopped, and another one when that is killed', async () => {
    const client = local.tableClient()
    const orders = await createTable(client)
    const summaries = await createTable(client, 'no stream')
    const start = () =>
      startProgram(program, [], {
        AWS_ENDPOINT_URL: local.endpoint,
        AWS_REGION: 'eu-west-1',
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: 'local',
        TABLE: orders.tableName,
        SUMMARY_TABLE: summaries.tableName,
        CHECKPOINT_TABLE: `checkpoints-${orders.tableName}`,
        LEASE_MS: '3000',
      })
    const order = (id: string) =>
      client.send(
        new PutItemCommand({ TableName: orders.tableName, Item: { id: { S: id }, total: { N: '7' } } }),
      )
    const epochOf = async (id: string) => {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: summaries.tableName, Key: { id: { S: id } } }),
      )
      return Item?.epoch?.N
    }
    const ids = [1, 2, 3].map((n) => `order-${n}-${randomUUID()}`) as [string, string, string]

    const first = start()
    await first.seen('stdout', 'Active with epoch')
    const second = start()
    await second.seen('stdout', 'Waiting:')
    const third = start()
    await third.seen('stdout', 'Waiting:')
    await order(ids[0])
    await first.seen('stdout', `Summarized ${ids[0]}.`)

    first.child.kill('SIGTERM')
    expect(await first.ended).toMatchObject({ code: 0 })
    const [next, last] = await Promise.race([
      second.seen('stdout', 'Active with epoch').then(() => [second, third] as const),
      third.seen('stdout', 'Active with epoch').then(() => [third, second] as const),
    ])
    await order(ids[1])
    await next.seen('stdout', `Summarized ${ids[1]}.`)

    next.child.kill('SIGKILL')
    await last.seen('stdout', 'Active with epoch')
    await order(ids[2])
    await last.seen('stdout', `Summarized ${ids[2]}.`)
    // What was handled since the last checkpoint of a killed worker is handled again, by its successor.
    const [one = 0, two = 0, three = 0] = (await Promise.all(ids.map(epochOf))).map(Number)
    expect(one).toBeLessThan(two)
    expect(two).toBeLessThanOrEqual(three)

    last.child.kill('SIGINT')
    expect(await last.ended).toMatchObject({ code: 0 })
    client.destroy()
  })
})
