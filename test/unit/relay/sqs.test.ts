import { SNSClient } from '@aws-sdk/client-sns'
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs'
import { mockClient } from 'aws-sdk-client-mock'
import { expect, it } from 'vitest'
import { sqsFifoRelay } from '../../../src/relay/sqs.ts'
import { ManualClock } from '../../../src/testing/index.ts'
import { orderRecord } from './fake-queue.ts'

const queueUrl = 'https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo'

it.each([
  [undefined, /^sqsFifoRelay expects an object/],
  [{}, /^Option queueUrl is undefined, but must be the URL of a queue/],
  [
    { queueUrl: queueUrl.replace('.fifo', '') },
    /must be the URL of a FIFO queue, whose name ends with \.fifo\.$/,
  ],
  [{ queueUrl, client: new SNSClient({ region: 'eu-west-1' }) }, /^Option client is a SNSClient/],
  [{ queueUrl, timeoutMs: 0 }, /^Option timeoutMs is 0/],
  [
    { queueUrl, maxMessageBytes: 1_023 },
    /^Option maxMessageBytes is 1023, but must be a whole number from 1024/,
  ],
  [{ queueUrl, maxMessageBytes: 1_048_577 }, /^Option maxMessageBytes is 1048577/],
  [{ queueUrl, clock: 1 }, /^Option clock is 1/],
  [
    { queueUrl, region: 'x' },
    /^There is no option region; pass it to the SDK client, as in client: new SQSClient/,
  ],
] as const)('an invalid option is refused (case %#)', (options, message) => {
  expect(() => sqsFifoRelay(options as never)).toThrow(message)
})

it.each(['RequestThrottled', 'ThrottlingException', 'KmsThrottled'])(
  'an entry that SQS has throttled (%s) is sent again, although the fault is attributed to the sender',
  async (Code) => {
    const clock = new ManualClock()
    const client = new SQSClient({ region: 'eu-west-1' })
    const refused = { Failed: [{ Id: '0', SenderFault: true, Code, Message: 'Throttled.' }] }
    const mock = mockClient(client)
    mock.on(SendMessageBatchCommand).resolves(refused as never)
    const relay = sqsFifoRelay({ queueUrl, client, clock })
    let isStored = false
    const stored = relay(orderRecord('a'), { signal: new AbortController().signal }).then(() => {
      isStored = true
    })
    await clock.advance(3_600_000)
    expect(isStored).toBe(false)
    mock.on(SendMessageBatchCommand).resolves({ Successful: [{ Id: '0' }] } as never)
    await clock.advance(60_000)
    await stored
    await relay.close()
  },
)
