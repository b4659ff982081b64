import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, test } from 'vitest'
import { dynamoDBParkingStore } from '../../../src/parking/dynamodb.ts'
import { parkingStoreContract } from '../../../src/testing/contracts/parking-store.ts'
import { describeOnLocal } from '../../support/shared-local.ts'

describeOnLocal('dynamoDBParkingStore: parkingStoreContract', (local) => {
  const client = local.tableClient()
  const tableName = `parking-${randomUUID()}`
  const createStore = () => dynamoDBParkingStore({ client, tableName })
  beforeAll(async () => {
    // Operators do not create the table.
    await createStore().acquire('another run')
  })
  afterAll(() => client.destroy())

  for (const { title, run } of parkingStoreContract(createStore)) test(title, run)
})
