import { inspect } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { Coordinator, type Position } from '../../../src/index.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { put, remove, shardsOf } from './calls.ts'
import {
  dynamoDBLocal,
  emulatorInProcess,
  emulatorOverHttp,
  type Subject,
  type SubjectTable,
} from './subjects.ts'

// With the emulator and with DynamoDB Local, the same writes and reads must produce the same events of the
// library.

describeOnLocal('Coordinator with DynamoDB Local', (local) => testLibrary(dynamoDBLocal(local)))
describe('Coordinator with the emulator and the profile local, in process', () =>
  testLibrary(emulatorInProcess('local')))
describe('Coordinator with the emulator and the profile local, over HTTP', () =>
  testLibrary(emulatorOverHttp('local')))
describe('Coordinator with the emulator and the profile aws', () => testLibrary(emulatorInProcess('aws')))

function testLibrary(subject: Subject): void {
  afterAll(subject.close)

  test('a Coordinator reads a stream, resumes from tokens and reaches the end of the stream', async () => {
    const table = await subject.createTable()
    const [{ ShardId }] = await shardsOf(table)
    const events: string[] = []
    const number = (n: number) => ({ n: { N: String(n) } })

    await put(table, 'a', number(1))
    await put(table, 'b', number(2))
    await put(table, 'a', number(3))
    const early = await read(table, 'trim_horizon', 3, events)
    await remove(table, 'b')
    const late = await read(table, early, 1, events)
    await put(table, 'c', number(4))
    await read(table, late, 1, events)
    await read(table, early, 2, events)
    await table.disable()
    const end = await read(table, late, Number.POSITIVE_INFINITY, events)
    await read(table, end, Number.POSITIVE_INFINITY, events)

    expect(events.map((line) => line.replace(ShardId ?? '', 'the shard'))).toEqual([
      'opened the shard',
      "INSERT { id: 'a' }: undefined → { id: 'a', n: 1 }, 9 bytes",
      "INSERT { id: 'b' }: undefined → { id: 'b', n: 2 }, 9 bytes",
      "MODIFY { id: 'a' }: { id: 'a', n: 1 } → { id: 'a', n: 3 }, 15 bytes",
      'nothing new, lag 0',
      'opened the shard',
      "REMOVE { id: 'b' }: { id: 'b', n: 2 } → undefined, 9 bytes",
      'nothing new, lag 0',
      'opened the shard',
      "INSERT { id: 'c' }: undefined → { id: 'c', n: 4 }, 9 bytes",
      'nothing new, lag 0',
      'opened the shard',
      "REMOVE { id: 'b' }: { id: 'b', n: 2 } → undefined, 9 bytes",
      "INSERT { id: 'c' }: undefined → { id: 'c', n: 4 }, 9 bytes",
      'nothing new, lag 0',
      'opened the shard',
      // Emitted when the last record is taken from the buffer, before next() returns it.
      'finished the shard',
      "INSERT { id: 'c' }: undefined → { id: 'c', n: 4 }, 9 bytes",
      'ended',
      'ended',
    ])
  })
}

/** Reads `count` records, or to the end of the stream, and returns the token as a JSON string. */
async function read(
  { streams, streamArn }: SubjectTable,
  position: Position,
  count: number,
  events: string[],
): Promise<string> {
  await using coordinator = new Coordinator({ client: streams, streamArn, idlePollMs: { min: 10, max: 50 } })
  coordinator.on('shardOpened', ({ shardId }) => events.push(`opened ${shardId}`))
  coordinator.on('shardFinished', ({ shardId }) => events.push(`finished ${shardId}`))
  coordinator.on('gap', ({ shardId, reason }) => events.push(`gap in ${shardId}: ${reason}`))
  await coordinator.moveTo(position)
  let remaining = count
  while (remaining > 0 && !coordinator.ended) {
    const record = await coordinator.next()
    if (!record) continue
    const { eventName, keys, oldImage, newImage, sizeBytes } = record
    events.push(
      `${eventName} ${inspect(keys)}: ${inspect(oldImage)} → ${inspect(newImage)}, ${sizeBytes} bytes`,
    )
    remaining--
  }
  if (coordinator.ended) events.push('ended')
  else if ((await coordinator.next()) === undefined) {
    events.push(`nothing new, lag ${coordinator.lag().millisBehindLatest}`)
  }
  return JSON.stringify(coordinator.token)
}
