import { S3Client } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { DestinationObject } from '../../../src/destinations/destination.ts'
import { s3Destination } from '../../../src/destinations/s3.ts'
import { letterBody, s3Key } from '../../../src/destinations/serialize-letter.ts'
import { snsDestination } from '../../../src/destinations/sns.ts'
import { sqsDestination } from '../../../src/destinations/sqs.ts'
import { letterOf, rawRecord, recordOf } from '../../support/dead-letters.ts'
import { type Services, settings, startServices } from './services.ts'

let services: Services
beforeAll(async () => {
  services = await startServices()
})
afterAll(() => services[Symbol.asyncDispose]())
afterEach(() => services.proxy.heal())

const conditions = ['RetryAttemptsExhausted', 'Rejected', 'Invalid', 'WorkerLost'] as const

function letterOfItem(
  id: string,
  sequenceNumber: string,
  condition: (typeof conditions)[number] = 'Rejected',
) {
  const images = { Keys: { id: { S: id } }, SequenceNumber: sequenceNumber }
  return letterOf({ condition, record: recordOf(rawRecord(images)) })
}

describe('a FIFO queue', () => {
  test('receives the letters of an item in order, in the group of its key hash, each of them once', async () => {
    const queueUrl = services.queue('orders.fifo')
    const destination = sqsDestination({ queueUrl, client: services.sqs })
    const letters = [letterOfItem('a', '1'), letterOfItem('b', '2'), letterOfItem('a', '3')]
    for (const letter of letters) await destination.send(letter)
    for (const letter of letters) await destination.send(letter)
    const messages = await services.receive(queueUrl)
    const inGroup = (hash: string) => messages.filter(({ groupId }) => groupId === hash)
    const [first, other, last] = letters
    expect(first?.failure.keyHash).toBe(last?.failure.keyHash)
    expect(messages).toHaveLength(3)
    expect(inGroup(String(first?.failure.keyHash)).map(({ deduplicationId }) => deduplicationId)).toEqual([
      first?.id,
      last?.id,
    ])
    expect(inGroup(String(other?.failure.keyHash)).map(({ body }) => body)).toEqual([
      letterBody(other as never, 'queue'),
    ])
  })

  test('receives the letters of one record that differ in the condition or the task', async () => {
    const queueUrl = services.queue('conditions.fifo')
    const destination = sqsDestination({ queueUrl, client: services.sqs })
    for (const condition of conditions) await destination.send(letterOf({ condition }))
    for (const task of ['index', 'mail']) await destination.send(letterOf({ task }))
    expect(await services.receive(queueUrl)).toHaveLength(6)
  })
})

test('a FIFO topic passes the letters of an item on in order, in one group, each of them once', async () => {
  const { topicArn, queueUrl } = services.topic('orders.fifo')
  const destination = snsDestination({ topicArn, client: services.sns })
  const letters = [letterOfItem('a', '1'), letterOfItem('a', '2'), letterOfItem('a', '3')]
  for (const letter of [...letters, ...letters]) await destination.send(letter)
  expect(await services.receive(queueUrl)).toEqual(
    letters.map((letter) => ({
      body: letterBody(letter, 'queue'),
      groupId: letter.failure.keyHash,
      deduplicationId: letter.id,
    })),
  )
})

test('a message for a standard queue or topic has neither a group nor a deduplication id', async () => {
  const queueUrl = services.queue('standard')
  const { topicArn, queueUrl: subscriber } = services.topic('standard')
  await sqsDestination({ queueUrl, client: services.sqs }).send(letterOf())
  await snsDestination({ topicArn, client: services.sns }).send(letterOf())
  const expected = [{ body: letterBody(letterOf(), 'queue'), groupId: undefined, deduplicationId: undefined }]
  expect(await services.receive(queueUrl)).toEqual(expected)
  expect(await services.receive(subscriber)).toEqual(expected)
})

test('characters that SQS refuses arrive unchanged in queues, topics and buckets', async () => {
  const hostile = '\ufffe\uffff\u0000\u001f\ud800"\\\n\u2028é€'
  const letter = letterOf({
    error: new Error(hostile),
    record: recordOf(rawRecord({ NewImage: { [hostile]: { S: hostile } } })),
  })
  const queueUrl = services.queue('hostile')
  const { topicArn, queueUrl: subscriber } = services.topic('hostile')
  const bucket = services.bucket('hostile')
  await sqsDestination({ queueUrl, client: services.sqs }).send(letter)
  await snsDestination({ topicArn, client: services.sns }).send(letter)
  await s3Destination({ bucket, client: services.s3 }).send(letter)
  const bodies = [
    ...(await services.receive(queueUrl)),
    ...(await services.receive(subscriber)),
    ...(await services.objects(bucket)).values(),
  ].map(({ body }) => JSON.parse(body))
  expect(bodies).toHaveLength(3)
  for (const { payload, failure } of bodies) {
    expect(failure.error.message.toWellFormed()).toBe(hostile.toWellFormed())
    const [record] = JSON.parse(payload).Records
    expect(Object.entries(record.dynamodb.NewImage)).toEqual([[hostile, { S: hostile }]])
  }
})

