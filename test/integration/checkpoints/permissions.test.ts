import { randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import { openStream } from '../../../src/stream/open-stream.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { createTable, putNumbers, setStream } from '../../support/tables.ts'

/** Returns the actions in the row of README.md's permissions table whose first column starts with `row`. */
function documentedActions(row: string): string[] {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
  const [, section = ''] = readme.split('### IAM permissions')
  const line = section.split('\n').find((content) => content.startsWith(`| ${row}`))
  const [, , actions = ''] = line?.split('|') ?? []
  return [...new Set([...actions.matchAll(/`([A-Z]\w+)`/g)].map(([, action = '']) => action))].sort()
}

/** Creates a middleware that records the actions that are called. */
function recordActions(actions: Set<string>) {
  return <Args, Result>(next: (args: Args) => Promise<Result>, context: { readonly commandName?: string }) =>
    (args: Args): Promise<Result> => {
      actions.add((context.commandName ?? '').replace(/Command$/, ''))
      return next(args)
    }
}

describeOnLocal('README.md permissions', (local) => {
  const clients: { destroy(): void }[] = []
  afterAll(() => {
    for (const client of clients) client.destroy()
  })
  const recordingTableClient = () => {
    const called = new Set<string>()
    const client = local.tableClient()
    clients.push(client)
    client.middlewareStack.add(recordActions(called), { step: 'initialize' })
    return { client, actions: () => [...called].sort() }
  }
  const recordingStreamsClient = () => {
    const called = new Set<string>()
    const client = local.streamsClient()
    clients.push(client)
    client.middlewareStack.add(recordActions(called), { step: 'initialize' })
    return { client, actions: () => [...called].sort() }
  }

  const { client: writer } = recordingTableClient()
  const checkpoints = recordingTableClient()
  const checkpointsInTable = recordingTableClient()
  const [reading, following] = [recordingStreamsClient(), recordingStreamsClient()]
  const [table, followedTable] = [recordingTableClient(), recordingTableClient()]

  beforeAll(async () => {
    const { tableName, streamArn } = await createTable(writer)
    await putNumbers(writer, { tableName, streamArn }, 'a', [1, 3])
    const checkpointTable = `checkpoints-${randomUUID()}`
    const createStore = ({ client }: typeof checkpoints) =>
      dynamoDBCheckpointStore({ client, tableName: checkpointTable })

    // An earlier worker saved a checkpoint that is too large for one item. Its unknown field is ignored.
    const token = { version: 1 as const, streamArn, shards: [] }
    const later = randomBytes(100_000).toString('base64')
    await createStore(checkpoints).save('reader', Object.assign(token, { later }))

    await using stream = await openStream({
      tableName,
      client: reading.client,
      tableClient: table.client,
      checkpoint: { store: createStore(checkpoints), name: 'reader' },
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
      checkpoint: { store: createStore(checkpointsInTable), name: 'follower' },
    })
    seen = 0
    for await (const _ of followed) {
      if (++seen === 3) {
        await setStream(writer, tableName, 'no stream')
        await setStream(writer, tableName, 'NEW_IMAGE')
        await putNumbers(writer, { tableName, streamArn }, 'a', [4, 4])
      }
      if (seen === 4) break
    }
  })

  test('the documented permissions for reading are exactly the calls of the streams client', () => {
    expect(documentedActions('reading')).toEqual(reading.actions())
  })

  test('the documented permissions for tableName are exactly the calls that find the stream and its successor', () => {
    expect(table.actions()).toEqual(['DescribeTable'])
    const more = following.actions().filter((action) => !reading.actions().includes(action))
    expect(documentedActions('`tableName`')).toEqual([...followedTable.actions(), ...more].sort())
  })

  test('the documented permissions for dynamoDBCheckpointStore are exactly its calls, including table creation', () => {
    expect(documentedActions('`dynamoDBCheckpointStore`')).toEqual(checkpoints.actions())
    expect(checkpointsInTable.actions()).not.toContain('CreateTable')
    expect(checkpointsInTable.actions()).not.toContain('DescribeTable')
  })
})
