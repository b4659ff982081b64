import { randomUUID } from 'node:crypto'
import { SQSClient } from '@aws-sdk/client-sqs'
import { Consumer } from 'sqs-consumer'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  memoryCheckpointStore,
  openStream,
  parseRelayedRecord,
  processStream,
  type RelayRetry,
  type StreamRecord,
} from '../../../src/index.ts'
import { hashItemKey } from '../../../src/records/item-key.ts'
import { toRelayMessage } from '../../../src/relay/relay-message.ts'
import { handleMessages, type SqsFifoRelayOptions, sqsFifoRelay } from '../../../src/relay/sqs.ts'
import { StreamEmulator } from '../../../src/testing/index.ts'
import { rawRecord, recordOf } from '../../support/dead-letters.ts'
import type { Fault } from '../../support/fault-proxy.ts'
import { type Services, settings, startServices } from '../destinations/services.ts'

const MIB = 1_048_576

let services: Services
beforeAll(async () => {
  services = await startServices()
})
afterAll(() => services[Symbol.asyncDispose]())
afterEach(() => services.proxy.heal())

const signal = new AbortController().signal

function relayTo(queueUrl: string, options: Partial<SqsFifoRelayOptions> = {}) {
  // Without jitter, delays are short.
  return sqsFifoRelay({ queueUrl, client: services.sqs, random: () => 0, ...options })
}

function fifoQueue(attributes?: Readonly<Record<string, string>>): string {
  return services.queue(`q-${randomUUID()}.fifo`, attributes)
}

/** The change of an item, with a message of exactly this many bytes. */
function recordOfBytes(bytes: number, id = 'large'): StreamRecord {
  const withFiller = (filler: string) => {
    const raw = rawRecord({ Keys: { id: { S: id } }, NewImage: { filler: { S: filler } } })
    return recordOf({ ...raw, eventID: `event-${id}` })
  }
  const missing = bytes - toRelayMessage(withFiller('')).bytes
  const record = withFiller('€'.repeat(Math.floor(missing / 3)) + 'x'.repeat(missing % 3))
  expect(toRelayMessage(record).bytes).toBe(bytes)
  return record
}

/** Returns a function that returns the ids of the groups in each call of SendMessageBatch since now. */
function watchBatches(): () => readonly string[][] {
  const { calls } = services.proxy
  const start = calls.length
  return () =>
    calls
      .slice(start)
      .filter(({ operation }) => operation === 'SendMessageBatch')
      .map(({ body }) =>
        JSON.parse(body.toString()).Entries.map(
          (entry: { readonly MessageGroupId: string }) => entry.MessageGroupId,
        ),
      )
}

/** The numbers of the changes of each item, in the order of the queue. */
function changesOf(records: readonly StreamRecord[]): Map<string, number[]> {
  const changes = new Map<string, number[]>()
  for (const { keys, newImage } of records) {
    const id = String(keys.id)
    changes.set(id, [...(changes.get(id) ?? []), Number(newImage?.n)])
  }
  return changes
}

function expectInOrder(changes: ReadonlyMap<string, readonly number[]>): void {
  for (const [id, numbers] of changes) {
    expect(numbers, id).toEqual([...numbers].sort((a, b) => a - b))
  }
}

async function receiveRecords(queueUrl: string): Promise<StreamRecord[]> {
  return (await services.receive(queueUrl)).map(({ body }) => parseRelayedRecord(body))
}

