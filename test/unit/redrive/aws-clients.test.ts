import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { mockClient } from 'aws-sdk-client-mock'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { bucketClient } from '../../../src/redrive/s3-client.ts'
import { queueClient } from '../../../src/redrive/sqs-client.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'

const sqs = mockClient(SQSClient)
const s3 = mockClient(S3Client)
beforeEach(() => {
  sqs.reset()
  s3.reset()
})
afterAll(() => {
  sqs.restore()
  s3.restore()
})

const clock = new ManualClock()
const queueUrl = 'https://sqs.eu-west-1.amazonaws.com/123456789012/failed'
const queue = queueClient(queueUrl, { settings: { region: 'eu-west-1' }, clock })
const bucket = bucketClient('failed', { settings: { region: 'eu-west-1' }, clock })

function failure(name: string, status: number, message = 'It failed.'): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } })
}

describe('queueClient', () => {
  test('messages are received ten at a time, and hidden for as long as requested', async () => {
    sqs.on(ReceiveMessageCommand).resolves({ Messages: [{ MessageId: 'm', ReceiptHandle: 'r', Body: 'b' }] })
    expect(await queue.receive({ waitSeconds: 2, visibilitySeconds: 120 })).toEqual([
      { id: 'm', receiptHandle: 'r', body: 'b' },
    ])
    expect(sqs.call(0).args[0].input).toEqual({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 2,
      VisibilityTimeout: 120,
    })
    sqs.on(ReceiveMessageCommand).resolves({})
    expect(await queue.receive({ waitSeconds: 0, visibilitySeconds: 1 })).toEqual([])
  })

  test('the messages whose visibility could not be changed are returned', async () => {
    const handles = ['a', 'b', 'c'].map((id) => ({ id, receiptHandle: `receipt-${id}` }))
    sqs.on(ChangeMessageVisibilityBatchCommand).resolves({
      Failed: [{ Id: '1', SenderFault: true, Code: 'MessageNotInflight' }],
    })
    expect(await queue.hide(handles, 120)).toEqual([handles[1]])
    expect(sqs.call(0).args[0].input).toEqual({
      QueueUrl: queueUrl,
      Entries: handles.map(({ receiptHandle }, index) => ({
        Id: String(index),
        ReceiptHandle: receiptHandle,
        VisibilityTimeout: 120,
      })),
    })
  })

  test('a message is deleted by its receipt handle', async () => {
    sqs.on(DeleteMessageCommand).resolves({})
    await queue.delete({ id: 'm', receiptHandle: 'r' })
    expect(sqs.call(0).args[0].input).toEqual({ QueueUrl: queueUrl, ReceiptHandle: 'r' })
  })

  test.each([
    [failure('AccessDenied', 403), 'denied'],
    [failure('CredentialsProviderError', 0), 'denied'],
    [failure('InvalidClientTokenId', 403), 'denied'],
    [failure('ExpiredToken', 400), 'denied'],
    [failure('AWS.SimpleQueueService.NonExistentQueue', 400), 'notFound'],
    [failure('QueueDoesNotExist', 400), 'notFound'],
    [failure('OverLimit', 403), 'failed'],
    [failure('ThrottlingException', 400), 'failed'],
  ])('%s is an error of the kind %s', async (error, kind) => {
    sqs.on(ReceiveMessageCommand).rejects(error)
    await expect(queue.receive({ waitSeconds: 0, visibilitySeconds: 1 })).rejects.toMatchObject({
      name: 'SourceError',
      kind,
      message: expect.stringMatching(
        /^Cannot receive messages from the queue https:\S+: It failed\. \(\w+\)\.$/,
      ),
      cause: error,
    })
  })
})

describe('bucketClient', () => {
  test('all pages of a listing are read', async () => {
    s3.on(ListObjectsV2Command, { ContinuationToken: undefined }).resolves({
      Contents: [{ Key: 'a', Size: 1 }],
      NextContinuationToken: 'next',
    })
    s3.on(ListObjectsV2Command, { ContinuationToken: 'next' }).resolves({ Contents: [{ Key: 'b', Size: 2 }] })
    const pages: unknown[] = []
    for await (const page of bucket.list('prefix/')) pages.push(page)
    expect(pages).toEqual([[{ key: 'a', bytes: 1 }], [{ key: 'b', bytes: 2 }]])
    expect(s3.call(0).args[0].input).toMatchObject({ Bucket: 'failed', Prefix: 'prefix/' })
  })

  test('an empty bucket has one empty page', async () => {
    s3.on(ListObjectsV2Command).resolves({})
    for await (const page of bucket.list('')) expect(page).toEqual([])
  })

  test('the key of a copied object is encoded, except for its slashes', async () => {
    s3.on(CopyObjectCommand).resolves({})
    await bucket.copy('a b/ü+&?/%20', 'redriven/a b/ü+&?/%20')
    expect(s3.call(0).args[0].input).toEqual({
      Bucket: 'failed',
      Key: 'redriven/a b/ü+&?/%20',
      CopySource: 'failed/a%20b/%C3%BC%2B%26%3F/%2520',
    })
  })

  test.each([
    ['read', GetObjectCommand, () => bucket.read('k'), 'read an object of'],
    ['copy', CopyObjectCommand, () => bucket.copy('k', 'l'), 'copy an object of'],
    ['delete', DeleteObjectCommand, () => bucket.delete('k'), 'delete an object of'],
  ] as const)('errors of %s say what was attempted', async (_, command, call, verb) => {
    for (const [error, kind] of [
      [failure('AccessDenied', 403), 'denied'],
      [failure('NoSuchKey', 404), 'notFound'],
      [failure('NoSuchBucket', 404), 'notFound'],
      [failure('InternalError', 500), 'failed'],
    ] as const) {
      s3.on(command as typeof GetObjectCommand).rejects(error)
      await expect(call()).rejects.toMatchObject({
        kind,
        message: `Cannot ${verb} the bucket failed: It failed. (${error.name}).`,
      })
    }
  })

  test('a body that breaks off is an error', async () => {
    const transformToString = () => Promise.reject(new Error('aborted'))
    s3.on(GetObjectCommand).resolves({ Body: { transformToString } as never })
    await expect(bucket.read('k')).rejects.toMatchObject({
      kind: 'failed',
      message: 'Cannot read an object of the bucket failed: aborted.',
    })
  })
})
