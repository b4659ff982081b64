import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { s3Destination } from '../../../src/destinations/s3.ts'
import { letterBody, metadataOnlyBody } from '../../../src/destinations/serialize-letter.ts'
import { snsDestination } from '../../../src/destinations/sns.ts'
import { sqsDestination } from '../../../src/destinations/sqs.ts'
import { letterOf, rawRecord, recordOf } from '../../support/dead-letters.ts'
import { type Services, startServices } from './services.ts'

const MIB = 1_048_576
const KIB_256 = 262_144

let services: Services
beforeAll(async () => {
  services = await startServices()
})
afterAll(() => services[Symbol.asyncDispose]())
afterEach(() => services.proxy.heal())

/** A letter whose message has exactly this many bytes, and about a third as many characters. */
function letterOfBytes(bytes: number) {
  const letterWith = (filler: string) =>
    letterOf({ record: recordOf(rawRecord({ NewImage: { filler: { S: filler } } })) })
  const missing = bytes - Buffer.byteLength(letterBody(letterWith(''), 'queue'))
  const letter = letterWith('€'.repeat(Math.floor(missing / 3)) + 'x'.repeat(missing % 3))
  expect(Buffer.byteLength(letterBody(letter, 'queue'))).toBe(bytes)
  return letter
}

/** Returns a function that returns the operations of the calls since now. */
function watchOperations(): () => readonly string[] {
  const { calls } = services.proxy
  const start = calls.length
  return () => calls.slice(start).map(({ operation }) => operation)
}

async function bodiesIn(queueUrl: string): Promise<readonly string[]> {
  return (await services.receive(queueUrl)).map(({ body }) => body)
}

describe('sqsDestination', () => {
  test.each([MIB - 1, MIB])('a message of %i bytes is sent with the record', async (bytes) => {
    const queueUrl = services.queue(`whole-${bytes}`)
    const letter = letterOfBytes(bytes)
    await sqsDestination({ queueUrl, client: services.sqs }).send(letter)
    expect(await bodiesIn(queueUrl)).toEqual([letterBody(letter, 'queue')])
  })

  test('a message of one byte more than 1 MiB is sent without the record, and says so', async () => {
    const queueUrl = services.queue('one-byte-more')
    const letter = letterOfBytes(MIB + 1)
    const operations = watchOperations()
    await sqsDestination({ queueUrl, client: services.sqs }).send(letter)
    expect(operations()).toEqual(['SendMessage'])
    const [body = '', ...others] = await bodiesIn(queueUrl)
    expect(others).toEqual([])
    expect(JSON.parse(body)).toMatchObject({
      DDBStreamBatchInfo: { startSequenceNumber: '421000000000012345678901' },
      failure: { attempts: 3, payloadOmitted: true },
    })
    expect(JSON.parse(body)).not.toHaveProperty('payload')
  })

  test('a letter that is too large is sent to the other destination, and not to the queue', async () => {
    const queueUrl = services.queue('with-s3')
    const bucket = services.bucket('oversize')
    const oversize = s3Destination({ bucket, client: services.s3 })
    const destination = sqsDestination({ queueUrl, client: services.sqs, oversize })
    const letter = letterOfBytes(MIB + 1)
    await destination.send(letter)
    await destination.send(letterOf())
    const objects = [...(await services.objects(bucket)).values()]
    expect(objects).toEqual([{ body: letterBody(letter, 's3'), contentType: 'application/octet-stream' }])
    expect(await bodiesIn(queueUrl)).toEqual([letterBody(letterOf(), 'queue')])
  })

  test('send() rejects if the other destination rejects, and works again afterwards', async () => {
    const queueUrl = services.queue('with-faulty-s3')
    const bucket = services.bucket('faulty')
    const oversize = s3Destination({ bucket, client: services.s3 })
    const destination = sqsDestination({ queueUrl, client: services.sqs, oversize })
    services.proxy.inject({ do: 'throttle' }, { times: 1 })
    await expect(destination.send(letterOfBytes(MIB + 1))).rejects.toMatchObject({
      code: 'destination.failed',
      details: { destination: 'faulty', operation: 'send' },
    })
    await destination.send(letterOfBytes(MIB + 1))
    expect(await services.objects(bucket)).toHaveLength(1)
    expect(await bodiesIn(queueUrl)).toEqual([])
  })

  test('the other destination can be a function', async () => {
    const queueUrl = services.queue('with-function')
    const sent: unknown[] = []
    const oversize = async (letter: unknown) => void sent.push(letter)
    const letter = letterOfBytes(MIB + 1)
    await sqsDestination({ queueUrl, client: services.sqs, oversize }).send(letter)
    expect(sent).toEqual([letter])
  })

  test('after check(), messages are measured with the MaximumMessageSize of the queue', async () => {
    const queueUrl = services.queue('small', { MaximumMessageSize: String(KIB_256) })
    const destination = sqsDestination({ queueUrl, client: services.sqs })
    await destination.check()
    const operations = watchOperations()
    await destination.send(letterOfBytes(KIB_256))
    await destination.send(letterOfBytes(KIB_256 + 1))
    expect(operations()).toEqual(['SendMessage', 'SendMessage'])
    expect(await bodiesIn(queueUrl)).toEqual([
      letterBody(letterOfBytes(KIB_256), 'queue'),
      metadataOnlyBody(letterOf()),
    ])
  })

  test('without check(), a lower MaximumMessageSize is learned when a message is refused', async () => {
    const queueUrl = services.queue('small-unchecked', { MaximumMessageSize: String(KIB_256) })
    const destination = sqsDestination({ queueUrl, client: services.sqs })
    const operations = watchOperations()
    await destination.send(letterOfBytes(MIB))
    expect(operations()).toEqual(['SendMessage', 'GetQueueAttributes', 'SendMessage'])
    await destination.send(letterOfBytes(MIB))
    expect(operations().slice(3)).toEqual(['SendMessage'])
    expect(await bodiesIn(queueUrl)).toEqual([metadataOnlyBody(letterOf()), metadataOnlyBody(letterOf())])
  })

  test('a refused message is sent without the record if MaximumMessageSize may not be read', async () => {
    const queueUrl = services.queue('small-denied', { MaximumMessageSize: String(KIB_256) })
    services.proxy.inject(
      { do: 'refuse', status: 403, code: 'AccessDenied', message: 'Not authorized.' },
      { operation: 'GetQueueAttributes' },
    )
    await sqsDestination({ queueUrl, client: services.sqs }).send(letterOfBytes(MIB))
    expect(await bodiesIn(queueUrl)).toEqual([metadataOnlyBody(letterOf())])
  })

  test('send() rejects, and drops no record, if MaximumMessageSize cannot be read just now', async () => {
    const queueUrl = services.queue('small-throttled', { MaximumMessageSize: String(KIB_256) })
    const destination = sqsDestination({ queueUrl, client: services.sqs })
    services.proxy.inject({ do: 'throttle' }, { operation: 'GetQueueAttributes', times: 1 })
    await expect(destination.send(letterOfBytes(MIB))).rejects.toThrow(/^Cannot send a dead letter/)
    expect(await bodiesIn(queueUrl)).toEqual([])
  })

  test('send() rejects if a message is refused for another reason than its size', async () => {
    const queueUrl = services.queue('refusing')
    const fault = { do: 'refuse', status: 400, code: 'InvalidParameterValue', message: 'Wrong.' } as const
    services.proxy.inject(fault, { operation: 'SendMessage', times: 1 })
    await expect(sqsDestination({ queueUrl, client: services.sqs }).send(letterOf())).rejects.toThrow(
      `Cannot send a dead letter to the queue ${queueUrl}: Wrong. (InvalidParameterValue).`,
    )
    expect(await bodiesIn(queueUrl)).toEqual([])
  })

  test('check() rejects if not even a letter without its record fits into the queue', async () => {
    const queueUrl = services.queue('tiny', { MaximumMessageSize: '1024' })
    await expect(sqsDestination({ queueUrl, client: services.sqs }).check()).rejects.toThrow(
      `Cannot use the queue ${queueUrl} as a destination: its MaximumMessageSize is 1024 bytes, but a dead ` +
        'letter without its payload can take 32768 bytes.',
    )
  })

  test('a letter without its record always fits into 32 KiB', () => {
    const worst = '\u0000'.repeat(10_000)
    const letter = letterOf({
      reason: worst,
      error: Object.assign(new Error(worst), { name: worst, code: worst }),
      task: '\u0001'.repeat(100),
      name: '\uffff'.repeat(255),
      streamArn: `arn:aws:dynamodb:eu-west-1:123456789012:table/${'t'.repeat(970)}/stream/x`,
    })
    expect(Buffer.byteLength(metadataOnlyBody(letter))).toBeLessThanOrEqual(32_768)
  })
})

