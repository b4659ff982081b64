import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { SNSClient } from '@aws-sdk/client-sns'
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { type FauxqsServer, startFauxqs } from 'fauxqs'
import { type FaultProxy, faultProxy } from '../../support/fault-proxy.ts'

/** SQS, SNS and S3 in this process, behind a proxy that lets calls fail. */
export interface Services extends AsyncDisposable {
  readonly server: FauxqsServer
  readonly proxy: FaultProxy
  /** Clients whose calls pass through the proxy. */
  readonly sqs: SQSClient
  readonly sns: SNSClient
  readonly s3: S3Client
  /** Creates a queue and returns its URL. */
  queue(name: string, attributes?: Readonly<Record<string, string>>): string
  /** Creates a topic, with a queue that receives its messages as they were published. */
  topic(name: string): { readonly topicArn: string; readonly queueUrl: string }
  bucket(name: string): string
  /** Takes every message from a queue, in the order of arrival. */
  receive(queueUrl: string): Promise<readonly ReceivedMessage[]>
  /** Returns the objects of a bucket by key. */
  objects(bucket: string): Promise<ReadonlyMap<string, StoredObject>>
}

export interface ReceivedMessage {
  readonly body: string
  readonly groupId: string | undefined
  readonly deduplicationId: string | undefined
}

export interface StoredObject {
  readonly body: string
  readonly contentType: string | undefined
}

export const settings = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }

/** @param maxAttempts - of the clients. By default, the SDK retries nothing, so every fault is visible. */
export async function startServices(maxAttempts = 1): Promise<Services> {
  const server = await startFauxqs({ port: 0, logger: false })
  const proxy = await faultProxy(server.address)
  const faulty = { ...settings, endpoint: proxy.endpoint, maxAttempts }
  const direct = { ...settings, endpoint: server.address }
  const sqs = new SQSClient(faulty)
  const sns = new SNSClient(faulty)
  const s3 = new S3Client({ ...faulty, forcePathStyle: true })
  const directSqs = new SQSClient(direct)
  const directS3 = new S3Client({ ...direct, forcePathStyle: true })

  return {
    server,
    proxy,
    sqs,
    sns,
    s3,

    queue: (name, attributes = {}) => {
      const fifo = name.endsWith('.fifo') ? { FifoQueue: 'true' } : {}
      return server.createQueue(name, { attributes: { ...fifo, ...attributes } }).queueUrl
    },

    topic(name) {
      const suffix = name.endsWith('.fifo') ? '.fifo' : ''
      const queueName = `subscriber-of-${name.replaceAll('.', '-')}${suffix}`
      const { queueUrl } = server.createQueue(queueName, suffix ? { attributes: { FifoQueue: 'true' } } : {})
      const { topicArn } = server.createTopic(name, suffix ? { attributes: { FifoTopic: 'true' } } : {})
      server.subscribe({ topic: name, queue: queueName, attributes: { RawMessageDelivery: 'true' } })
      return { topicArn, queueUrl }
    },

    bucket: (name) => server.createBucket(name).bucketName,

    async receive(queueUrl) {
      const received: ReceivedMessage[] = []
      for (;;) {
        const { Messages = [] } = await directSqs.send(
          new ReceiveMessageCommand({
            QueueUrl: queueUrl,
            MaxNumberOfMessages: 10,
            MessageSystemAttributeNames: ['MessageGroupId', 'MessageDeduplicationId'],
          }),
        )
        if (Messages.length === 0) return received
        for (const { Body = '', Attributes, ReceiptHandle } of Messages) {
          await directSqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle }))
          received.push({
            body: Body,
            groupId: Attributes?.MessageGroupId,
            deduplicationId: Attributes?.MessageDeduplicationId,
          })
        }
      }
    },

    async objects(bucket) {
      const { Contents = [] } = await directS3.send(new ListObjectsV2Command({ Bucket: bucket }))
      const objects = new Map<string, StoredObject>()
      for (const { Key = '' } of Contents) {
        const { Body, ContentType } = await directS3.send(new GetObjectCommand({ Bucket: bucket, Key }))
        objects.set(Key, { body: (await Body?.transformToString()) ?? '', contentType: ContentType })
      }
      return objects
    },

    async [Symbol.asyncDispose]() {
      for (const client of [sqs, sns, s3, directSqs, directS3]) client.destroy()
      await proxy[Symbol.asyncDispose]()
      await server.stop()
    },
  }
}
