import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { afterEach, describe, expect, it } from 'vitest'
import { dynamoDBCheckpointStore } from '../../src/checkpoints/dynamodb.ts'
import {
  Coordinator,
  fileCheckpointStore,
  memoryCheckpointStore,
  openStream,
  parseToken,
} from '../../src/index.ts'
import { emulatedTable } from '../support/emulated-table.ts'

const streamArn =
  'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000' as const
const config = { region: 'eu-west-1', credentials: { accessKeyId: 'key', secretAccessKey: 'secret' } }
const streamsClient = new DynamoDBStreamsClient(config)
const tableClient = new DynamoDBClient(config)
const checkpoint = { store: memoryCheckpointStore(), name: 'worker' }

/** What JavaScript lets a user pass. */
const open = openStream as (options?: unknown) => Promise<unknown>
const create = (options: unknown) => new Coordinator(options as never)
const storeOf = dynamoDBCheckpointStore as (options?: unknown) => unknown

describe('openStream refuses', () => {
  it.each([
    [
      'no options',
      undefined,
      'Option options is undefined, but must be an object with tableName, streamArn, ',
    ],
    ['an ARN for options', streamArn, `Option options is "${streamArn}", but must be an object`],
    [
      'a misspelt option',
      { streamArn, startat: 'latest' },
      'There is no option startat; did you mean startAt?',
    ],
    ['a plural', { streamArn, checkpoints: checkpoint }, 'no option checkpoints; did you mean checkpoint?'],
    [
      'a misspelt option of the checkpoint',
      { streamArn, checkpoint: { ...checkpoint, everyRecord: 1 } },
      'There is no option checkpoint.everyRecord; did you mean everyRecords?',
    ],
    [
      'a misspelt bound',
      { streamArn, idlePollMs: { minimum: 1 } },
      'There is no option idlePollMs.minimum; did you mean min?',
    ],
    [
      'a name like no other',
      { streamArn, retries: 3 },
      'There is no option retries; known are tableName, streamArn, ',
    ],
    [
      'a listener of an unknown event',
      { streamArn, listeners: { error: () => {} } },
      'There is no event error; known are shardOpened, ',
    ],
    [
      'a listener that is not a function',
      { streamArn, listeners: { gap: 5 } },
      'Option listener of gap is 5, but must be a function.',
    ],
    ['a table that is a stream', { tableName: streamArn }, 'use streamArn for the ARN of a stream'],
    ['neither stream nor table', {}, 'Provide streamArn or tableName.'],
    ['both', { streamArn, tableName: 'orders' }, 'Provide streamArn or tableName, not both.'],
    [
      'a setting of the client',
      { streamArn, region: 'eu-west-1' },
      "There is no option region; give it to the SDK's clients, as in client: new DynamoDBStreamsClient({ region }).",
    ],
    ['a controller for its signal', { streamArn, signal: new AbortController() }, 'must be an AbortSignal'],
    [
      'listeners that are not an object',
      { streamArn, listeners: 5 },
      'Option listeners is 5, but must be an object with',
    ],
    [
      'a client of the SDK before v3',
      { streamArn, client: { send() {}, config: { serviceId: 'x' }, makeRequest() {} } },
      clientIs('client', 'a client of the AWS SDK v2'),
    ],
    ['a string for a client', { streamArn, client: 'x' }, clientIs('client', '"x"')],
    ['a client of the table', { streamArn, client: tableClient }, clientIs('client', 'a DynamoDBClient')],
    ['null', { streamArn, client: null }, clientIs('client', 'null')],
    ['options for a client', { streamArn, client: config }, clientIs('client', 'a plain object')],
    [
      'the class',
      { streamArn, client: DynamoDBStreamsClient },
      clientIs('client', 'the function DynamoDBStreamsClient'),
    ],
    [
      'a streams client for the table',
      { tableName: 'orders', tableClient: streamsClient },
      'Option tableClient is a DynamoDBStreamsClient, but must be a DynamoDBClient of the AWS SDK for JavaScript v3.',
    ],
    ['a time limit below 0', { streamArn, connectTimeoutMs: -1 }, 'a whole number from 0 to 3600000'],
  ])('%s', async (_, options, message) => {
    await expect(open(options)).rejects.toThrow(message)
    await expect(open(options)).rejects.toMatchObject({ code: 'options.invalid' })
  })
})

function clientIs(option: string, actual: string): string {
  return `Option ${option} is ${actual}, but must be a DynamoDBStreamsClient of the AWS SDK for JavaScript v3.`
}

