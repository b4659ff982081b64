import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { GetTopicAttributesCommand, PublishCommand, SNSClient } from '@aws-sdk/client-sns'
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { mockClient } from 'aws-sdk-client-mock'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { DeadLetter } from '../../../src/destinations/destination.ts'
import { s3Destination } from '../../../src/destinations/s3.ts'
import { letterBody, metadataOnlyBody } from '../../../src/destinations/serialize-letter.ts'
import { snsDestination } from '../../../src/destinations/sns.ts'
import { sqsDestination } from '../../../src/destinations/sqs.ts'
import { letterOf, rawRecord, recordOf } from '../../support/dead-letters.ts'

// Every client of these classes, also those that a destination creates.
const sqs = mockClient(SQSClient)
const sns = mockClient(SNSClient)
const s3 = mockClient(S3Client)
beforeEach(() => {
  for (const mock of [sqs, sns, s3]) mock.reset()
  vi.stubEnv('AWS_REGION', 'ap-south-1')
})
afterAll(() => {
  for (const mock of [sqs, sns, s3]) mock.restore()
  vi.unstubAllEnvs()
})

const topicArn = 'arn:aws:sns:eu-west-1:123456789012:failed'

function letterOfBytes(bytes: number): DeadLetter {
  const letterWith = (filler: string) =>
    letterOf({ record: recordOf(rawRecord({ NewImage: { filler: { S: filler } } })) })
  return letterWith('x'.repeat(bytes - letterBody(letterWith(''), 'queue').length))
}

describe('the region of a client that a destination creates', () => {
  test.each([
    ['https://sqs.eu-central-1.amazonaws.com/123456789012/failed', 'eu-central-1'],
    ['https://sqs.cn-north-1.amazonaws.com.cn/123456789012/failed', 'cn-north-1'],
    ['https://sqs-fips.us-gov-west-1.amazonaws.com/123456789012/failed', 'us-gov-west-1'],
    ['https://sqs.eu-central-1.api.aws/123456789012/failed', 'eu-central-1'],
    ['https://vpce-0a1b-2c3d.sqs.eu-central-1.vpce.amazonaws.com/123456789012/failed', 'eu-central-1'],
    ['https://eu-central-1.queue.amazonaws.com/123456789012/failed', 'eu-central-1'],
    ['http://sqs.eu-central-1.localhost.localstack.cloud:4566/000000000000/failed', 'eu-central-1'],
    ['https://queue.amazonaws.com/123456789012/failed', 'ap-south-1'],
    ['http://localhost:9324/queue/sqs.eu-central-1.failed', 'ap-south-1'],
  ])('is that of the queue %s: %s', async (queueUrl, region) => {
    await sqsDestination({ queueUrl }).send(letterOf())
    expect(await regionOf(sqs.call(0).thisValue)).toBe(region)
  })

  test.each([
    [topicArn, 'eu-west-1'],
    ['arn:aws-cn:sns:cn-north-1:123456789012:failed.fifo', 'cn-north-1'],
    ['arn:aws:sns:::failed', 'ap-south-1'],
  ])('is that of the topic %s: %s', async (arn, region) => {
    await snsDestination({ topicArn: arn }).send(letterOf())
    expect(await regionOf(sns.call(0).thisValue)).toBe(region)
  })

  test('is that of the environment for a bucket, whose own region is followed', async () => {
    await s3Destination({ bucket: 'failed' }).send(letterOf())
    const client = s3.call(0).thisValue as S3Client
    expect(await regionOf(client)).toBe('ap-south-1')
    expect(client.config.followRegionRedirects).toBe(true)
  })
})

test('a queue that ends with .fifo only in its query string is not a FIFO queue', async () => {
  await sqsDestination({ queueUrl: 'http://localhost:9324/q/failed?x=.fifo' }).send(letterOf())
  expect(sqs.commandCalls(SendMessageCommand)[0]?.args[0].input).not.toHaveProperty('MessageGroupId')
})

