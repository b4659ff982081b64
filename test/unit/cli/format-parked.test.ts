import { describe, expect, test } from 'vitest'
import { describeParked, parkedJson, parkedTable, toStreamRecord } from '../../../src/cli/format-parked.ts'
import { jsonLine } from '../../../src/cli/format-record.ts'
import { describeKey } from '../../../src/cli/parked-key.ts'
import type { ParkedKey } from '../../../src/parking/parking-store.ts'

const plain = (_: unknown, text: string) => text

const parked: ParkedKey = {
  keyHash: '0123456789abcdefABCDE_',
  key: '{"id":{"S":"42"}}',
  state: 'parked',
  parkedAt: Date.UTC(2026, 0, 2, 3, 4, 5),
  records: 12,
  last: '1',
}
const failing: ParkedKey = {
  ...parked,
  keyHash: '-123456789abcdefABCDE_',
  key: '{"id":{"N":"7"},"sort":{"B":"AQ=="}}',
  state: 'releasing',
  records: 1,
  progress: {
    attempts: 20,
    since: Date.UTC(2026, 0, 2),
    running: true,
    done: ['mail', 'index'],
    error: { name: 'TimeoutError', code: 'ETIMEDOUT' },
  },
}

describe('parked keys in the terminal', () => {
  test('parked keys are the rows of a table with numbers aligned on the right', () => {
    expect(parkedTable([parked, failing], plain)).toEqual([
      'HASH                    KEY                                   STATE      RECORDS  PARKED SINCE (UTC)   ATTEMPTS  LAST ERROR',
      '0123456789abcdefABCDE_  {"id":"42"}                           parked          12  2026-01-02 03:04:05         0',
      '-123456789abcdefABCDE_  {"id":{"N":"7"},"sort":{"B":"AQ=="}}  releasing        1  2026-01-02 03:04:05        20  TimeoutError',
    ])
  })

  test('a long key is truncated in the table of parked keys, and control characters are escaped everywhere', () => {
    const hostile = '\u001b]0;title\u0007\u202e\n'
    const key = { ...failing, key: JSON.stringify({ id: { S: hostile.repeat(20) } }) }
    const progress = {
      attempts: 1,
      since: 0,
      done: [hostile],
      error: { name: hostile, code: hostile },
    }
    const lines = [
      ...parkedTable([{ ...key, progress }], plain),
      ...describeParked({ ...key, progress }, plain),
      parkedJson({ ...key, progress }),
    ]
    expect(lines[1]).toContain('…')
    expect(lines[1]?.length).toBeLessThan(200)
    for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\u202e]/u)
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual({ ...key, key: JSON.parse(key.key), progress })
  })

  test('a parked key is described with its attempts, finished tasks and last error', () => {
    expect(describeParked(parked, plain)).toEqual([
      '{"id":"42"}  0123456789abcdefABCDE_',
      'parked since 2026-01-02 03:04:05, 12 records',
    ])
    expect(describeParked(failing, plain)).toEqual([
      '{"id":{"N":"7"},"sort":{"B":"AQ=="}}  -123456789abcdefABCDE_',
      'releasing since 2026-01-02 03:04:05, 1 record',
      'first record: 20 attempts since 2026-01-02 00:00:00, one is running',
      'tasks done: mail, index',
      'last error: TimeoutError (ETIMEDOUT)',
    ])
  })

  test('a parked key as JSON contains the item key as an object in the format of DynamoDB', () => {
    expect(JSON.parse(parkedJson(failing))).toEqual({
      ...failing,
      key: { id: { N: '7' }, sort: { B: 'AQ==' } },
    })
    expect(JSON.parse(parkedJson({ ...parked, key: '#shard/1' }))).toMatchObject({ key: '#shard/1' })
  })

  test.each([
    ['{"id":{"S":"42"}}', '{"id":"42"}'],
    ['{"id":{"S":"a"},"sort":{"N":"-7"}}', '{"id":"a","sort":-7}'],
    ['{"id":{"N":"1.5"}}', '{"id":{"N":"1.5"}}'],
    ['{"id":{"N":"12345678901234567890"}}', '{"id":{"N":"12345678901234567890"}}'],
    ['{"id":{"B":"AQ=="}}', '{"id":{"B":"AQ=="}}'],
    ['#shard/1', '#shard/1'],
    ['null', 'null'],
  ])('the item key %s is shown as %s', (key, shown) => {
    expect(describeKey(key)).toBe(shown)
  })
})

describe('the stream record in a parked record', () => {
  const record = {
    eventID: 'e',
    eventName: 'MODIFY',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'eu-west-1',
    dynamodb: {
      ApproximateCreationDateTime: 1_767_225_600,
      Keys: { id: { S: '42' } },
      NewImage: { id: { S: '42' }, total: { N: '12345678901234567890.5' }, photo: { B: 'AP8=' } },
      SequenceNumber: '421000000000000000000001',
      SizeBytes: 100,
      StreamViewType: 'NEW_IMAGE',
    },
    eventSourceARN: 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000',
  }

  test('a parked record is printed as tail prints it, without losing digits', () => {
    const content = JSON.stringify({ shardId: 'shardId-1', done: ['mail'], record })
    expect(JSON.parse(jsonLine(toStreamRecord({ position: 'p', content })))).toEqual({
      eventId: 'e',
      eventName: 'MODIFY',
      shardId: 'shardId-1',
      sequenceNumber: '421000000000000000000001',
      createdAt: '2026-01-01T00:00:00.000Z',
      sizeBytes: 100,
      keys: { id: '42' },
      newImage: { id: '42', total: '12345678901234567890.5', photo: 'AP8=' },
      isTtlDelete: false,
    })
  })

  test.each(['', 'canary', 'null', '{}', '{"shardId":"canary","record":{"dynamodb":{"NewImage":"canary"}}}'])(
    'the content %j is reported by its position, without its values',
    (content) => {
      const show = () => toStreamRecord({ position: 'p/1', content })
      expect(show).toThrow(
        expect.objectContaining({
          code: 'parking.failed',
          message: 'The parked record at the position p/1 does not contain a stream record',
        }),
      )
    },
  )
})
