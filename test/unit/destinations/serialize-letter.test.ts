import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  escapeForSqs,
  letterBody,
  metadataOnlyBody,
  s3Key,
} from '../../../src/destinations/serialize-letter.ts'
import { hashItemKey } from '../../../src/records/item-key.ts'
import { toLambdaRecord } from '../../../src/records/lambda-record.ts'
import { letterOf, rawRecord, recordOf, shardId, streamArn } from '../../support/dead-letters.ts'

/** Reads a file of one line, without its line break. The hash of the key has tests of its own. */
function golden(name: string): string {
  const url = new URL(`../../fixtures/dead-letters/${name}.jsonl`, import.meta.url)
  return readFileSync(url, 'utf8').replace(/\n$/, '').replace('<keyHash>', hashItemKey(recordOf().itemKey))
}

const byThrow = letterOf()
const byReport = letterOf({ error: undefined, isReported: true, reason: 'The handler reported a failure.' })
const aged = letterOf({ condition: 'RecordAgeExceeded', reason: 'The record is older than 6 minutes.' })
const rejected = letterOf({
  condition: 'Rejected',
  reason: 'The order has no customer.',
  error: undefined,
  isReported: true,
  attempts: 1,
})
const invalid = letterOf({
  condition: 'Invalid',
  reason: 'newImage.total: Expected a number.',
  error: undefined,
  attempts: 0,
})
const workerLost = letterOf({
  condition: 'WorkerLost',
  reason: 'The process ended during attempt 20.',
  error: { name: 'TypeError', code: 'E1' },
  attempts: 20,
})
const ofTask = letterOf({ task: 'send mail' })

describe('the body of a letter equals a golden file, byte by byte', () => {
  test.each([
    ['queue-exhausted-by-throw', letterBody(byThrow, 'queue')],
    ['queue-exhausted-by-report', letterBody(byReport, 'queue')],
    ['queue-aged', letterBody(aged, 'queue')],
    ['queue-rejected', letterBody(rejected, 'queue')],
    ['queue-invalid', letterBody(invalid, 'queue')],
    ['queue-worker-lost', letterBody(workerLost, 'queue')],
    ['queue-task', letterBody(ofTask, 'queue')],
    ['queue-metadata-only', metadataOnlyBody(byThrow)],
    ['s3-exhausted-by-throw', letterBody(byThrow, 's3')],
    ['s3-aged', letterBody(aged, 's3')],
  ])('the body of a letter is that of the golden file %s', (name, body) => {
    expect(body).toBe(golden(name))
  })
})

