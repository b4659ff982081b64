import { AckPolicy, type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openStream, processStream, type RelayRetry, type StreamRecord } from '../../../src/index.ts'
import { handleMessage, natsRelay, recordFromMessage } from '../../../src/relay/nats.ts'
import { toRelayMessage } from '../../../src/relay/relay-message.ts'
import { StreamEmulator } from '../../../src/testing/index.ts'
import { rawRecord, recordOf } from '../../support/dead-letters.ts'
import { type NatsServer, startNatsServer, whyNotNats } from '../../support/nats-server.ts'

const PARTITIONS = 4

describe.skipIf(whyNotNats() !== undefined)('natsRelay', () => {
  let server: NatsServer
  beforeAll(async () => {
    server = await startNatsServer()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  let streams = 0

  /** A stream with a subject of its own, and a relay to it. */
  async function createStream(settings: { readonly max_msg_size?: number } = {}) {
    const connection = await server.connect()
    const manager = await jetstreamManager(connection)
    const name = `orders${streams++}`
    await manager.streams.add({ name, subjects: [`${name}.*`], ...settings })
    const client = jetstream(connection)
    const relay = (onRetry?: (retry: RelayRetry) => void) =>
      natsRelay({
        jetstream: client,
        subject: name,
        partitions: PARTITIONS,
        timeoutMs: 500,
        random: () => 0.1,
        onRetry,
      })
    return {
      name,
      relay,
      manager,
      client,
      connection,
      /** All messages of the stream, in order, with their partitions. */
      async stored(): Promise<{ readonly record: StreamRecord; readonly subject: string }[]> {
        const { state } = await manager.streams.info(name)
        const found = []
        for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
          const message = await manager.streams.getMessage(name, { seq })
          if (message === null) throw new Error(`no message ${seq}`)
          found.push({ record: recordFromMessage(message), subject: message.subject })
        }
        return found
      },
      [Symbol.asyncDispose]: () => connection.close(),
    }
  }

  const signal = new AbortController().signal

  function change(id: string, n: number, size = 0): StreamRecord {
    const raw = rawRecord({
      Keys: { id: { S: id } },
      NewImage: { n: { N: String(n) }, filler: { S: 'x'.repeat(size) } },
      SequenceNumber: String(n + 1),
    })
    return recordOf({ ...raw, eventID: `event-${id}-${n}` })
  }

  test('all records are stored once and in the order of each item, although the server is killed', async () => {
    await using target = await createStream()
    const emulator = new StreamEmulator({ shards: 2, seed: 8 })
    for (let n = 0; n < 500; n++) emulator.put({ id: `item-${n % 29}`, n })
    emulator.disable()
    const client = emulator.client()
    await using stream = await openStream({ client, streamArn: emulator.streamArn, startAt: 'trim_horizon' })
    const errors = new Set<unknown>()
    const relay = target.relay(({ error }) => errors.add(Object(error).name))
    let handled = 0
    let restarted: Promise<void> | undefined
    const handler = Object.assign(
      async (...args: Parameters<typeof relay>) => {
        await relay(...args)
        if (++handled === 100) restarted = server.restart()
      },
      { keepsOrder: true },
    )
    const summary = await processStream(stream, handler, { concurrency: 100 })
    await restarted
    expect(summary).toMatchObject({ handled: 500, attempts: 500 })
    expect(errors.size).toBeGreaterThan(0)

    const stored = await target.stored()
    expect(new Set(stored.map(({ record }) => record.eventId)).size).toBe(500)
    expect(stored).toHaveLength(500)
    const partitions = new Map<unknown, Set<string>>()
    const last = new Map<unknown, number>()
    for (const { record, subject } of stored) {
      const { id } = record.keys
      expect(Number(record.newImage?.n)).toBeGreaterThan(last.get(id) ?? -1)
      last.set(id, Number(record.newImage?.n))
      partitions.set(id, (partitions.get(id) ?? new Set()).add(subject))
    }
    expect([...partitions.values()].every(({ size }) => size === 1)).toBe(true)
    expect(new Set(stored.map(({ subject }) => subject)).size).toBe(PARTITIONS)
  })

  test('a record that is published again within the duplicate window is stored once', async () => {
    await using target = await createStream()
    await target.relay()(change('a', 1), { signal })
    await target.relay()(change('a', 1), { signal })
    expect(await target.stored()).toHaveLength(1)
  })

  test('without a stream for the subject, a record waits until there is one', async () => {
    await using target = await createStream()
    const retried = new Promise<void>((resolve) => {
      const relay = natsRelay({
        jetstream: target.client,
        subject: 'later',
        partitions: 1,
        timeoutMs: 200,
        random: () => 0.1,
        onRetry: () => resolve(),
      })
      void expect(relay.check())
        .rejects.toThrow()
        .then(() => relay(change('a', 1), { signal }))
    })
    await retried
    await target.manager.streams.add({ name: 'later', subjects: ['later.*'] })
    const info = async () => (await target.manager.streams.info('later')).state.messages
    await expect.poll(info, { timeout: 10_000 }).toBe(1)
  })

  test('messages up to the limit of the server are stored, and larger ones are rejected', async () => {
    await using target = await createStream()
    const limit = 1_048_576 - 100
    const empty = toRelayMessage(change('a', 1)).bytes
    const relay = target.relay()
    await relay.check()
    await relay(change('a', 1, limit - empty), { signal })
    await expect(relay(change('a', 2, limit - empty + 1), { signal })).rejects.toMatchObject({
      name: 'RejectError',
      message: `The message with the record has 1048477 bytes, but the subject ${target.name}.* accepts at most 1048476 bytes.`,
    })
    const unlimited = natsRelay({
      jetstream: target.client,
      subject: target.name,
      partitions: PARTITIONS,
      maxMessageBytes: 10_000_000,
    })
    await expect(unlimited(change('a', 3, 1_100_000), { signal })).rejects.toThrow(/accepts at most/)
    expect(await target.stored()).toHaveLength(1)
  })

  test('messages that are larger than max_msg_size of the stream are rejected', async () => {
    await using target = await createStream({ max_msg_size: 2_000 })
    await target.relay()(change('a', 1), { signal })
    await expect(target.relay()(change('a', 2, 2_000), { signal })).rejects.toMatchObject({
      name: 'RejectError',
    })
    expect(await target.stored()).toHaveLength(1)
  })

  test('after the connection was closed, attempts fail', async () => {
    const target = await createStream()
    await target.connection.close()
    await expect(target.relay()(change('a', 1), { signal })).rejects.toMatchObject({
      name: 'ClosedConnectionError',
    })
  })

  test('two workers of one partition keep the order through failures', async () => {
    await using target = await createStream()
    const relay = target.relay()
    const total = 60
    for (let n = 0; n < total; n++) await relay(change(`item-${n % 3}`, n), { signal })
    for (let partition = 0; partition < PARTITIONS; partition++) {
      await target.manager.consumers.add(target.name, {
        durable_name: `worker-${partition}`,
        filter_subject: `${target.name}.${partition}`,
        ack_policy: AckPolicy.Explicit,
        max_ack_pending: 1,
        ack_wait: 5_000 * 1e6,
      })
    }
    const handled: number[] = []
    const results: string[] = []
    const messages: { stop(): void }[] = []
    await new Promise<void>((resolve, reject) => {
      const handle = async (message: JsMsg) => {
        const { result } = await handleMessage(
          message,
          ({ newImage }, { receiveCount }) => {
            const n = Number(newImage?.n)
            if (n % 7 === 0 && receiveCount === 1) throw new Error('failed')
            handled.push(n)
          },
          { ackWaitMs: 5_000, nakDelayMs: 10 },
        )
        results.push(result)
        if (handled.length === total) resolve()
      }
      const work = async (partition: number) => {
        const consumer = await target.client.consumers.get(target.name, `worker-${partition}`)
        const received = await consumer.consume({ max_messages: 1 })
        messages.push(received)
        for await (const message of received) await handle(message)
      }
      for (let worker = 0; worker < 2; worker++) {
        for (let partition = 0; partition < PARTITIONS; partition++) work(partition).catch(reject)
      }
    })
    for (const received of messages) received.stop()
    expect(results.filter((result) => result === 'failed')).toHaveLength(9)
    for (const item of [0, 1, 2]) {
      expect(handled.filter((n) => n % 3 === item)).toEqual(
        Array.from({ length: total / 3 }, (_, index) => index * 3 + item),
      )
    }
  })
})
