import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  type TableStatus,
} from '@aws-sdk/client-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, expect, test } from 'vitest'
import { withTable } from '../../../src/checkpoints/dynamodb-table.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'

const client = new DynamoDBClient({ region: 'eu-west-1' })
const dynamodb = mockClient(client)
beforeEach(() => dynamodb.reset())

const missing = new ResourceNotFoundException({ message: 'no such table', $metadata: {} })
const inUse = new ResourceInUseException({ message: 'in use', $metadata: {} })

/** A table that is in one status after another; `undefined` is missing. The last one stays. */
function tableIsIn(...statuses: (TableStatus | undefined)[]): void {
  let asked = 0
  dynamodb.on(DescribeTableCommand).callsFake(() => {
    const status = statuses[Math.min(asked++, statuses.length - 1)]
    if (status === undefined) throw missing
    return { Table: { TableStatus: status } }
  })
}

/** Work that needs the table, and finds it missing at first. */
function workOnTable(clock: ManualClock, fails = 1) {
  let tries = 0
  return clock.run(
    withTable({ client, tableName: 'checkpoints' }, clock, async () => {
      if (++tries <= fails) throw missing
      return tries
    }),
  )
}

test('a missing table is created and waited for', async () => {
  const clock = new ManualClock()
  tableIsIn(undefined, 'CREATING', 'CREATING', 'ACTIVE')
  expect(await workOnTable(clock)).toBe(2)
  expect(dynamodb.commandCalls(CreateTableCommand)).toHaveLength(1)
  expect(dynamodb.commandCalls(CreateTableCommand)[0]?.args[0].input.TableName).toBe('checkpoints')
})

test('a table that another worker creates at the same moment is waited for', async () => {
  tableIsIn(undefined, 'CREATING', 'ACTIVE')
  dynamodb.on(CreateTableCommand).rejects(inUse)
  expect(await workOnTable(new ManualClock())).toBe(2)
})

test('a table that is being deleted is created when it is gone', async () => {
  tableIsIn('DELETING', 'DELETING', undefined, 'CREATING', 'ACTIVE')
  expect(await workOnTable(new ManualClock())).toBe(2)
  expect(dynamodb.commandCalls(CreateTableCommand)).toHaveLength(1)
})

test('a table that exists is not asked about', async () => {
  expect(await workOnTable(new ManualClock(), 0)).toBe(1)
  expect(dynamodb.calls()).toHaveLength(0)
})

test('a table that is not ready within two minutes ends the waiting', async () => {
  const clock = new ManualClock()
  const start = clock.now()
  tableIsIn('CREATING')
  await expect(workOnTable(clock)).rejects.toThrow('The table "checkpoints" was not ready within 120 s')
  expect(clock.now() - start).toBe(120_000)
})

test('a worker that may not create the table gets the error of the SDK', async () => {
  const denied = Object.assign(new Error('not authorized'), { name: 'AccessDeniedException' })
  tableIsIn(undefined)
  dynamodb.on(CreateTableCommand).rejects(denied)
  await expect(workOnTable(new ManualClock())).rejects.toBe(denied)
})