describe('the body of a letter compared to what Lambda sends', () => {
  // The record in AWS's documentation, with the values of the letter.
  const documented = {
    requestContext: {
      requestId: byThrow.id,
      functionArn: 'indexer',
      condition: 'RetryAttemptsExhausted',
      approximateInvokeCount: 3,
    },
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    version: '1.0',
    timestamp: '2026-01-02T03:10:00.250Z',
    DDBStreamBatchInfo: {
      shardId,
      startSequenceNumber: '421000000000012345678901',
      endSequenceNumber: '421000000000012345678901',
      approximateArrivalOfFirstRecord: '2026-01-02T03:04:05Z',
      approximateArrivalOfLastRecord: '2026-01-02T03:04:05Z',
      batchSize: 1,
      streamArn,
    },
  }

  test('a message starts with exactly the bytes of a message from Lambda, and two members follow', () => {
    const start = JSON.stringify(documented).slice(0, -1)
    const body = letterBody(byThrow, 'queue')
    expect(body.slice(0, start.length)).toBe(start)
    const { payload, failure, ...rest } = JSON.parse(body)
    expect(rest).toEqual(documented)
    expect([typeof payload, typeof failure]).toEqual(['string', 'object'])
  })

  test('without payload, a message starts with exactly the bytes of a message from Lambda', () => {
    const start = JSON.stringify(documented).slice(0, -1)
    const body = metadataOnlyBody(byThrow)
    expect(body.slice(0, start.length)).toBe(start)
    expect(Object.keys(JSON.parse(body))).toEqual([...Object.keys(documented), 'failure'])
  })

  test('in an S3 object, payload precedes timestamp, as in an object from Lambda', () => {
    expect(Object.keys(JSON.parse(letterBody(byThrow, 's3')))).toEqual([
      'requestContext',
      'responseContext',
      'version',
      'payload',
      'timestamp',
      'DDBStreamBatchInfo',
      'failure',
    ])
  })

  test('payload is the event of a Lambda function as a JSON string', () => {
    for (const kind of ['queue', 's3'] as const) {
      const { payload } = JSON.parse(letterBody(byThrow, kind))
      expect(payload).toMatch(/^\{"Records":\[\{"eventID":/)
      expect(JSON.parse(payload)).toEqual({ Records: [toLambdaRecord(recordOf(), streamArn)] })
    }
  })

  test('a metadata-only message states that the payload was left out', () => {
    expect(JSON.parse(metadataOnlyBody(byThrow)).failure.payloadOmitted).toBe(true)
    expect(metadataOnlyBody(byThrow)).not.toContain('order-1')
  })
})

describe('characters that SQS refuses', () => {
  const hostile = '\ufffe\uffff\u0000\u0008\u000b\u001f\u007f\ud800\udc00\ud83d "\\\n\t\r\u2028é😀\u{1fffe}'

  test('a message contains only characters that SQS accepts, and parsing it returns the original record', () => {
    const keys = { id: { S: `order ${hostile}` } }
    const record = recordOf(rawRecord({ Keys: keys, NewImage: { [hostile]: { S: hostile } } }))
    const letter = letterOf({ record, reason: hostile, error: new Error(hostile), name: hostile })
    for (const body of [letterBody(letter, 'queue'), metadataOnlyBody(letter)]) {
      // Emulators, unlike SQS, also refuse characters from U+10000 on.
      expect(body).not.toMatch(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}]/u)
      const parsed = JSON.parse(body)
      expect(parsed.failure.reason).toBe(hostile)
      expect(parsed.failure.error.message).toBe(hostile)
      expect(parsed.requestContext.functionArn).toBe(hostile)
    }
    const { payload } = JSON.parse(letterBody(letter, 'queue'))
    expect(JSON.parse(payload).Records[0].dynamodb.NewImage).toEqual({ [hostile]: { S: hostile } })
  })

  test('escaping JSON for SQS changes no value, whatever strings it contains, and escaping twice changes nothing', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
        ),
        (strings) => {
          const escaped = escapeForSqs(JSON.stringify(strings))
          expect(JSON.parse(escaped)).toEqual(strings)
          expect(escapeForSqs(escaped)).toBe(escaped)
        },
      ),
    )
  })

  test('a refused character is written as a JSON escape, and all others are not changed', () => {
    expect(escapeForSqs('"\ufffe😀\ud800"')).toBe('"\\ufffe\\ud83d\\ude00\\ud800"')
    const accepted = '"\t\n\r ~\u007f\u0085é\u2028\ud7ff\ue000\ufffd"'
    expect(escapeForSqs(accepted)).toBe(accepted)
  })

  test('a backslash before a refused character is preserved', () => {
    const value = ['\\\ufffe', '\\\\\uffff']
    expect(JSON.parse(escapeForSqs(JSON.stringify(value)))).toEqual(value)
  })
})

describe('the key of an S3 object', () => {
  test('the S3 key has the layout of Lambda', () => {
    expect(s3Key(byThrow)).toBe(`aws/lambda/indexer/${shardId}/2026/01/02/2026-01-02T03.04.05-${byThrow.id}`)
  })

  test('a letter that fails again at another time for another error has the same S3 key', () => {
    const again = letterOf({
      error: 'other',
      attempts: 9,
      reason: 'Other.',
      firstFailedAt: 1,
      lastFailedAt: 2,
    })
    expect(s3Key(again)).toBe(s3Key(byThrow))
  })

  test.each([
    ['a/b', 'a%2Fb'],
    ['..', '%2E%2E'],
    ['.', '%2E'],
    ['', '-'],
    ['é \ud800', '%C3%A9%20%EF%BF%BD'],
  ])('in the S3 key, the name %j is the segment %s', (name, segment) => {
    expect(s3Key(letterOf({ name })).split('/')).toEqual([
      'aws',
      'lambda',
      segment,
      shardId,
      '2026',
      '01',
      '02',
      expect.stringMatching(/^2026-01-02T03\.04\.05-[0-9a-f-]{36}$/),
    ])
  })

  test('the S3 keys of long names are within the limit of 1,024 bytes, well formed, and distinct', () => {
    const keys = ['a', 'b', 'ab', 'abc'].map((end) => s3Key(letterOf({ name: `${'/'.repeat(300)}${end}` })))
    expect(new Set(keys).size).toBe(4)
    for (const key of keys) {
      expect(Buffer.byteLength(key)).toBeLessThanOrEqual(1024)
      expect(() => decodeURIComponent(key)).not.toThrow()
    }
    for (let length = 290; length < 310; length++) {
      expect(() => decodeURIComponent(s3Key(letterOf({ name: `${'a'.repeat(length)}é` })))).not.toThrow()
    }
  })
})
