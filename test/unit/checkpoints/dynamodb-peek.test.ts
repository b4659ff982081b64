import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, expect, test } from 'vitest'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'

const client = new DynamoDBClient({ region: 'eu-west-1' })
const dynamodb = mockClient(client)
beforeEach(() => dynamodb.reset())

const store = dynamoDBCheckpointStore({ client, tableName: 'checkpoints' })

/** The head of a token in one chunk. There are no chunks: another save has removed them. */
function headsHaveVersions(versionOf: (read: number) => number): void {
  let reads = 0
  dynamodb.on(GetItemCommand).callsFake(({ Key }) => {
    if (Key.part.S !== 'head') return {}
    const Item = {
      session: { S: 'session' },
      epoch: { N: '1' },
      version: { N: String(versionOf(++reads)) },
      chunkPrefix: { S: 'chunk#1' },
      chunkCount: { N: '1' },
    }
    return { Item }
  })
}

test('peek of a checkpoint that is saved during each of five attempts says that it changed', async () => {
  headsHaveVersions((read) => read)
  await expect(store.peek('worker')).rejects.toMatchObject({
    code: 'checkpoint.failed',
    message:
      'The checkpoint "worker" changed each of the 5 times that it was read. It is not damaged: try again',
    details: { name: 'worker', operation: 'load' },
  })
  expect(dynamodb.commandCalls(GetItemCommand)).toHaveLength(11)
})

test('peek of a checkpoint that lacks a chunk and is not saved meanwhile says that it is damaged', async () => {
  headsHaveVersions((read) => Math.min(read, 3))
  await expect(store.peek('worker')).rejects.toMatchObject({
    code: 'token.invalid',
    message: expect.stringContaining('is damaged: a part of it is missing'),
  })
})
