import { SendMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { sqsDestination } from '../../../src/destinations/sqs.ts'
import type { EmulatorServer } from '../../../src/testing/index.ts'
import { runHere } from '../../cli/support.ts'
import { type Services, startServices } from '../destinations/services.ts'
import { CANARY, giveUpAll, handlerModule, StreamEmulator, versionsById } from './support.ts'

let services: Services
let emulator: StreamEmulator
let server: EmulatorServer
beforeAll(async () => {
  services = await startServices(3)
  emulator = new StreamEmulator()
  server = await emulator.listen()
  vi.stubEnv('AWS_ENDPOINT_URL_SQS', services.proxy.endpoint)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await server.close()
  await services[Symbol.asyncDispose]()
})

/** A message that Lambda sends to a queue: the range of the failed batch, without its records. */
function lambdaMessage(from: number, to: number): string {
  const [first, last] = [emulator.records[from], emulator.records[to]]
  return JSON.stringify({
    requestContext: {
      requestId: '316aa6d0-8154-4a5c-9af7-85d5f4a6bc81',
      functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:index',
      condition: 'RetryAttemptsExhausted',
      approximateInvokeCount: 3,
    },
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    version: '1.0',
    timestamp: '2026-01-01T00:13:49.717Z',
    DDBStreamBatchInfo: {
      shardId: first?.shardId,
      startSequenceNumber: first?.sequenceNumber,
      endSequenceNumber: last?.sequenceNumber,
      approximateArrivalOfFirstRecord: '2026-01-01T00:13:19Z',
      approximateArrivalOfLastRecord: '2026-01-01T00:13:19Z',
      batchSize: 3,
      streamArn: emulator.streamArn,
    },
  })
}

test('letters that are too large for a queue are redriven with their records from the stream', async () => {
  // Each quotation mark takes four characters in a letter.
  for (let version = 1; version <= 3; version++) {
    emulator.put({ id: 'large', version, secret: CANARY, filler: '"'.repeat(300_000) })
  }
  const queueUrl = services.queue('oversize')
  expect(await giveUpAll(emulator, sqsDestination({ queueUrl, client: services.sqs }))).toBe(3)
  const { path, handled } = handlerModule()
  const args = ['redrive', '--from', queueUrl, '--endpoint', server.url, '--wait', '1']
  expect((await runHere([...args, '--dry-run'])).stdout).toMatch(/^(RetryAttemptsExhausted .*\n){3}$/)
  const { code, stderr } = await runHere([...args, '--handler', path])
  expect({ code, handled: handled() }).toEqual({ code: 0, handled: ['large 1', 'large 2', 'large 3'] })
  expect(stderr).not.toContain(CANARY)
})

test('messages of Lambda are handled with the records of their range; trimmed ones stay and are reported', async () => {
  const start = emulator.records.length
  for (let version = 1; version <= 6; version++) {
    for (const id of ['a', 'b']) emulator.put({ id, version, secret: CANARY })
  }
  const queueUrl = services.queue('of-lambda')
  for (const [from, to] of [
    [start + 9, start + 11],
    [start + 4, start + 6],
    [start, start + 2],
  ] as const) {
    await services.sqs.send(
      new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: lambdaMessage(from, to) }),
    )
  }
  const { shardId = '', sequenceNumber } = emulator.records[start] ?? {}
  emulator.trim({ shard: shardId, through: sequenceNumber })

  const { path, handled } = handlerModule()
  const args = ['redrive', '--from', queueUrl, '--endpoint', server.url, '--wait', '1', '--handler', path]
  const { code, stderr } = await runHere(args)
  expect(versionsById(handled())).toEqual({ a: [3, 4, 6], b: [3, 5, 6] })
  expect(stderr).toMatch(/message \S+: its records are no longer in the stream \(.*\); left in its place/)
  expect(stderr).toContain(
    'handled 2 of 3 letters (6 records); 1 without records, which are no longer in the stream',
  )
  expect(stderr).not.toContain(CANARY)
  expect(code).toBe(5)
  expect(services.server.inspectQueue('of-lambda')?.messages.ready).toHaveLength(1)
})

test('if the range has more records than the batch had, all are handled, and that is reported', async () => {
  const start = emulator.records.length
  for (let version = 1; version <= 5; version++) emulator.put({ id: 'c', version })
  const queueUrl = services.queue('filtered')
  const MessageBody = lambdaMessage(start, start + 4)
  await services.sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }))
  const { path, handled } = handlerModule()
  const args = ['redrive', '--from', queueUrl, '--endpoint', server.url, '--wait', '1', '--handler', path]
  const { code, stderr } = await runHere(args)
  expect({ code, handled: handled().length }).toEqual({ code: 0, handled: 5 })
  expect(stderr).toContain(
    'the failed batch had 3 records, but the stream has 5 at its place: all of them are handled',
  )
})
