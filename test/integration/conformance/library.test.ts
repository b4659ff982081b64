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

// The library cannot tell the emulator from DynamoDB Local: the same history, read with the same habits, gives the
// same story.

describeOnLocal('on DynamoDB Local', (local) => behavior(dynamoDBLocal(local)))
describe('on the emulator as DynamoDB Local, in process', () => behavior(emulatorInProcess('local')))
describe('on the emulator as DynamoDB Local, over HTTP', () => behavior(emulatorOverHttp('local')))
describe('on the emulator as AWS', () => behavior(emulatorInProcess('aws')))

function behavior(subject: Subject): void {
  afterAll(subject.close)

  test('the library reads, goes on at tokens and ends in the same way', async () => {
    const table = await subject.makeTable()
    const [{ ShardId }] = await shardsOf(table)
    const story: string[] = []
    const number = (n: number) => ({ n: { N: String(n) } })

    await put(table, 'a', number(1))
    await put(table, 'b', number(2))
    await put(table, 'a', number(3))
    const early = await read(table, 'trim_horizon', 3, story)
    await remove(table, 'b')
    const late = await read(table, early, 1, story)
    await put(table, 'c', number(4))
    await read(table, late, 1, story)
    await read(table, early, 2, story)
    await table.disable()
    const end = await read(table, late, Number.POSITIVE_INFINITY, story)
    await read(table, end, Number.POSITIVE_INFINITY, story)

    expect(story.map((line) => line.replace(ShardId ?? '', 'the shard'))).toEqual([
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
      // Told when the last record is taken, and so before it arrives here.
      'finished the shard',
      "INSERT { id: 'c' }: undefined → { id: 'c', n: 4 }, 9 bytes",
      'ended',
      'ended',
    ])
  })
}

/** Reads so many records, or to the end of the stream; returns the token, as text. */
async function read(
  { streams, streamArn }: SubjectTable,
  position: Position,
  count: number,
  story: string[],
): Promise<string> {
  await using coordinator = new Coordinator({ client: streams, streamArn, idlePollMs: { min: 10, max: 50 } })
  coordinator.on('shardOpened', ({ shardId }) => story.push(`opened ${shardId}`))
  coordinator.on('shardFinished', ({ shardId }) => story.push(`finished ${shardId}`))
  coordinator.on('gap', ({ shardId, reason }) => story.push(`gap in ${shardId}: ${reason}`))
  await coordinator.moveTo(position)
  let left = count
  while (left > 0 && !coordinator.ended) {
    const record = await coordinator.next()
    if (!record) continue
    const { eventName, keys, oldImage, newImage, sizeBytes } = record
    story.push(
      `${eventName} ${inspect(keys)}: ${inspect(oldImage)} → ${inspect(newImage)}, ${sizeBytes} bytes`,
    )
    left--
  }
  if (coordinator.ended) story.push('ended')
  else if ((await coordinator.next()) === undefined) {
    story.push(`nothing new, lag ${coordinator.lag().millisBehindLatest}`)
  }
  return JSON.stringify(coordinator.token)
}
