import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Destination } from '../../../src/destinations/destination.ts'
import { fileDestination } from '../../../src/destinations/file.ts'
import { s3Destination } from '../../../src/destinations/s3.ts'
import { snsDestination } from '../../../src/destinations/sns.ts'
import { sqsDestination } from '../../../src/destinations/sqs.ts'
import { runHere } from '../../cli/support.ts'
import { type Services, startServices } from '../destinations/services.ts'
import {
  CANARY,
  folder,
  giveUpAll,
  handlerModule,
  StreamEmulator,
  versionsById,
  writeItems,
} from './support.ts'

let services: Services
beforeAll(async () => {
  services = await startServices(3)
  vi.stubEnv('AWS_ENDPOINT_URL_SQS', services.proxy.endpoint)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await services[Symbol.asyncDispose]()
})

/** A destination, and the options with which its letters are redriven. */
interface Target {
  readonly destination: Destination
  readonly source: readonly string[]
  /** Changes the order of the letters, if the target promises none. */
  readonly shuffle?: () => Promise<void>
}

const kinds: Readonly<Record<string, () => Target>> = {
  'a standard queue': () => {
    const queueUrl = services.queue('standard')
    return {
      destination: sqsDestination({ queueUrl, client: services.sqs }),
      source: ['--from', queueUrl],
      shuffle: () => shuffleQueue(queueUrl),
    }
  },
  'a FIFO queue': () => {
    const queueUrl = services.queue('ordered.fifo')
    return { destination: sqsDestination({ queueUrl, client: services.sqs }), source: ['--from', queueUrl] }
  },
  'a queue that is subscribed to a topic, with raw messages': () => {
    const { topicArn, queueUrl } = services.topic('raw')
    return { destination: snsDestination({ topicArn, client: services.sns }), source: ['--from', queueUrl] }
  },
  'a queue that is subscribed to a topic, with wrapped messages': () => {
    const { queueUrl } = services.server.createQueue('of-wrapped')
    const { topicArn } = services.server.createTopic('wrapped')
    services.server.subscribe({ topic: 'wrapped', queue: 'of-wrapped' })
    return {
      destination: snsDestination({ topicArn, client: services.sns }),
      source: ['--from', queueUrl],
      shuffle: () => shuffleQueue(queueUrl),
    }
  },
  'a FIFO queue that is subscribed to a FIFO topic': () => {
    const { topicArn, queueUrl } = services.topic('ordered.fifo')
    return { destination: snsDestination({ topicArn, client: services.sns }), source: ['--from', queueUrl] }
  },
  'a bucket': () => {
    const bucket = services.bucket('letters')
    return {
      destination: s3Destination({ bucket, prefix: 'failed/', client: services.s3 }),
      source: ['--from', `s3://${bucket}/failed/`, '--endpoint', services.proxy.endpoint],
    }
  },
  'a file': () => {
    const path = join(folder, 'letters.jsonl')
    return { destination: fileDestination(path), source: ['--from', path] }
  },
}

/** Receives all messages and sends them again, last one first. */
async function shuffleQueue(queueUrl: string): Promise<void> {
  const bodies: string[] = []
  for (;;) {
    const receive = new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10 })
    const { Messages = [] } = await services.sqs.send(receive)
    if (Messages.length === 0) break
    for (const { Body = '', ReceiptHandle } of Messages) {
      bodies.push(Body)
      await services.sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle }))
    }
  }
  for (const MessageBody of bodies.toReversed()) {
    await services.sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }))
  }
}

const ids = ['a', 'b', 'c', 'd']
const all = { a: [1, 2, 3, 4, 5, 5], b: [1, 2, 3, 4, 5], c: [1, 2, 3, 4, 5], d: [1, 2, 3, 4, 5] }

describe.each(Object.entries(kinds))('letters of processStream in %s', (_, create) => {
  test('are handled in order per item; one that fails stays with those behind it until it succeeds', async () => {
    const emulator = new StreamEmulator({ shards: 2 })
    writeItems(emulator, ids, 5)
    const { destination, source, shuffle } = create()
    expect(await giveUpAll(emulator, destination)).toBe(21)
    await shuffle?.()

    const output: string[] = []
    const redrive = async (...options: readonly string[]) => {
      const { code, stdout, stderr } = await runHere(['redrive', ...source, '--wait', '1', ...options])
      output.push(stdout, stderr)
      return { code, stdout, stderr }
    }

    const listed = await redrive('--dry-run', '--json')
    expect(listed.code).toBe(0)
    // Of a group of a FIFO queue, a dry run sees the first messages only.
    if (!source.some((option) => option.endsWith('.fifo'))) {
      expect(listed.stdout.trim().split('\n')).toHaveLength(21)
    }

    const failing = handlerModule(
      `if (record.keys.id === 'b' && record.newImage.version === 3) throw new Error(record.newImage.secret)`,
    )
    const first = await redrive('--handler', failing.path)
    expect(first.code).toBe(1)
    expect(versionsById(failing.handled())).toEqual({ ...all, b: [1, 2] })

    const fixed = handlerModule(`
      if (record.newImage?.bytes?.[1] !== 255 && record.eventName !== 'REMOVE') throw new Error('wrong')`)
    const second = await redrive('--handler', fixed.path)
    expect(second.stderr).toMatch(/handled 3 of 3 letters \(3 records\)/)
    expect(second.code).toBe(0)
    expect(versionsById(fixed.handled())).toEqual({ b: [3, 4, 5] })

    expect((await redrive('--handler', fixed.path)).stderr).toContain('handled 0 of 0 letters')
    expect(output.join('')).not.toContain(CANARY)
  })
})

describe('letters of AWS Lambda', () => {
  test('objects with the whole batch are handled, moved, and not handled again', async () => {
    const bucket = services.bucket('lambda')
    const fixture = new URL('../../fixtures/dead-letters/lambda-s3.jsonl', import.meta.url)
    const key =
      'aws/lambda/0a1b2c3d-0000-0000-0000-000000000000/shardId-00000001573689847184-864758bb/2019/11/14/2019-11-14T00.13.49-0a1b'
    await services.s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: readFileSync(fixture) }))
    const { path, handled } = handlerModule(`log(record.eventName + ' ' + record.keys.id); return`)
    const args = [
      'redrive',
      '--from',
      `s3://${bucket}`,
      '--endpoint',
      services.proxy.endpoint,
      '--handler',
      path,
    ]
    expect(await runHere(args)).toMatchObject({ code: 0 })
    expect(handled().toSorted()).toEqual(['INSERT a', 'MODIFY b', 'REMOVE a'])
    expect(handled().filter((line) => line.endsWith('a'))).toEqual(['INSERT a', 'REMOVE a'])
    expect([...(await services.objects(bucket)).keys()]).toEqual([`redriven/${key}`])
    expect((await runHere(args)).stderr).toContain('handled 0 of 0 letters')
  })
})