describe('from the stream to the queue', () => {
  test('all records arrive, in the order of each item, whatever fails in between', async () => {
    const queueUrl = fifoQueue()
    const emulator = new StreamEmulator({ shards: 2, seed: 5 })
    for (let n = 0; n < 400; n++) emulator.put({ id: `item-${n % 37}`, n, text: 'ü😀\uffff' })
    emulator.disable()
    const partly = {
      do: 'refuseEntries',
      entries: [0, 2, 5],
      code: 'InternalError',
      senderFault: false,
    } as const
    const faults: Fault[] = [
      partly,
      { do: 'throttle' },
      { do: 'loseResponse' },
      partly,
      { do: 'badGateway' },
      { do: 'reset' },
      { do: 'cutResponse' },
      { do: 'hang' },
    ]
    const batches = watchBatches()
    for (const fault of faults) services.proxy.inject(fault, { times: 1, operation: 'SendMessageBatch' })
    const retries: RelayRetry[] = []
    const relay = relayTo(queueUrl, { timeoutMs: 300, onRetry: (retry) => retries.push(retry) })
    const client = emulator.client()
    await using stream = await openStream({ client, streamArn: emulator.streamArn, startAt: 'trim_horizon' })
    const summary = await processStream(stream, relay, { concurrency: 100 })
    expect(summary).toMatchObject({ handled: 400, attempts: 400 })
    expect(retries).toHaveLength(faults.length)

    const records = await receiveRecords(queueUrl)
    expect(records).toHaveLength(400)
    expectInOrder(changesOf(records))
    expect(records[0]?.newImage?.text).toBe('ü😀\uffff')
    for (const groups of batches()) expect(new Set(groups).size).toBe(groups.length)
    // 37 items, so calls are full while all of them have records.
    expect(batches().length).toBeLessThan(90)
  })

  test('a checkpoint covers only what the queue has stored, and a restart stores nothing twice', async () => {
    const queueUrl = fifoQueue()
    const emulator = new StreamEmulator({ shards: 2, seed: 6 })
    for (let n = 0; n < 60; n++) emulator.put({ id: `item-${n % 7}`, n })
    const store = memoryCheckpointStore()
    const open = () =>
      openStream({
        client: emulator.client(),
        streamArn: emulator.streamArn,
        startAt: 'trim_horizon',
        checkpoint: { store, name: 'relay', everyRecords: 1 },
      })
    // The queue stores the records of the first calls, but the relay never learns it.
    services.proxy.inject({ do: 'loseResponse' }, { operation: 'SendMessageBatch' })
    {
      await using stream = await open()
      const run = processStream(stream, relayTo(queueUrl, { timeoutMs: 200 }), {
        drainTimeoutMs: 0,
        abandonAfterMs: 0,
      })
      await services.proxy.received(services.proxy.calls.length + 3)
      const summary = await run.stop()
      expect(summary.handled).toBe(0)
    }
    services.proxy.heal()
    emulator.disable()
    await using stream = await open()
    const summary = await processStream(stream, relayTo(queueUrl))
    expect(summary).toMatchObject({ records: 60, handled: 60 })
    const records = await receiveRecords(queueUrl)
    expect(records).toHaveLength(60)
    expectInOrder(changesOf(records))
  })
})