test('check() of a topic reads its MaximumMessageSize, by which messages are measured then', async () => {
  sns.on(GetTopicAttributesCommand).resolves({ Attributes: { MaximumMessageSize: '500000' } })
  const destination = snsDestination({ topicArn })
  await destination.send(letterOfBytes(300_000))
  await destination.check()
  await destination.send(letterOfBytes(500_000))
  await destination.send(letterOfBytes(500_001))
  expect(sns.commandCalls(PublishCommand).map(({ args }) => args[0].input.Message)).toEqual([
    metadataOnlyBody(letterOf()),
    letterBody(letterOfBytes(500_000), 'queue'),
    metadataOnlyBody(letterOf()),
  ])
})

test('maxMessageBytes applies even if the topic accepts larger messages', async () => {
  sns.on(GetTopicAttributesCommand).resolves({ Attributes: { MaximumMessageSize: '1048576' } })
  const destination = snsDestination({ topicArn, maxMessageBytes: 300_000 })
  await destination.check()
  await destination.send(letterOfBytes(300_001))
  expect(sns.commandCalls(PublishCommand)[0]?.args[0].input.Message).toBe(metadataOnlyBody(letterOf()))
})

test.each([undefined, {}, { MaximumMessageSize: 'none' }])(
  'check() of a queue accepts a response without a MaximumMessageSize: %o',
  async (Attributes) => {
    sqs.on(GetQueueAttributesCommand).resolves({ Attributes } as object)
    const destination = sqsDestination({ queueUrl: 'https://sqs.eu-west-1.amazonaws.com/1/failed' })
    await destination.check()
    await destination.send(letterOfBytes(1_048_576))
    expect(sqs.commandCalls(SendMessageCommand)[0]?.args[0].input.MessageBody).toHaveLength(1_048_576)
  },
)

test('the metadata is never sent more than once per send(), even if it is refused too', async () => {
  const refused = Object.assign(new Error('Message too long'), { name: 'InvalidParameterException' })
  sns.on(PublishCommand).rejects(refused)
  sns.on(GetTopicAttributesCommand).resolves({ Attributes: { MaximumMessageSize: '1024' } })
  await expect(snsDestination({ topicArn }).send(letterOf())).rejects.toMatchObject({
    code: 'destination.failed',
    cause: refused,
  })
  expect(sns.commandCalls(PublishCommand)).toHaveLength(2)
})

test('a small message that a topic without a MaximumMessageSize refuses is not sent without the record', async () => {
  const refused = Object.assign(new Error('Wrong'), { name: 'InvalidParameterException' })
  sns.on(PublishCommand).rejects(refused)
  sns.on(GetTopicAttributesCommand).resolves({ Attributes: {} })
  await expect(snsDestination({ topicArn }).send(letterOf())).rejects.toMatchObject({ cause: refused })
  expect(sns.commandCalls(PublishCommand)).toHaveLength(1)
})

test('an error that cannot be about the size makes send() reject without another call', async () => {
  sqs.on(SendMessageCommand).rejects(Object.assign(new Error('Slow down'), { name: 'RequestThrottled' }))
  await expect(sqsDestination({ queueUrl: 'http://localhost/q/failed' }).send(letterOf())).rejects.toThrow()
  expect(sqs.calls()).toHaveLength(1)
})

test('closing a queue also closes the destination for letters that are too large', async () => {
  const close = vi.fn(async () => {})
  const oversize = { send: async () => {}, close }
  await sqsDestination({ queueUrl: 'http://localhost/q/failed', oversize }).close()
  expect(close).toHaveBeenCalledOnce()
})

test('an object is written with the content type of Lambda', async () => {
  await s3Destination({ bucket: 'failed' }).send(letterOf())
  expect(s3.commandCalls(PutObjectCommand)[0]?.args[0].input.ContentType).toBe('application/octet-stream')
})

test('a prefix and a name of the run of the greatest length still give a key that S3 accepts', async () => {
  const destination = s3Destination({ bucket: 'failed', prefix: 'x'.repeat(200) })
  await destination.send(letterOf({ name: '€'.repeat(255) }))
  const { Key = '' } = s3.commandCalls(PutObjectCommand)[0]?.args[0].input ?? {}
  expect(Key).toMatch(/^x{200}aws\/lambda\//)
  expect(Buffer.byteLength(Key)).toBeLessThanOrEqual(1_024)
})

async function regionOf(client: unknown): Promise<string> {
  return (client as SQSClient).config.region()
}
