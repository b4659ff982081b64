import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { expect, test } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import type { SdkClient } from '../../../src/core/sdk-client.ts'
import { type AwsSdk, awsClient, type OwnedClient } from '../../../src/destinations/aws-client.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'

type Sdk = typeof import('@aws-sdk/client-sqs')

/** The SDK with a client that does what `send` says, and counts how often it is created and destroyed. */
function fakeSdk(send: SdkClient['send'] = async () => ({})) {
  const counts = { loaded: 0, created: 0, destroyed: 0 }
  const sdk: AwsSdk<Sdk> = {
    serviceId: 'SQS',
    async load() {
      counts.loaded++
      return import('@aws-sdk/client-sqs')
    },
    createCommand: (loaded) => new loaded.SendMessageCommand({ QueueUrl: undefined, MessageBody: undefined }),
    createClient(): OwnedClient {
      counts.created++
      return { send, destroy: () => void counts.destroyed++ }
    },
  }
  return { sdk, counts }
}

const command = () => new SendMessageCommand({ QueueUrl: 'q', MessageBody: 'm' })
const limits = { client: undefined, timeoutMs: 30_000 }

test('concurrent first calls share the client that they create', async () => {
  const { sdk, counts } = fakeSdk()
  const client = awsClient(sdk, { ...limits, clock: new ManualClock() })
  expect(counts).toEqual({ loaded: 0, created: 0, destroyed: 0 })
  await Promise.all([client.call(command), client.call(command), client.call(command)])
  expect(counts.created).toBe(1)
})

test('a created client is destroyed by close(), once, and a later call creates another one', async () => {
  const { sdk, counts } = fakeSdk()
  const client = awsClient(sdk, { ...limits, clock: new ManualClock() })
  client.close()
  expect(counts.destroyed).toBe(0)
  await client.call(command)
  client.close()
  client.close()
  expect(counts).toMatchObject({ created: 1, destroyed: 1 })
  await client.call(command)
  expect(counts).toMatchObject({ created: 2, destroyed: 1 })
})

test('a call without a response is aborted after the time limit, even if the client ignores the signal', async () => {
  const clock = new ManualClock()
  let signal: AbortSignal | undefined
  const { sdk } = fakeSdk((_, options) => {
    signal = options?.abortSignal
    return new Promise(() => {})
  })
  const client = awsClient(sdk, { client: undefined, timeoutMs: 1_500, clock })
  const call = client.call(command).catch((error) => error)
  await clock.advance(1_499)
  expect(signal?.aborted).toBe(false)
  await clock.advance(1)
  expect(signal?.aborted).toBe(true)
  expect(await call).toMatchObject({ name: 'TimeoutError', message: 'there was no response within 1.5 s' })
})

test('a call that has settled leaves no timer behind, whether it succeeded or failed', async () => {
  const clock = new ManualClock()
  const outcomes = [Promise.resolve({}), Promise.reject(new Error('refused'))]
  const { sdk } = fakeSdk(() => outcomes.shift() ?? Promise.resolve({}))
  const client = awsClient(sdk, { ...limits, clock })
  await client.call(command)
  await expect(client.call(command)).rejects.toThrow('refused')
  expect(clock.untilNextTimer).toBeUndefined()
})

test('a client whose send() throws instead of rejecting leaves no timer behind', async () => {
  const clock = new ManualClock()
  const { sdk } = fakeSdk(() => {
    throw new Error('thrown')
  })
  await expect(awsClient(sdk, { ...limits, clock }).call(command)).rejects.toThrow('thrown')
  expect(clock.untilNextTimer).toBeUndefined()
})

test('if the package of the SDK is missing, the error says how to install it, on every call', async () => {
  const { sdk } = fakeSdk()
  const missing = Object.assign(new Error("Cannot find package '@aws-sdk/client-sqs'"), {
    code: 'ERR_MODULE_NOT_FOUND',
  })
  const load = () => Promise.reject(missing)
  const client = awsClient({ ...sdk, load }, { ...limits, clock: new ManualClock() })
  for (let attempt = 1; attempt <= 2; attempt++) {
    const error = await client.call(command).catch((reason) => reason)
    expect(isStreamError(error, 'options.invalid')).toBe(true)
    expect(error).toMatchObject({
      message:
        'The package @aws-sdk/client-sqs is needed, but cannot be loaded. Install it with ' +
        `"npm install @aws-sdk/client-sqs". The reason is: Cannot find package '@aws-sdk/client-sqs'.`,
      details: { option: 'client', expected: 'the package @aws-sdk/client-sqs to be installed' },
      cause: missing,
    })
  }
})

test('a package that could not be loaded is loaded again by the next call', async () => {
  const { sdk } = fakeSdk()
  let attempts = 0
  const load = () => (attempts++ === 0 ? Promise.reject(new Error('EMFILE')) : sdk.load())
  const client = awsClient({ ...sdk, load }, { ...limits, clock: new ManualClock() })
  await expect(client.call(command)).rejects.toThrow('EMFILE')
  await client.call(command)
  await client.call(command)
  expect(attempts).toBe(2)
})

test('a client of another copy of the SDK that cannot send the commands is refused by the first call', async () => {
  const { sdk } = fakeSdk()
  const createCommand = () => ({
    resolveMiddleware() {
      throw new TypeError('schema is not supported')
    },
  })
  const user = new SQSClient({ region: 'eu-west-1' })
  const client = awsClient({ ...sdk, createCommand }, { ...limits, client: user, clock: new ManualClock() })
  await expect(client.call(command)).rejects.toMatchObject({
    code: 'options.invalid',
    details: { option: 'client' },
    message: expect.stringContaining('from another, older copy of @aws-sdk/client-sqs'),
  })
})
