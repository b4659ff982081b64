import { randomUUID } from 'node:crypto'
import {
  BatchWriteItemCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
} from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient, type StreamViewType } from '@aws-sdk/client-dynamodb-streams'
import { type Profile, StreamEmulator } from '../../../src/testing/index.ts'
import type { SharedLocal } from '../../support/shared-local.ts'
import { createTable, setStream } from '../../support/tables.ts'

/** A table with a stream in DynamoDB Local or the emulator. Its partition key is `id`, a string. */
export interface SubjectTable {
  readonly tableName: string
  readonly streamArn: string
  /** The client for PutItem, DeleteItem and DescribeTable. */
  readonly tables: DynamoDBClient
  readonly streams: DynamoDBStreamsClient
  /** Writes an item for each id, in any order. */
  putMany(ids: readonly string[]): Promise<void>
  /** Disables the stream. */
  disable(): Promise<void>
  /** Enables a new stream. */
  enable(): Promise<void>
  /** Deletes the table. */
  drop(): Promise<void>
}

/** The service under test: the emulator or DynamoDB Local. */
export interface Subject {
  /** The expected behavior, if AWS and DynamoDB Local differ. */
  readonly profile: Profile
  createTable(view?: StreamViewType): Promise<SubjectTable>
  close(): Promise<void>
}

/** The emulator, through SDK clients without a socket. */
export function emulatorInProcess(profile: Profile): Subject {
  return {
    profile,
    createTable: async (view) => {
      const emulator = createEmulator(profile, view)
      return { ...emulatedTable(emulator), tables: emulator.tableClient(), streams: emulator.client() }
    },
    close: async () => {},
  }
}

/** The emulator, through SDK clients and HTTP. */
export function emulatorOverHttp(profile: Profile): Subject {
  const closing: (() => unknown)[] = []
  return {
    profile,
    createTable: async (view) => {
      const emulator = createEmulator(profile, view)
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

/** A real DynamoDB Local. */
export function dynamoDBLocal(local: Pick<SharedLocal, 'tableClient' | 'streamsClient'>): Subject {
  // One attempt: the SDK would retry the calls that are expected to fail with InternalFailure.
  const [tables, streams] = [local.tableClient(), local.streamsClient({ maxAttempts: 1 })]
  return {
    profile: 'local',
    createTable: async (view = 'NEW_AND_OLD_IMAGES') => {
      const { tableName: TableName, streamArn } = await createTable(tables, view)
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
        disable: () => setStream(tables, TableName, 'no stream'),
        enable: () => setStream(tables, TableName, view),
        drop: async () => void (await tables.send(new DeleteTableCommand({ TableName }))),
      }
    },
    close: async () => {
      tables.destroy()
      streams.destroy()
    },
  }
}

function createEmulator(profile: Profile, view: StreamViewType | undefined): StreamEmulator {
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

/** Returns the ARN of the table's latest stream. */
export async function latestStream({ tables, tableName }: SubjectTable): Promise<string> {
  const { Table } = await tables.send(new DescribeTableCommand({ TableName: tableName }))
  return Table?.LatestStreamArn ?? ''
}
