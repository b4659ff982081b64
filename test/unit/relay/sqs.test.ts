import { SNSClient } from '@aws-sdk/client-sns'
import { expect, it } from 'vitest'
import { sqsFifoRelay } from '../../../src/relay/sqs.ts'

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
