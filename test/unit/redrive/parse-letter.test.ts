import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { letterBody, metadataOnlyBody } from '../../../src/destinations/serialize-letter.ts'
import { hashItemKey } from '../../../src/records/item-key.ts'
import { LetterError, parseLetter } from '../../../src/redrive/parse-letter.ts'
import { letterOf, recordOf, shardId, streamArn } from '../../support/dead-letters.ts'

const fixtures = new URL('../../fixtures/dead-letters/', import.meta.url)

function fixture(name: string): string {
  return readFileSync(new URL(name, fixtures), 'utf8').trimEnd()
}

/** An SQS message of a subscription to an SNS topic, if raw message delivery is disabled. */
function inSnsEnvelope(message: string): string {
  return JSON.stringify({
    Type: 'Notification',
    MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
    TopicArn: 'arn:aws:sns:eu-west-1:123456789012:failed',
    Message: message,
    Timestamp: '2026-01-01T00:00:00.000Z',
    SignatureVersion: '1',
    Signature: 'EXAMPLE',
  })
}

const range = {
  streamArn,
  shardId,
  first: '421000000000012345678901',
  last: '421000000000012345678901',
  count: 1,
}

describe('dead letters of processStream', () => {
  test.each([
    ['queue', letterBody(letterOf(), 'queue')],
    ['s3', letterBody(letterOf(), 's3')],
    ['SNS envelope', inSnsEnvelope(letterBody(letterOf(), 'queue'))],
  ])('a letter in the form for %s contains the record that was given up', (_, body) => {
    const { records, ...letter } = parseLetter(body)
    expect(letter).toEqual({
      range,
      condition: 'RetryAttemptsExhausted',
      name: 'indexer',
      attempts: 3,
      task: undefined,
      keyHash: hashItemKey(recordOf().itemKey),
    })
    expect(records?.map(({ raw }) => raw)).toEqual([recordOf().raw])
    expect(records?.[0]?.shardId).toBe(shardId)
  })

  test.each([metadataOnlyBody(letterOf()), inSnsEnvelope(metadataOnlyBody(letterOf()))])(
    'a letter that was too large has no records, but their place in the stream',
    (body) => {
      expect(parseLetter(body)).toMatchObject({ range, records: undefined, attempts: 3 })
    },
  )

  test('the task of a letter is known', () => {
    expect(parseLetter(letterBody(letterOf({ task: 'mail' }), 'queue')).task).toBe('mail')
  })

  test('every letter in the fixtures can be parsed', () => {
    const names = readdirSync(fixtures)
    expect(names.length).toBeGreaterThanOrEqual(12)
    for (const name of names) {
      for (const line of fixture(name).split('\n')) {
        const { condition, records } = parseLetter(line)
        expect(condition).not.toBe('unknown')
        expect(records === undefined).toBe(/metadata|lambda-queue/.test(name))
      }
    }
  })
})

describe('dead letters of AWS Lambda', () => {
  test('a letter in S3 contains all records of the failed batch', () => {
    const { records = [], ...letter } = parseLetter(fixture('lambda-s3.jsonl'))
    expect(letter).toEqual({
      range: {
        streamArn: 'arn:aws:dynamodb:us-east-2:123456789012:table/mytable/stream/2019-11-14T00:04:06.388',
        shardId: 'shardId-00000001573689847184-864758bb',
        first: '800000000003126276100',
        last: '800000000003126276300',
        count: 3,
      },
      condition: 'RetryAttemptsExhausted',
      name: 'arn:aws:lambda:us-east-2:123456789012:function:myfunction',
      attempts: 1,
      task: undefined,
      keyHash: undefined,
    })
    expect(records.map(({ keys, eventName, isTtlDelete }) => ({ ...keys, eventName, isTtlDelete }))).toEqual([
      { id: 'a', eventName: 'INSERT', isTtlDelete: false },
      { id: 'b', eventName: 'MODIFY', isTtlDelete: false },
      { id: 'a', eventName: 'REMOVE', isTtlDelete: true },
    ])
    expect(records[0]?.newImage?.photo).toEqual(new Uint8Array([0, 255, 62, 63]))
  })

  test('a letter in a queue has no records, but their place in the stream', () => {
    const [exhausted = '', aged = ''] = fixture('lambda-queue.jsonl').split('\n')
    const place = { first: '800000000003126276100', last: '800000000003126276300', count: 3 }
    expect(parseLetter(exhausted)).toMatchObject({
      condition: 'RetryAttemptsExhausted',
      range: place,
      records: undefined,
    })
    expect(parseLetter(inSnsEnvelope(aged))).toMatchObject({ condition: 'RecordAgeExceeded', range: place })
  })

  test('a payload that an emulator has written as an object is accepted', () => {
    const letter = JSON.parse(fixture('lambda-s3.jsonl'))
    const body = JSON.stringify({ ...letter, payload: JSON.parse(letter.payload) })
    expect(parseLetter(body).records).toHaveLength(3)
  })
})