describe('limits of size', () => {
  test.each([MIB - 1, MIB])('a message of %i bytes is stored', async (bytes) => {
    const queueUrl = fifoQueue()
    const record = recordOfBytes(bytes)
    await relayTo(queueUrl)(record, { signal })
    expect((await receiveRecords(queueUrl))[0]?.raw).toEqual(record.raw)
  })

  test('a message of one byte more is rejected without a call', async () => {
    const batches = watchBatches()
    const queueUrl = fifoQueue()
    await expect(relayTo(queueUrl)(recordOfBytes(MIB + 1), { signal })).rejects.toThrow(
      expect.objectContaining({
        name: 'RejectError',
        message: `The message with the record has 1048577 bytes, but the queue ${queueUrl} accepts at most 1048576 bytes.`,
      }),
    )
    expect(batches()).toEqual([])
  })

  test('the messages of one call have at most 1 MiB together', async () => {
    const queueUrl = fifoQueue()
    const relay = relayTo(queueUrl)
    const batches = watchBatches()
    const sizes = [MIB / 2, MIB / 2, MIB / 2, MIB / 2 + 1, 2_000]
    await Promise.all(sizes.map((bytes, n) => relay(recordOfBytes(bytes, `item-${n}`), { signal })))
    expect(batches().map((groups) => groups.length)).toEqual([2, 1, 2])
    expect(await services.receive(queueUrl)).toHaveLength(5)
  })

  test('check() reads the limit of the queue, and larger messages are rejected', async () => {
    const queueUrl = fifoQueue({ MaximumMessageSize: '2048' })
    const relay = relayTo(queueUrl)
    await relay.check()
    await relay(recordOfBytes(2_048), { signal })
    await expect(relay(recordOfBytes(2_049), { signal })).rejects.toThrow('accepts at most 2048 bytes')
  })

  test('a batch that is too long for the queue is sent one message at a time', async () => {
    const queueUrl = fifoQueue()
    const relay = relayTo(queueUrl)
    const tooLong = { do: 'refuse', status: 400, code: 'BatchRequestTooLong', message: 'Too long.' } as const
    services.proxy.inject(tooLong, { times: 2, operation: 'SendMessageBatch' })
    const sent = await Promise.allSettled(
      ['a', 'b', 'c'].map((id) => relay(recordOfBytes(2_000, id), { signal })),
    )
    expect(sent.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
    expect(sent[0]).toMatchObject({ reason: { name: 'RejectError' } })
    expect(await services.receive(queueUrl)).toHaveLength(2)
  })
})

describe('failures', () => {
  test('a message that SQS refuses because of its content fails alone', async () => {
    const queueUrl = fifoQueue()
    const relay = relayTo(queueUrl)
    services.proxy.inject({
      do: 'refuseEntries',
      entries: [1],
      code: 'InvalidMessageContents',
      senderFault: true,
    })
    const sent = await Promise.allSettled(['a', 'b'].map((id) => relay(recordOfBytes(2_000, id), { signal })))
    expect(sent).toMatchObject([
      { status: 'fulfilled' },
      {
        reason: {
          code: 'InvalidMessageContents',
          message: `A message was not stored in the queue ${queueUrl}: The entry was refused.`,
        },
      },
    ])
  })

  test('a message that the response does not mention is sent again', async () => {
    const queueUrl = fifoQueue()
    const errors: unknown[] = []
    let calls = 0
    const client = {
      send: async () => ({ Successful: calls++ === 0 ? [] : [{ Id: '0' }] }),
    }
    const relay = sqsFifoRelay({
      queueUrl,
      client,
      random: () => 0,
      onRetry: ({ error }) => errors.push(error),
    })
    await relay(recordOfBytes(2_000), { signal })
    expect(errors).toMatchObject([
      { message: `The response of the queue ${queueUrl} does not mention the message.` },
    ])
  })

  test('a queue that does not exist fails the first attempts, and is waited for later', async () => {
    const queueUrl = fifoQueue()
    const missing = queueUrl.replace('q-', 'other-')
    await expect(relayTo(missing)(recordOfBytes(2_000), { signal })).rejects.toMatchObject({
      name: expect.stringMatching(/QueueDoesNotExist$/),
    })
    await expect(relayTo(missing).check()).rejects.toMatchObject({
      name: expect.stringMatching(/QueueDoesNotExist$/),
    })
    const relay = relayTo(queueUrl)
    await relay(recordOfBytes(2_000, 'a'), { signal })
    const denied = { do: 'refuse', status: 403, code: 'AccessDenied', message: 'Not authorized.' } as const
    services.proxy.inject(denied, { times: 2, operation: 'SendMessageBatch' })
    await relay(recordOfBytes(2_000, 'b'), { signal })
    expect(await services.receive(queueUrl)).toHaveLength(2)
  })
})

describe('consumers', () => {
  test('sqs-consumer with handleMessages keeps the order of each item through failures', async () => {
    const queueUrl = fifoQueue({ VisibilityTimeout: '1' })
    const relay = relayTo(queueUrl)
    const total = 40
    for (let n = 0; n < total; n++) {
      const id = `item-${n % 4}`
      const raw = rawRecord({
        Keys: { id: { S: id } },
        NewImage: { n: { N: String(n) } },
        SequenceNumber: String(n + 1),
      })
      await relay(recordOf({ ...raw, eventID: `event-${n}` }), { signal })
    }
    const handled: { readonly id: unknown; readonly n: unknown }[] = []
    const failed = new Set<string>()
    const sqs = new SQSClient({ ...settings, endpoint: services.server.address })
    await new Promise<void>((resolve, reject) => {
      const consumer = Consumer.create({
        queueUrl,
        sqs,
        batchSize: 10,
        waitTimeSeconds: 1,
        suppressFifoWarning: true,
        messageSystemAttributeNames: ['MessageGroupId', 'ApproximateReceiveCount'],
        handleMessageBatch: async (messages) => {
          const { acknowledged } = await handleMessages(messages, ({ keys, newImage }, { messageId }) => {
            // Each fifth message fails the first time.
            if (Number(newImage?.n) % 5 === 0 && !failed.has(messageId)) {
              failed.add(messageId)
              throw new Error('failed')
            }
            handled.push({ id: keys.id, n: newImage?.n })
          })
          return acknowledged
        },
      })
      consumer.on('error', reject)
      consumer.on('response_processed', () => {
        if (handled.length < total) return
        consumer.stop({ abort: true })
        resolve()
      })
      consumer.start()
    })
    sqs.destroy()
    expect(failed.size).toBe(8)
    for (const key of new Set(handled.map(({ id }) => id))) {
      const numbers = handled.filter(({ id }) => id === key).map(({ n }) => Number(n))
      const [first = 0] = numbers
      expect(numbers).toEqual(Array.from({ length: 10 }, (_, index) => index * 4 + first))
    }
  }, 60_000)

  test('a message has the group and the deduplication id of its record', async () => {
    const queueUrl = fifoQueue()
    await relayTo(queueUrl)(recordOf(), { signal })
    const [message] = await services.receive(queueUrl)
    expect(message).toMatchObject({
      groupId: hashItemKey(recordOf().itemKey),
      deduplicationId: recordOf().eventId,
    })
  })
})
