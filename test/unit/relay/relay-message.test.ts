import { describe, expect, it } from 'vitest'
import { openStream, parseRelayedRecord, positionOf, type StreamRecord } from '../../../src/index.ts'
import { toRelayMessage } from '../../../src/relay/relay-message.ts'
import { ManualClock, StreamEmulator } from '../../../src/testing/index.ts'
import { rawRecord, recordOf, shardId } from '../../support/dead-letters.ts'

/** Returns the records of a stream with items of all types, read from it. */
async function readRecords(): Promise<{ records: StreamRecord[]; streamArn: string }> {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock })
  emulator.put({
    id: 'a',
    bytes: new Uint8Array([0, 255]),
    set: new Set([1, 2]),
    map: { list: [null, true] },
  })
  emulator.put({ id: 'a', text: '\u0000\u0007\ufffe\uffff\ud800 😀 ü', __proto__: 1 })
  emulator.remove({ id: 'a' }, { ttl: true })
  emulator.disable()
  const { streamArn } = emulator
  const stream = await openStream({ client: emulator.client(), streamArn, startAt: 'trim_horizon', clock })
  const records: StreamRecord[] = []
  await clock.run(async () => {
    for await (const record of stream) records.push(record)
  })
  return { records, streamArn }
}

describe('messages', () => {
  it('the record of a message equals the one in the stream, in all its properties', async () => {
    const { records } = await readRecords()
    expect(records).toHaveLength(3)
    for (const record of records) {
      const received = parseRelayedRecord(toRelayMessage(record).body)
      expect(received.toJSON()).toEqual(record.toJSON())
      expect(received.raw).toEqual(record.raw)
      expect(positionOf(received)).toBe(positionOf(record))
      expect(received.isTtlDelete).toBe(record.isTtlDelete)
    }
  })

  it('a body has the form of a record in an event of Lambda, with the stream and the shard', async () => {
    const { records, streamArn } = await readRecords()
    const [first] = records as [StreamRecord]
    expect(JSON.parse(toRelayMessage(first).body)).toMatchObject({
      eventID: first.eventId,
      eventName: 'INSERT',
      eventSource: 'aws:dynamodb',
      eventSourceARN: streamArn,
      dynamodb: { Keys: { id: { S: 'a' } }, NewImage: { bytes: { B: 'AP8=' } } },
      shardId: first.shardId,
    })
  })

  it('a body contains only characters that SQS accepts', async () => {
    const { records } = await readRecords()
    for (const record of records) {
      const { body, bytes } = toRelayMessage(record)
      expect(body).toMatch(/^[\t\n\r\u0020-\ud7ff\ue000-\ufffd]+$/)
      expect(bytes).toBe(Buffer.byteLength(body))
    }
  })

  it('a body can be parsed from bytes', async () => {
    const body = toRelayMessage(recordOf()).body
    expect(parseRelayedRecord(new TextEncoder().encode(body)).eventId).toBe(recordOf().eventId)
  })

  it('all records of an item have the same group, in any notation of its key', () => {
    const groupOf = (Keys: object) => toRelayMessage(recordOf(rawRecord({ Keys: Keys as never }))).groupId
    expect(groupOf({ n: { N: '1' }, id: { S: 'a' } })).toBe(groupOf({ id: { S: 'a' }, n: { N: '1.0' } }))
    expect(groupOf({ id: { S: 'a' } })).not.toBe(groupOf({ id: { S: 'b' } }))
    expect(groupOf({ id: { S: 'x'.repeat(2_048) } })).toMatch(/^[\w-]{22}$/)
  })

  it('the id of a message is the event id, or the place of a record without one', () => {
    expect(toRelayMessage(recordOf()).id).toBe('1a2b3c4d5e6f708192a3b4c5d6e7f809')
    const { eventID: _, ...withoutId } = rawRecord()
    expect(toRelayMessage(recordOf(withoutId)).id).toBe(`${shardId}:421000000000012345678901`)
  })
})

describe('bodies that are not from a relay', () => {
  it.each([
    ['', 'The message was not sent by a relay: the body is not JSON.'],
    ['secret', 'The message was not sent by a relay: the body is not JSON.'],
    ['null', 'The message was not sent by a relay: the body has no shardId.'],
    ['{"Message":"x"}', 'The message was not sent by a relay: the body has no shardId.'],
    [
      '{"shardId":"s"}',
      'The message was not sent by a relay: Invalid stream record: dynamodb must be an object.',
    ],
    [
      '{"shardId":"s","eventSourceARN":"a","dynamodb":{"SequenceNumber":"1","Keys":{"secret":{"S":1}}}}',
      'The message was not sent by a relay: Invalid stream record: dynamodb.Keys.*.S must be a string.',
    ],
  ])('%j is refused, without its content in the message', (body, message) => {
    expect(() => parseRelayedRecord(body)).toThrow(
      expect.objectContaining({ name: 'RelayedRecordError', message }),
    )
  })
})

describe('positions', () => {
  it('positions of an item increase, also when its stream is replaced', () => {
    const positionIn = (label: string, SequenceNumber: string) => {
      const body = JSON.parse(toRelayMessage(recordOf(rawRecord({ SequenceNumber }))).body)
      const eventSourceARN = `arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/${label}`
      return positionOf(parseRelayedRecord(JSON.stringify({ ...body, eventSourceARN })))
    }
    const positions = [
      positionIn('2026-01-01T00:00:00.000', '999999999999999999999'),
      positionIn('2026-01-01T00:00:00.000', '1000000000000000000000'),
      positionIn('2026-02-01T00:00:00.000', '100000000000000000000'),
    ]
    expect(positions[0]).toBe('2026-01-01T00:00:00.000/0000000000000000000999999999999999999999')
    expect([...positions].sort()).toEqual(positions)
  })
})
