import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { expect, it } from 'vitest'
import { dynamoDBCheckpointStore } from '../../src/checkpoints/dynamodb.ts'
import {
  type CheckpointLease,
  type CheckpointStore,
  type OpenStreamOptions,
  openStream,
  StreamError,
} from '../../src/index.ts'
import { type EmulatedTable, emulatedTable } from '../support/emulated-table.ts'

/** A store that grants its lease after `delayMs`, and counts the leases that are acquired and released. */
function leaseStore({ clock }: EmulatedTable, { token, delayMs = 0 }: { token?: unknown; delayMs?: number }) {
  const counts = { acquired: 0, released: 0 }
  const lost = new AbortController()
  const lease = async (): Promise<CheckpointLease> => {
    await new Promise<void>((resolve) => void clock.setTimer(delayMs, resolve))
    counts.acquired++
    const release = async () => void counts.released++
    return { token, epoch: 1, lost: lost.signal, release, save: async () => {} }
  }
  const store: CheckpointStore = { load: async () => token, save: async () => {}, lease }
  return { store, counts, lost }
}

async function openingError(
  { clock, emulator }: EmulatedTable,
  store: CheckpointStore,
  options: Partial<OpenStreamOptions> = {},
): Promise<unknown> {
  const common = { streamArn: emulator.streamArn, client: emulator.api, clock }
  const opening = openStream({ ...common, checkpoint: { store, name: 'worker' }, ...options })
  return clock.run(
    opening.then(
      (stream) => stream.close(),
      (error: unknown) => error,
    ),
  )
}

it('openStream() rejects a client of the wrong kind before it takes over the checkpoint', async () => {
  const table = emulatedTable()
  const { store, counts } = leaseStore(table, {})
  const client = new DynamoDBClient({ region: 'eu-west-1' })
  expect(await openingError(table, store, { client })).toMatchObject({ code: 'options.invalid' })
  expect(counts.acquired).toBe(0)
})

it('a lease is released when its token is invalid', async () => {
  const table = emulatedTable()
  const { store, counts } = leaseStore(table, { token: { version: 99 } })
  expect(await openingError(table, store)).toMatchObject({ code: 'token.invalid' })
  expect(counts).toEqual({ acquired: 1, released: 1 })
})

it('a lease that is granted after openStream() has given up is released', async () => {
  const table = emulatedTable()
  const { store, counts } = leaseStore(table, { delayMs: 40_000 })
  expect(await openingError(table, store)).toMatchObject({ code: 'service.unreachable' })
  await table.clock.advance(60_000)
  expect(counts).toEqual({ acquired: 1, released: 1 })
})

it('openStream() rejects with the conflict when its lease is lost before the stream is open', async () => {
  const table = emulatedTable()
  const { store, lost } = leaseStore(table, {})
  const conflict = new StreamError('checkpoint.conflict', 'taken over', { name: 'worker' })
  table.emulator.on('DescribeStream', { times: 1 }, () => {
    lost.abort(conflict)
    return undefined
  })
  expect(await openingError(table, store)).toBe(conflict)
})

it('openStream() no longer waits for a new checkpoint table once it has given up', async () => {
  const table = emulatedTable()
  const { clock } = table
  const missing = () => Object.assign(new Error('no table'), { name: 'ResourceNotFoundException' })
  const client = {
    send: async (command: object) => {
      if (command.constructor.name !== 'DescribeTableCommand') throw missing()
      return { Table: { TableStatus: 'CREATING' } }
    },
  }
  const store = dynamoDBCheckpointStore({ client: client as never, tableName: 'checkpoints', clock })
  expect(await openingError(table, store)).toMatchObject({ code: 'service.unreachable' })
  await clock.advance(0)
  expect(clock.untilNextTimer).toBeUndefined()
})

it.each([
  ['hangs', () => new Promise<void>(() => {})],
  [
    'throws',
    () => {
      throw new Error('not now')
    },
  ],
])(
  'a lease whose release() %s neither delays close() nor hides why openStream() failed',
  async (_, release) => {
    const table = emulatedTable()
    const { clock, emulator } = table
    const lease = async (): Promise<CheckpointLease> => ({
      token: undefined,
      epoch: 1,
      lost: new AbortController().signal,
      release,
      save: async () => {},
    })
    const store: CheckpointStore = { load: async () => undefined, save: async () => {}, lease }
    expect(await openingError(table, store)).toBeUndefined()
    emulator.on('DescribeStream', { times: Infinity }, { fail: 'AccessDeniedException' })
    expect(await openingError(table, store)).toMatchObject({ name: 'AccessDeniedException' })
    expect(clock.untilNextTimer).toBeUndefined()
  },
)
