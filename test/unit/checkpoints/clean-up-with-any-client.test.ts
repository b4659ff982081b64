import type { DeleteItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb'
import { expect, test } from 'vitest'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import { numberedToken } from '../../support/numbered-token.ts'

test('old chunks are deleted page by page, even with a client from another copy of the SDK', async () => {
  const queries: (string | undefined)[] = []
  const deleted: (string | undefined)[] = []
  const old = ['chunk#a', 'chunk#b', 'chunk#c']
  const send = async (command: object) => {
    switch (command.constructor.name) {
      case 'UpdateItemCommand':
        return { Attributes: { session: { S: 'mine' }, epoch: { N: '1' } } }
      case 'QueryCommand': {
        const from = (command as QueryCommand).input.ExclusiveStartKey?.part?.S
        queries.push(from)
        const part = old[from === undefined ? 0 : old.indexOf(from) + 1] as string
        const isLast = part === old.at(-1)
        return { Items: [{ part: { S: part } }], ...(!isLast && { LastEvaluatedKey: { part: { S: part } } }) }
      }
      case 'DeleteItemCommand':
        deleted.push((command as DeleteItemCommand).input.Key?.part?.S)
        return {}
      default:
        return {}
    }
  }
  const lease = await dynamoDBCheckpointStore({ client: { send } as never, tableName: 'checkpoints' }).lease(
    'w',
  )
  await lease.save(numberedToken(1))
  expect(queries).toEqual([undefined, 'chunk#a', 'chunk#b'])
  expect(deleted).toEqual(old)
})
