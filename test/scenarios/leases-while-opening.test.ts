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

/** A store whose lease takes `delayMs`. */
function leasing({ clock }: EmulatedTable, { token, delayMs = 0 }: { token?: unknown; delayMs?: number }) {
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

it('a client of the wrong kind is refused before the checkpoint is taken over', async () => {
  const world = emulatedTable()
  const { store, counts } = leasing(world, {})
  const client = new DynamoDBClient({ region: 'eu-west-1' })
  expect(await openingError(world, store, { client })).toMatchObject({ code: 'options.invalid' })
  expect(counts.acquired).toBe(0)
})

it('a lease is released when its token is damaged', async () => {
  const world = emulatedTable()
  const { store, counts } = leasing(world, { token: { version: 99 } })
  expect(await openingError(world, store)).toMatchObject({ code: 'token.invalid' })
  expect(counts).toEqual({ acquired: 1, released: 1 })
})

it('a lease that comes after openStream has given up is released', async () => {
  const world = emulatedTable()
  const { store, counts } = leasing(world, { delayMs: 40_000 })
  expect(await openingError(world, store)).toMatchObject({ code: 'service.unreachable' })
  await world.clock.advance(60_000)
  expect(counts).toEqual({ acquired: 1, released: 1 })
})

it('a lease that is lost before the stream is open is not used', async () => {
  const world = emulatedTable()
  const { store, lost } = leasing(world, {})
  const conflict = new StreamError('checkpoint.conflict', 'taken over', { name: 'worker' })
  world.emulator.on('DescribeStream', { times: 1 }, () => {
    lost.abort(conflict)
    return undefined
  })
  expect(await openingError(world, store)).toBe(conflict)
})

it('no new table is waited for after openStream has given up', async () => {
  const world = emulatedTable()
  const { clock } = world
  const missing = () => Object.assign(new Error('no table'), { name: 'ResourceNotFoundException' })
  const client = {
    send: async (command: object) => {
      if (command.constructor.name !== 'DescribeTableCommand') throw missing()
      return { Table: { TableStatus: 'CREATING' } }
    },
  }
  const store = dynamoDBCheckpointStore({ client: client as never, tableName: 'checkpoints', clock })
  expect(await openingError(world, store)).toMatchObject({ code: 'service.unreachable' })
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
])('a release that %s neither holds close() up nor hides why opening failed', async (_, release) => {
  const world = emulatedTable()
  const { clock, emulator } = world
  const lease = async (): Promise<CheckpointLease> => ({
    token: undefined,
    epoch: 1,
    lost: new AbortController().signal,
    release,
    save: async () => {},
  })
  const store: CheckpointStore = { load: async () => undefined, save: async () => {}, lease }
  expect(await openingError(world, store)).toBeUndefined()
  emulator.on('DescribeStream', { times: Infinity }, { fail: 'AccessDeniedException' })
  expect(await openingError(world, store)).toMatchObject({ name: 'AccessDeniedException' })
  expect(clock.untilNextTimer).toBeUndefined()
})
