import { TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import { type CheckpointStore, memoryCheckpointStore, openStream } from 'dynamodb-stream-iterator'
import { ManualClock, StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { expect, test } from 'vitest'
import type { Order } from './apply-change.ts'
import { sumUp } from './sum-up.ts'

/** A client whose calls all fail, and which counts them. */
function failingClient(error: Error) {
  let calls = 0
  return {
    client: {
      async send() {
        calls++
        throw error
      },
    } as never,
    get calls() {
      return calls
    },
  }
}

async function start(error: Error, store: CheckpointStore) {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock })
  emulator.put({ id: 'a', customer: 'ann', cents: 1 })
  const stream = await openStream<Order>({
    client: emulator.client(),
    streamArn: emulator.streamArn,
    checkpoint: { store, name: 'sums' },
    idlePollMs: { min: 60_000, max: 60_000 },
    clock,
  })
  const failing = failingClient(error)
  const run = sumUp(stream, { client: failing.client, tableName: 'sums' })
  return { clock, run, failing }
}

/** A store with leases, which are never lost. */
function leasingStore(): CheckpointStore {
  return {
    ...memoryCheckpointStore(),
    lease: async () => ({
      token: undefined,
      epoch: 1,
      save: async () => {},
      release: async () => {},
      lost: new AbortController().signal,
    }),
  }
}

test('a transaction that keeps conflicting with others is repeated for hours and uses up no attempt', async () => {
  const conflict = new TransactionCanceledException({
    message: 'Transaction cancelled',
    $metadata: {},
    CancellationReasons: [{ Code: 'None' }, { Code: 'TransactionConflict' }],
  })
  const { clock, run, failing } = await start(conflict, leasingStore())
  await clock.advance(3 * 3_600_000)
  expect(failing.calls).toBeGreaterThan(100)
  expect(run.health().state).not.toBe('failed')
  await clock.run(run.stop())
})

test('any other error uses up the attempts of the record', async () => {
  const { clock, run, failing } = await start(new Error('No such table.'), leasingStore())
  await expect(clock.run(run)).rejects.toMatchObject({ code: 'handler.failed' })
  expect(failing.calls).toBe(20)
})

test('a checkpoint store without leases is refused before anything is written', async () => {
  const { clock, run, failing } = await start(new Error('unused'), memoryCheckpointStore())
  await expect(clock.run(run)).rejects.toMatchObject({
    code: 'handler.failed',
    cause: { message: 'The checkpoint store has no leases; use dynamoDBCheckpointStore.' },
  })
  expect(failing.calls).toBe(0)
})
