import { randomUUID } from 'node:crypto'
import {
  BatchWriteItemCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  UpdateTableCommand,
} from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient, type StreamViewType } from '@aws-sdk/client-dynamodb-streams'
import { type Profile, StreamEmulator } from '../../../src/testing/index.ts'
import type { SharedLocal } from '../../support/shared-local.ts'
import { createTable } from '../../support/tables.ts'

/** A table with a stream, of whoever answers for DynamoDB. Its partition key is `id`, a text. */
export interface SubjectTable {
  readonly tableName: string
  readonly streamArn: string
  /** For PutItem, DeleteItem and DescribeTable. */
  readonly tables: DynamoDBClient
  readonly streams: DynamoDBStreamsClient
  /** Writes items under these keys, in any order. */
  putMany(ids: readonly string[]): Promise<void>
  /** Switches streaming off. */
  disable(): Promise<void>
  /** Switches streaming on again. */
  enable(): Promise<void>
  /** Deletes the table. */
  drop(): Promise<void>
}

/** Who answers: the emulator, or DynamoDB Local. */
export interface Subject {
  /** What its answers are expected to be, where AWS and DynamoDB Local differ. */
  readonly profile: Profile
  makeTable(view?: StreamViewType): Promise<SubjectTable>
  close(): Promise<void>
}

/** The emulator through SDK clients without a socket. */
export function emulatorInProcess(profile: Profile): Subject {
  return {
    profile,
    makeTable: async (view) => {
      const emulator = makeEmulator(profile, view)
      return { ...emulatedTable(emulator), tables: emulator.tableClient(), streams: emulator.client() }
    },
    close: async () => {},
  }
}

/** The emulator through SDK clients and HTTP. */
export function emulatorOverHttp(profile: Profile): Subject {
  const closing: (() => unknown)[] = []
  return {
    profile,
    makeTable: async (view) => {
      const emulator = makeEmulator(profile, view)
      const server = await emulator.listen()
      const config = {
        endpoint: server.url,
        region: 'eu-west-1',
        credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
        maxAttempts: 1,
      }
      const [tables, streams] = [new DynamoDBClient(config), new DynamoDBStreamsClient(config)]
      closing.push(
        () => tables.destroy(),
        () => streams.destroy(),
        server.close,
      )
      return { ...emulatedTable(emulator), tables, streams }
    },
    close: async () => {
      for (const close of closing) await close()
    },
  }
}

/** The real DynamoDB Local. */
export function dynamoDBLocal(local: Pick<SharedLocal, 'tableClient' | 'streamsClient'>): Subject {
  // One attempt: the SDK would repeat what is to be refused with InternalFailure.
  const [tables, streams] = [local.tableClient(), local.streamsClient({ maxAttempts: 1 })]
  return {
    profile: 'local',
    makeTable: async (view = 'NEW_AND_OLD_IMAGES') => {
      const { tableName: TableName, streamArn } = await createTable(tables, view)
      const stream = (enabled: boolean) =>
        tables.send(
          new UpdateTableCommand({
            TableName,
            StreamSpecification: enabled
              ? { StreamEnabled: true, StreamViewType: view }
              : { StreamEnabled: false },
          }),
        )
      return {
        tableName: TableName,
        streamArn,
        tables,
        streams,
        putMany: async (ids) => {
          for (let from = 0; from < ids.length; from += 25) {
            const puts = ids.slice(from, from + 25).map((id) => ({ PutRequest: { Item: { id: { S: id } } } }))
            await tables.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: puts } }))
          }
        },
        disable: async () => void (await stream(false)),
        enable: async () => void (await stream(true)),
        drop: async () => void (await tables.send(new DeleteTableCommand({ TableName }))),
      }
    },
    close: async () => {
      tables.destroy()
      streams.destroy()
    },
  }
}

function makeEmulator(profile: Profile, view: StreamViewType | undefined): StreamEmulator {
  return new StreamEmulator({ profile, viewType: view, tableName: `t-${randomUUID()}` })
}

export function emulatedTable(emulator: StreamEmulator): Omit<SubjectTable, 'tables' | 'streams'> {
  return {
    tableName: emulator.tableName,
    streamArn: emulator.streamArn,
    putMany: async (ids) => {
      for (const id of ids) emulator.put({ id })
    },
    disable: async () => emulator.disable(),
    enable: async () => void emulator.enable(),
    drop: async () => emulator.deleteTable(),
  }
}

/** The ARN of the table's newest stream. */
export async function latestStream({ tables, tableName }: SubjectTable): Promise<string> {
  const { Table } = await tables.send(new DescribeTableCommand({ TableName: tableName }))
  return Table?.LatestStreamArn ?? ''
}