describe('a Coordinator refuses', () => {
  it.each([
    ['a misspelt option', { streamArn, pagesize: 10 }, 'There is no option pagesize; did you mean pageSize?'],
    ['an option of openStream', { streamArn, tableName: 'orders' }, 'There is no option tableName'],
    ['the wrong client', { streamArn, client: tableClient }, clientIs('client', 'a DynamoDBClient')],
    ['no options', undefined, 'Option options is undefined'],
  ])('%s', (_, options, message) => {
    expect(() => create(options)).toThrow(message)
    expect(() => create(options)).toThrow(expect.objectContaining({ code: 'options.invalid' }))
  })
})

describe('a checkpoint store refuses', () => {
  it.each([
    [
      'no options',
      () => storeOf(),
      'Option options is undefined, but must be an object with client, tableName',
    ],
    [
      'no client',
      () => storeOf({ tableName: 'checkpoints' }),
      'Option client is undefined, but must be a Dyn',
    ],
    [
      'the wrong client',
      () => storeOf({ client: streamsClient, tableName: 'checkpoints' }),
      'Option client is a DynamoDBStreamsClient, but must be a DynamoDBClient',
    ],
    [
      'no table',
      () => storeOf({ client: tableClient }),
      'Option tableName is undefined, but must be a table name',
    ],
    [
      'a misspelt option',
      () => storeOf({ client: tableClient, table: 'checkpoints' }),
      'There is no option table; did you mean tableName?',
    ],
    [
      'no folder',
      () => (fileCheckpointStore as () => unknown)(),
      'Option folder is undefined, but must be a path',
    ],
    [
      'another URL',
      () => fileCheckpointStore(new URL('https://example.com/')),
      'Option folder is https://example.com/, but must be a path or a file: URL',
    ],
  ])('%s', (_, create, message) => {
    expect(create).toThrow(message)
    expect(create).toThrow(expect.objectContaining({ code: 'options.invalid' }))
  })
})

describe('a stream refuses', () => {
  const { clock, emulator } = emulatedTable()
  const start = () => clock.run(openStream({ streamArn: emulator.streamArn, client: emulator.api, clock }))

  it('listeners of unknown events, and what is no listener', async () => {
    const stream = await start()
    const on = stream.on.bind(stream) as (name: unknown, listener: unknown) => unknown
    expect(() => on('caughtup', () => {})).toThrow('There is no event caughtup; did you mean caughtUp?')
    expect(() => on('gap', 5)).toThrow('Option listener of gap is 5, but must be a function.')
    await clock.run(stream.close())
  })

  it('to move to nothing, or to a time that is no Date', async () => {
    const stream = await start()
    const moveTo = stream.moveTo.bind(stream) as (position?: unknown) => Promise<void>
    await expect(moveTo()).rejects.toThrow('Cannot read from nothing: a position is')
    await expect(moveTo('2026-01-01')).rejects.toThrow("as in new Date('2026-01-01')")
    await expect(moveTo()).rejects.toMatchObject({ code: 'position.invalid' })
    await clock.run(stream.close())
  })

  it('unknown options of batches', async () => {
    const stream = await start()
    const batches = stream.batches.bind(stream) as (options: unknown) => unknown
    expect(() => batches({ size: 5 })).toThrow('There is no option size; known are maxRecords, maxWaitMs.')
    expect(() => batches(5)).toThrow('Option options is 5, but must be an object with maxRecords, maxWaitMs.')
    await clock.run(stream.close())
  })
})

it('parseToken of nothing is refused', () => {
  const parse = parseToken as (input?: unknown) => unknown
  expect(() => parse()).toThrow('expected a token: an object, or its JSON text, got nothing')
  expect(() => parse()).toThrow(expect.objectContaining({ code: 'token.invalid' }))
})

describe('the region of a client that is created here', () => {
  const before = process.env.AWS_REGION
  afterEach(() => {
    if (before === undefined) delete process.env.AWS_REGION
    else process.env.AWS_REGION = before
  })

  it.each([undefined, 'us-east-1'])('is that of the stream ARN, with AWS_REGION=%s', async (region) => {
    if (region === undefined) delete process.env.AWS_REGION
    else process.env.AWS_REGION = region
    const hosts: string[] = []
    const send = DynamoDBStreamsClient.prototype.send
    DynamoDBStreamsClient.prototype.send = async function (this: DynamoDBStreamsClient) {
      hosts.push(await this.config.region())
      throw Object.assign(new Error('enough'), { name: 'AccessDeniedException' })
    } as never
    try {
      await expect(openStream({ streamArn })).rejects.toThrow('enough')
    } finally {
      DynamoDBStreamsClient.prototype.send = send
    }
    expect(new Set(hosts)).toEqual(new Set(['eu-west-1']))
  })
})