describe('s3Destination', () => {
  test('an object has the key and the content type of Lambda, after the prefix', async () => {
    const bucket = services.bucket('prefixed')
    await s3Destination({ bucket, prefix: 'failed/ä b+', client: services.s3 }).send(letterOf())
    const key = `failed/ä b+${s3Key(letterOf())}`
    expect([...(await services.objects(bucket))]).toEqual([
      [key, { body: letterBody(letterOf(), 's3'), contentType: 'application/octet-stream' }],
    ])
  })

  test('a letter that is sent again with a later error replaces its object', async () => {
    const bucket = services.bucket('again')
    const destination = s3Destination({ bucket, client: services.s3 })
    await destination.send(letterOf())
    const again = letterOf({ reason: 'It failed after a restart.', lastFailedAt: Date.UTC(2026, 0, 3) })
    await destination.send(again)
    expect([...(await services.objects(bucket)).values()].map(({ body }) => body)).toEqual([
      letterBody(again, 's3'),
    ])
  })
})

describe('a target that does not exist', () => {
  const cases: readonly [
    title: string,
    create: () => Required<DestinationObject>,
    id: string,
    reason: string,
  ][] = [
    [
      'queue',
      () => sqsDestination({ queueUrl: 'https://sqs.us-east-1.amazonaws.com/1/none', client: services.sqs }),
      'https://sqs.us-east-1.amazonaws.com/1/none',
      'The specified queue does not exist. (QueueDoesNotExist)',
    ],
    [
      'topic',
      () => snsDestination({ topicArn: 'arn:aws:sns:us-east-1:000000000000:none', client: services.sns }),
      'arn:aws:sns:us-east-1:000000000000:none',
      'Topic does not exist (NotFoundException)',
    ],
    [
      'bucket',
      () => s3Destination({ bucket: 'none', client: services.s3 }),
      'none',
      'it does not exist (NotFound)',
    ],
  ]

  test.each(cases)('check() rejects if the %s does not exist', async (kind, create, id, reason) => {
    await expect(create().check()).rejects.toMatchObject({
      code: 'destination.failed',
      message: `Cannot use the ${kind} ${id} as a destination: ${reason}.`,
      details: { destination: id, operation: 'check' },
    })
  })

  test.each(cases)('send() rejects if the %s does not exist', async (_, create, id) => {
    await expect(create().send(letterOf())).rejects.toMatchObject({
      code: 'destination.failed',
      details: { destination: id, operation: 'send' },
    })
  })
})

test('check() sends nothing', async () => {
  const queueUrl = services.queue('checked')
  const { topicArn, queueUrl: subscriber } = services.topic('checked')
  const bucket = services.bucket('checked')
  await sqsDestination({ queueUrl, client: services.sqs }).check()
  await snsDestination({ topicArn, client: services.sns }).check()
  await s3Destination({ bucket, client: services.s3 }).check()
  expect(await services.receive(queueUrl)).toEqual([])
  expect(await services.receive(subscriber)).toEqual([])
  expect(await services.objects(bucket)).toHaveLength(0)
})

test('check() names the missing permission, and how to do without the check', async () => {
  services.proxy.inject({ do: 'refuse', status: 403, code: 'AccessDenied', message: 'Not authorized.' })
  const queueUrl = services.queue('denied')
  const { topicArn } = services.topic('denied')
  const bucket = services.bucket('denied')
  const advice = (permission: string) =>
    ` The check needs the permission ${permission}; checkDestinations: false turns it off.`
  await expect(sqsDestination({ queueUrl, client: services.sqs }).check()).rejects.toThrow(
    `Not authorized. (AccessDenied).${advice('sqs:GetQueueAttributes')}`,
  )
  await expect(snsDestination({ topicArn, client: services.sns }).check()).rejects.toThrow(
    `Not authorized. (AccessDenied).${advice('sns:GetTopicAttributes')}`,
  )
  await expect(s3Destination({ bucket, client: services.s3 }).check()).rejects.toThrow(
    advice('s3:ListBucket'),
  )
})

test('check() of a queue also checks the destination for letters that are too large', async () => {
  const queueUrl = services.queue('without-bucket')
  const oversize = s3Destination({ bucket: 'none', client: services.s3 })
  await expect(sqsDestination({ queueUrl, client: services.sqs, oversize }).check()).rejects.toMatchObject({
    details: { destination: 'none', operation: 'check' },
  })
})

test('close() leaves the client of the user open, can be repeated, and does not prevent a later send()', async () => {
  const bucket = services.bucket('closed')
  const client = new S3Client({ ...settings, endpoint: services.proxy.endpoint, forcePathStyle: true })
  let destroyed = 0
  client.destroy = () => void destroyed++
  const destination = s3Destination({ bucket, client })
  await destination.send(letterOf())
  await destination.close()
  await destination.close()
  await destination.send(letterOf({ condition: 'Rejected' }))
  client.destroy = () => S3Client.prototype.destroy.call(client)
  client.destroy()
  expect(destroyed).toBe(0)
  expect(await services.objects(bucket)).toHaveLength(2)
})

describe('without a client', () => {
  afterEach(() => vi.unstubAllEnvs())

  test('a destination creates one from the environment, which retries and is destroyed by close()', async () => {
    for (const [name, value] of Object.entries({
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_ENDPOINT_URL_SNS: services.proxy.endpoint,
    })) {
      vi.stubEnv(name, value)
    }
    const { topicArn, queueUrl } = services.topic('from-environment')
    const destination = snsDestination({ topicArn })
    services.proxy.inject({ do: 'reset' }, { times: 1 })
    await destination.send(letterOf())
    await destination.close()
    await destination.send(letterOf({ condition: 'Rejected' }))
    await destination.close()
    expect(await services.receive(queueUrl)).toHaveLength(2)
  })
})
