import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, expect, test } from 'vitest'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'

const client = new DynamoDBClient({ region: 'eu-west-1' })
const dynamodb = mockClient(client)
beforeEach(() => dynamodb.reset())

const store = dynamoDBCheckpointStore({ client, tableName: 'checkpoints' })

/** Simulates the head of a token in one chunk. The chunk is missing, as if a later save had deleted it. */
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

test('peek() of a checkpoint that is saved during each of five attempts reports that it keeps changing', async () => {
  headsHaveVersions((read) => read)
  await expect(store.peek('worker')).rejects.toMatchObject({
    code: 'checkpoint.failed',
    message:
      'The checkpoint "worker" changed during each of 5 attempts to read it. It is not damaged: try again.',
    details: { name: 'worker', operation: 'load' },
  })
  expect(dynamodb.commandCalls(GetItemCommand)).toHaveLength(11)
})

test('peek() of a checkpoint that lacks a chunk and has not changed reports that it is damaged', async () => {
  headsHaveVersions((read) => Math.min(read, 3))
  await expect(store.peek('worker')).rejects.toMatchObject({
    code: 'token.invalid',
    message: expect.stringContaining('is damaged: a chunk of it is missing'),
  })
})
