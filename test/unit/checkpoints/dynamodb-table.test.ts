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

/**
 * Simulates a table that goes through these statuses and keeps the last one; `undefined` means that it does
 * not exist.
 */
function simulateTable(...statuses: (TableStatus | undefined)[]): void {
  let calls = 0
  dynamodb.on(DescribeTableCommand).callsFake(() => {
    const status = statuses[Math.min(calls++, statuses.length - 1)]
    if (status === undefined) throw missing
    return { Table: { TableStatus: status } }
  })
}

/**
 * Runs work whose first `failures` attempts fail because the table is missing. Returns the number of
 * attempts.
 */
function workOnTable(clock: ManualClock, failures = 1) {
  let attempts = 0
  return clock.run(
    withTable({ client, tableName: 'checkpoints' }, clock, async () => {
      if (++attempts <= failures) throw missing
      return attempts
    }),
  )
}

test('a missing checkpoint table is created, and used once it is active', async () => {
  const clock = new ManualClock()
  simulateTable(undefined, 'CREATING', 'CREATING', 'ACTIVE')
  expect(await workOnTable(clock)).toBe(2)
  expect(dynamodb.commandCalls(CreateTableCommand)).toHaveLength(1)
  expect(dynamodb.commandCalls(CreateTableCommand)[0]?.args[0].input.TableName).toBe('checkpoints')
})

test('a checkpoint table that another worker creates at the same time is used once it is active', async () => {
  simulateTable(undefined, 'CREATING', 'ACTIVE')
  dynamodb.on(CreateTableCommand).rejects(inUse)
  expect(await workOnTable(new ManualClock())).toBe(2)
})

test('a checkpoint table that is being deleted is created again after the deletion', async () => {
  simulateTable('DELETING', 'DELETING', undefined, 'CREATING', 'ACTIVE')
  expect(await workOnTable(new ManualClock())).toBe(2)
  expect(dynamodb.commandCalls(CreateTableCommand)).toHaveLength(1)
})

test('a checkpoint table that exists costs no additional call', async () => {
  expect(await workOnTable(new ManualClock(), 0)).toBe(1)
  expect(dynamodb.calls()).toHaveLength(0)
})

test('a checkpoint table that is not active within two minutes causes an error', async () => {
  const clock = new ManualClock()
  const start = clock.now()
  simulateTable('CREATING')
  await expect(workOnTable(clock)).rejects.toThrow('The table "checkpoints" was not ready within 120 s')
  expect(clock.now() - start).toBe(120_000)
})

test('a worker without permission to create the checkpoint table receives the error of the SDK', async () => {
  const denied = Object.assign(new Error('not authorized'), { name: 'AccessDeniedException' })
  simulateTable(undefined)
  dynamodb.on(CreateTableCommand).rejects(denied)
  await expect(workOnTable(new ManualClock())).rejects.toBe(denied)
})
