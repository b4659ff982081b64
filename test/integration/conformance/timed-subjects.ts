import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb'
import {
  ManualClock,
  type Profile,
  StreamEmulator,
  type StreamEmulatorOptions,
} from '../../../src/testing/index.ts'
import { describeStream, put, readAll } from './calls.ts'
import { type JumpingLocal, timeOf } from './jumping-local.ts'
import { dynamoDBLocal, emulatedTable, type SubjectTable } from './subjects.ts'

export const minute = 60_000
export const hour: number = 60 * minute

/** A table in a service whose clock can be set forward. */
export interface TimedTable extends SubjectTable {
  /** Sets the clock of the service forward. */
  advance(ms: number): Promise<void>
  /** Writes an item with a TTL of one hour, and waits until it is deleted. */
  writeWithTtl(id: string): Promise<void>
  /** Sets the clock forward by four hours, and waits until the open shard is replaced by a child. */
  roll(): Promise<void>
}

export interface TimedSubject {
  readonly profile: Profile
  createTable(): Promise<TimedTable>
  close(): Promise<void>
}

export function timedEmulator(profile: Profile, options: StreamEmulatorOptions = {}): TimedSubject {
  return {
    profile,
    createTable: async () => {
      const clock = new ManualClock()
      const emulator = new StreamEmulator({ profile, clock, tableName: `t-${randomUUID()}`, ...options })
      return {
        ...emulatedTable(emulator),
        tables: emulator.tableClient(),
        streams: emulator.client(),
        advance: async (ms) => clock.suspend(ms),
        writeWithTtl: async (id) => {
          emulator.put({ id })
          clock.suspend(hour)
          emulator.remove({ id }, { ttl: true })
        },
        roll: async () => {
          clock.suspend(4 * hour)
          emulator.roll()
        },
      }
    },
    close: async () => {},
  }
}

/** @param jumping - a function, because DynamoDB Local starts after the tests are defined. */
export function timedLocal(jumping: () => JumpingLocal): TimedSubject {
  let subject: ReturnType<typeof dynamoDBLocal> | undefined
  return {
    profile: 'local',
    createTable: async () => {
      const { local, jump } = jumping()
      // A jump makes a kept-alive connection appear idle for hours, so that it is closed.
      const requestHandler = { httpAgent: { keepAlive: false } }
      subject ??= dynamoDBLocal({
        tableClient: (config) => local.tableClient({ requestHandler, ...config }),
        streamsClient: (config) => local.streamsClient({ ...config, requestHandler, maxAttempts: 3 }),
      })
      const table = await subject.createTable()
      return {
        ...table,
        advance: jump,
        writeWithTtl: async (id) => {
          await table.tables.send(
            new UpdateTimeToLiveCommand({
              TableName: table.tableName,
              TimeToLiveSpecification: { AttributeName: 'until', Enabled: true },
            }),
          )
          const until = (await timeOf(local)) / 1000 + 3_600
          await put(table, id, { until: { N: String(until) } })
          await jump(hour)
          // DynamoDB Local looks for expired items every ten seconds.
          while ((await readAll(table)).length < 2) await wait(50)
        },
        roll: async () => {
          const count = async () => (await describeStream(table)).Shards?.length ?? 0
          const before = await count()
          await jump(4 * hour)
          // DynamoDB Local checks its shards periodically.
          while ((await count()) === before) await wait(50)
        },
      }
    },
    close: async () => subject?.close(),
  }
}