describe('snsDestination', () => {
  test.each([KIB_256 - 1, KIB_256])('a message of %i bytes is published with the record', async (bytes) => {
    const { topicArn, queueUrl } = services.topic(`whole-${bytes}`)
    const letter = letterOfBytes(bytes)
    await snsDestination({ topicArn, client: services.sns }).send(letter)
    expect(await bodiesIn(queueUrl)).toEqual([letterBody(letter, 'queue')])
  })

  test('a message of one byte more than 256 KiB is published without the record', async () => {
    const { topicArn, queueUrl } = services.topic('one-byte-more')
    const operations = watchOperations()
    await snsDestination({ topicArn, client: services.sns }).send(letterOfBytes(KIB_256 + 1))
    expect(operations()).toEqual(['Publish'])
    expect(await bodiesIn(queueUrl)).toEqual([metadataOnlyBody(letterOf())])
  })

  test('a message is published without the record if maxMessageBytes is more than the topic accepts', async () => {
    const { topicArn, queueUrl } = services.topic('not-raised')
    const destination = snsDestination({ topicArn, client: services.sns, maxMessageBytes: MIB })
    await destination.check()
    await destination.send(letterOfBytes(MIB))
    expect(await bodiesIn(queueUrl)).toEqual([metadataOnlyBody(letterOf())])
  })

  test('messages larger than maxMessageBytes are published without the record', async () => {
    const { topicArn, queueUrl } = services.topic('lowered')
    const destination = snsDestination({ topicArn, client: services.sns, maxMessageBytes: 40_000 })
    await destination.send(letterOfBytes(40_000))
    await destination.send(letterOfBytes(40_001))
    expect(await bodiesIn(queueUrl)).toEqual([
      letterBody(letterOfBytes(40_000), 'queue'),
      metadataOnlyBody(letterOf()),
    ])
  })
})

test('an object in S3 has the whole letter, whatever its size', async () => {
  const bucket = services.bucket('large')
  const letter = letterOfBytes(3 * MIB)
  await s3Destination({ bucket, client: services.s3 }).send(letter)
  const [object] = (await services.objects(bucket)).values()
  expect(object?.body).toBe(letterBody(letter, 's3'))
})
