import { randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { UpdateTableCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import { openStream } from '../../../src/stream/open-stream.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { createTable, putNumbers } from '../../support/tables.ts'

/** The actions that a row of README.md's table of permissions lists; the row is found by how its first column starts. */
function documentedActions(row: string): string[] {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
  const line = readme.split('\n').find((text) => text.startsWith(`| ${row}`))
  const [, , actions = ''] = line?.split('|') ?? []
  return [...new Set([...actions.matchAll(/`([A-Z]\w+)`/g)].map(([, action = '']) => action))].sort()
}

/** A middleware that notes the actions which are called. */
function note(actions: Set<string>) {
  return <Args, Result>(next: (args: Args) => Promise<Result>, context: { readonly commandName?: string }) =>
    (args: Args): Promise<Result> => {
      actions.add((context.commandName ?? '').replace(/Command$/, ''))
      return next(args)
    }
}

describeOnLocal('the permissions that README.md lists', (local) => {
  const clients: { destroy(): void }[] = []
  afterAll(() => {
    for (const client of clients) client.destroy()
  })
  const notedTableClient = () => {
    const called = new Set<string>()
    const client = local.tableClient()
    clients.push(client)
    client.middlewareStack.add(note(called), { step: 'initialize' })
    return { client, actions: () => [...called].sort() }
  }
  const notedStreamsClient = () => {
    const called = new Set<string>()
    const client = local.streamsClient()
    clients.push(client)
    client.middlewareStack.add(note(called), { step: 'initialize' })
    return { client, actions: () => [...called].sort() }
  }

  const { client: writer } = notedTableClient()
  const checkpoints = notedTableClient()
  const checkpointsInTable = notedTableClient()
  const [reading, following] = [notedStreamsClient(), notedStreamsClient()]
  const [table, followedTable] = [notedTableClient(), notedTableClient()]

  beforeAll(async () => {
    const { tableName, streamArn } = await createTable(writer)
    await putNumbers(writer, { tableName, streamArn }, 'a', [1, 3])
    const checkpointTable = `checkpoints-${randomUUID()}`
    const storeOf = ({ client }: typeof checkpoints) =>
      dynamoDBCheckpointStore({ client, tableName: checkpointTable })

    // A checkpoint of an earlier worker that is too large for one item; the part that is not known is ignored.
    const token = { version: 1 as const, streamArn, shards: [] }
    const later = randomBytes(100_000).toString('base64')
    await storeOf(checkpoints).save('reader', Object.assign(token, { later }))

    await using stream = await openStream({
      tableName,
      client: reading.client,
      tableClient: table.client,
      checkpoint: { store: storeOf(checkpoints), name: 'reader' },
    })
    let seen = 0
    for await (const _ of stream) if (++seen === 3) break
    await stream.close()

    await using followed = await openStream({
      tableName,
      followTable: true,
      discoveryIntervalMs: 1_000,
      client: following.client,
      tableClient: followedTable.client,
      checkpoint: { store: storeOf(checkpointsInTable), name: 'follower' },
    })
    seen = 0
    for await (const _ of followed) {
      if (++seen === 3) {
        for (const StreamEnabled of [false, true]) {
          const StreamSpecification = {
            StreamEnabled,
            ...(StreamEnabled && { StreamViewType: 'NEW_IMAGE' as const }),
          }
          await writer.send(new UpdateTableCommand({ TableName: tableName, StreamSpecification }))
        }
        await putNumbers(writer, { tableName, streamArn }, 'a', [4, 4])
      }
      if (seen === 4) break
    }
  })

  test('for reading are the calls of its client', () => {
    expect(documentedActions('reading')).toEqual(reading.actions())
  })

  test('for tableName are the calls that find the stream, and with followTable the next one', () => {
    expect(table.actions()).toEqual(['DescribeTable'])
    const more = following.actions().filter((action) => !reading.actions().includes(action))
    expect(documentedActions('`tableName`')).toEqual([...followedTable.actions(), ...more].sort())
  })

  test('for dynamoDBCheckpointStore are its calls, with those that create the table', () => {
    expect(documentedActions('`dynamoDBCheckpointStore`')).toEqual(checkpoints.actions())
    expect(checkpointsInTable.actions()).not.toContain('CreateTable')
    expect(checkpointsInTable.actions()).not.toContain('DescribeTable')
  })
})