describe('untrusted input', () => {
  const letter = JSON.parse(letterBody(letterOf(), 'queue'))
  const withInfo = (members: object) => ({
    ...letter,
    DDBStreamBatchInfo: { ...letter.DDBStreamBatchInfo, ...members },
  })
  const withRecord = (members: object) => {
    const [record] = JSON.parse(letter.payload).Records
    return { ...letter, payload: JSON.stringify({ Records: [record, { ...record, ...members }] }) }
  }

  const refusals: readonly [value: unknown, reason: string][] = [
    ['', 'the letter is not valid JSON'],
    ['{"secret', 'the letter is not valid JSON'],
    ['null', 'the letter is not a JSON object'],
    ['["secret"]', 'the letter is not a JSON object'],
    [{ secret: 1 }, 'it is not a dead letter: DDBStreamBatchInfo is missing'],
    [{ ...letter, DDBStreamBatchInfo: ['secret'] }, 'it is not a dead letter: DDBStreamBatchInfo is missing'],
    [{ KinesisBatchInfo: { shardId: 'secret' } }, 'it is a dead letter of a Kinesis stream'],
    [{ Type: 'Notification', Message: 'secret' }, 'the message of the SNS notification is not valid JSON'],
    [withInfo({ streamArn: 'secret' }), 'DDBStreamBatchInfo.streamArn is not the ARN of a stream'],
    [withInfo({ shardId: '' }), 'DDBStreamBatchInfo.shardId is not the id of a shard'],
    [withInfo({ shardId: 'secret'.repeat(500) }), 'DDBStreamBatchInfo.shardId is not the id of a shard'],
    [withInfo({ startSequenceNumber: 421 }), 'DDBStreamBatchInfo contains no range of sequence numbers'],
    [withInfo({ endSequenceNumber: 'secret' }), 'DDBStreamBatchInfo contains no range of sequence numbers'],
    [{ ...letter, payload: 'secret' }, 'payload is not valid JSON'],
    [{ ...letter, payload: '"secret"' }, 'payload is not a JSON object'],
    [{ ...letter, payload: 5 }, 'payload contains no records'],
    [{ ...letter, payload: '{"Records":[]}' }, 'payload contains no records'],
    [{ ...letter, payload: '{"Records":{}}' }, 'payload contains no records'],
    [withRecord({ dynamodb: 'secret' }), 'Records[1] of payload is invalid (dynamodb)'],
    [
      withRecord({ dynamodb: { SequenceNumber: '1', Keys: { secret: { N: 'secret' } } } }),
      'Records[1] of payload is invalid (dynamodb.Keys.*.N)',
    ],
    [{ ...letter, payload: '{"Records":["secret"]}' }, 'Records[0] of payload is invalid'],
    [
      withRecord({ eventSourceARN: streamArn.replace('orders', 'secret') }),
      'Records[1] of payload is of another stream than DDBStreamBatchInfo',
    ],
    [{ ...letter, failure: { task: 5 } }, 'failure.task is not the name of a task'],
    [{ ...letter, failure: { task: '' } }, 'failure.task is not the name of a task'],
  ]

  test.each(refusals.map(([value, reason]) => ({ value, reason })))(
    'a letter is refused if $reason',
    ({ value, reason }) => {
      const body = typeof value === 'string' ? value : JSON.stringify(value)
      expect(() => parseLetter(body)).toThrow(new LetterError(reason))
    },
  )

  test('members that are missing or wrong, and are not needed, do not matter', () => {
    const { DDBStreamBatchInfo, payload } = letter
    for (const others of [
      {},
      { requestContext: 'x', failure: null },
      { requestContext: { condition: 5, functionArn: {} }, failure: { attempts: -1, keyHash: [] } },
    ]) {
      expect(parseLetter(JSON.stringify({ DDBStreamBatchInfo, payload, ...others }))).toMatchObject({
        condition: 'unknown',
        name: 'unknown',
        attempts: undefined,
        keyHash: undefined,
      })
    }
  })

  test('members named __proto__ are ignored', () => {
    const body = JSON.stringify(letter).replace('{', '{"__proto__":{"payload":"x"},"constructor":1,')
    expect(parseLetter(body).records).toHaveLength(1)
    expect(Reflect.get({}, 'payload')).toBeUndefined()
  })

  test('deep nesting does not exhaust the call stack', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    expect(() => parseLetter(deep)).toThrow(LetterError)
    expect(() => parseLetter(`{"DDBStreamBatchInfo":${deep}}`)).toThrow(LetterError)
  })
})
