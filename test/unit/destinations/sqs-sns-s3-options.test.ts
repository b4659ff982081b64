import { S3Client } from '@aws-sdk/client-s3'
import { SNSClient } from '@aws-sdk/client-sns'
import { SQSClient } from '@aws-sdk/client-sqs'
import { describe, expect, test } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import { s3Destination } from '../../../src/destinations/s3.ts'
import { snsDestination } from '../../../src/destinations/sns.ts'
import { sqsDestination } from '../../../src/destinations/sqs.ts'

const queueUrl = 'https://sqs.eu-west-1.amazonaws.com/123456789012/failed'
const topicArn = 'arn:aws:sns:eu-west-1:123456789012:failed'
const bucket = 'failed'

const sqs = new SQSClient({ region: 'eu-west-1' })
const sns = new SNSClient({ region: 'eu-west-1' })
const s3 = new S3Client({ region: 'eu-west-1' })

const kinds = [
  { name: 'sqsDestination', create: sqsDestination, valid: { queueUrl }, client: sqs, other: sns },
  { name: 'snsDestination', create: snsDestination, valid: { topicArn }, client: sns, other: s3 },
  { name: 's3Destination', create: s3Destination, valid: { bucket }, client: s3, other: sqs },
] as const

function refusal(create: (options: never) => unknown, options: unknown) {
  try {
    create(options as never)
  } catch (error) {
    if (isStreamError(error, 'options.invalid')) return error
    throw error
  }
  return undefined
}

describe.each(kinds)('$name', ({ name, create, valid, client, other }) => {
  test('accepts the client of its service, a fake client, and no client', () => {
    for (const accepted of [client, { send: async () => ({}) }, undefined]) {
      expect(refusal(create, { ...valid, client: accepted })).toBeUndefined()
    }
  })

  test.each([undefined, null, 'failed', 7, [], () => {}])('refuses %o instead of options', (options) => {
    const error = refusal(create, options)
    expect(error?.details.option).toBe('options')
    expect(error?.message).toMatch(
      new RegExp(`^${name} expects an object with options, such as \\{ .+\\}.*\\.$`),
    )
  })

  test.each([null, 'client', {}, () => {}, other])('refuses a client that is not of its service', (wrong) => {
    const error = refusal(create, { ...valid, client: wrong })
    expect(error?.details.option).toBe('client')
    expect(error?.message).toContain(`must be a ${client.constructor.name} of the AWS SDK`)
  })

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 600_001, '30000', null])(
    'refuses %o as timeoutMs',
    (timeoutMs) => {
      expect(refusal(create, { ...valid, timeoutMs })?.details).toMatchObject({ option: 'timeoutMs' })
    },
  )

  test('accepts a timeoutMs from 1 to 600,000', () => {
    for (const timeoutMs of [1, 600_000]) expect(refusal(create, { ...valid, timeoutMs })).toBeUndefined()
  })

  test('refuses a clock without timers', () => {
    expect(refusal(create, { ...valid, clock: { now: Date.now } })?.details.option).toBe('clock')
  })

  test('refuses a misspelled option, and names the one that was probably meant', () => {
    expect(refusal(create, { ...valid, cleint: client })?.message).toBe(
      'There is no option cleint; did you mean client?',
    )
  })

  test('refuses a setting of the client, and shows where it belongs', () => {
    expect(refusal(create, { ...valid, region: 'eu-west-1' })?.message).toBe(
      `There is no option region; pass it to the SDK client, as in client: new ${client.constructor.name}({ region }).`,
    )
  })
})

test.each([
  undefined,
  null,
  7,
  '',
  'failed',
  'arn:aws:sqs:eu-west-1:123456789012:failed',
  'https://sqs.eu-west-1.amazonaws.com',
  'https://sqs.eu-west-1.amazonaws.com/',
  'ftp://sqs.eu-west-1.amazonaws.com/123456789012/failed',
  new URL(queueUrl),
])('sqsDestination refuses %o as queueUrl', (value) => {
  expect(refusal(sqsDestination, { queueUrl: value })?.details).toMatchObject({ option: 'queueUrl', value })
})

test.each([
  undefined,
  null,
  7,
  '',
  'failed',
  queueUrl,
  'arn:aws:sqs:eu-west-1:123456789012:failed',
  'arn:aws:sns:eu-west-1:123456789012',
  'arn:aws:sns:eu-west-1:123456789012:',
  'arn:aws:sns:eu-west-1:123456789012:failed:0e6f5f4c-subscription',
  ' arn:aws:sns:eu-west-1:123456789012:failed',
])('snsDestination refuses %o as topicArn', (value) => {
  expect(refusal(snsDestination, { topicArn: value })?.details).toMatchObject({ option: 'topicArn', value })
})

test.each([
  undefined,
  null,
  7,
  '',
  'a',
  's3://failed',
  'failed/orders',
  '.failed',
  'arn:aws:sqs:eu-west-1:1:q',
])('s3Destination refuses %o as bucket', (value) => {
  expect(refusal(s3Destination, { bucket: value })?.details).toMatchObject({ option: 'bucket', value })
})

test.each([
  'failed-orders',
  'Legacy_Bucket.Name',
  'orders--use1-az4--x-s3',
  'arn:aws:s3:eu-west-1:123456789012:accesspoint/failed',
  'arn:aws-cn:s3-outposts:cn-north-1:123456789012:outpost/op-1/accesspoint/failed',
])('s3Destination accepts %o as bucket', (value) => {
  expect(refusal(s3Destination, { bucket: value })).toBeUndefined()
})

test.each([null, 7, '\ud800', 'x'.repeat(201), '€'.repeat(67)])(
  's3Destination refuses %o as prefix',
  (prefix) => {
    expect(refusal(s3Destination, { bucket, prefix })?.details.option).toBe('prefix')
  },
)

test.each([null, 's3', {}, { send: true }, 7])('%o is refused as oversize', (oversize) => {
  expect(refusal(sqsDestination, { queueUrl, oversize })?.details.option).toBe('oversize')
  expect(refusal(snsDestination, { topicArn, oversize })?.details.option).toBe('oversize')
})

test.each([0, 32_767, 1_048_577, '65536', null])('snsDestination refuses %o as maxMessageBytes', (value) => {
  const error = refusal(snsDestination, { topicArn, maxMessageBytes: value })
  expect(error?.details).toMatchObject({
    option: 'maxMessageBytes',
    expected: 'a whole number from 32768 to 1048576',
  })
})
