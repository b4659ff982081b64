import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { expect, test } from 'vitest'
import { dynamoDBParkingStore } from '../../../src/parking/dynamodb.ts'

const client = new DynamoDBClient({ region: 'eu-west-1' })
const create = dynamoDBParkingStore as (options?: unknown) => ReturnType<typeof dynamoDBParkingStore>

test.each([
  [
    'options',
    undefined,
    "dynamoDBParkingStore expects an object with options, such as { client, tableName: 'parking' }",
  ],
  ['tableNam', { client, tableNam: 'parking' }, 'There is no option tableNam; did you mean tableName?'],
  ['region', { client, tableName: 'parking', region: 'a' }, 'new DynamoDBClient({ region })'],
  ['tableName', { client, tableName: '' }, 'Option tableName is "", but must be a table name.'],
  ['client', { tableName: 'parking' }, 'but must be a DynamoDBClient of the AWS SDK for JavaScript v3.'],
  [
    'client',
    { client: new DynamoDBStreamsClient({ region: 'eu-west-1' }), tableName: 'parking' },
    'Option client is a DynamoDBStreamsClient, but must be a DynamoDBClient',
  ],
])(
  'an invalid option %s of the parking store is reported when the store is created (case %#)',
  (option, options, message) => {
    const error = expect.objectContaining({
      code: 'options.invalid',
      details: expect.objectContaining({ option }),
      message: expect.stringContaining(message),
    })
    expect(() => create(options)).toThrow(error)
  },
)

test.each(['', 'short', 'a'.repeat(23), `${'a'.repeat(21)}#`, undefined])(
  'the hash %j is rejected before any call, because it is not the hash of a key',
  async (keyHash) => {
    const store = create({ client, tableName: 'parking' })
    const invalid = { code: 'options.invalid', details: { option: 'keyHash' } }
    for (const call of [store.get, store.release, store.drop]) {
      await expect(call('run', keyHash as string)).rejects.toMatchObject(invalid)
    }
    const records = store.records('run', keyHash as string)[Symbol.asyncIterator]()
    await expect(records.next()).rejects.toMatchObject(invalid)
  },
)
