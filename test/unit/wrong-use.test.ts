import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { afterEach, describe, expect, it } from 'vitest'
import { dynamoDBCheckpointStore } from '../../src/checkpoints/dynamodb.ts'
import { checkReadingOptions } from '../../src/coordinator/options.ts'
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

/** Calls without types, as from JavaScript. */
const open = openStream as (options?: unknown) => Promise<unknown>
const create = (options: unknown) => new Coordinator(options as never)
const storeOf = dynamoDBCheckpointStore as (options?: unknown) => unknown

describe('openStream', () => {
  it.each([
    [
      'no options',
      undefined,
      "openStream expects an object with options, such as { tableName: 'orders' }, but got undefined.",
    ],
    [
      'an ARN for options',
      streamArn,
      `openStream expects an object with options, such as { tableName: 'orders' }, but got "${streamArn}".`,
    ],
    ['a function for options', () => {}, 'but got a function.'],
    [
      'a misspelled option',
      { streamArn, startat: 'latest' },
      'There is no option startat; did you mean startAt?',
    ],
    [
      'an option in the plural',
      { streamArn, checkpoints: checkpoint },
      'no option checkpoints; did you mean checkpoint?',
    ],
    [
      'a misspelled option of the checkpoint',
      { streamArn, checkpoint: { ...checkpoint, everyRecord: 1 } },
      'There is no option checkpoint.everyRecord; did you mean everyRecords?',
    ],
    [
      'a misspelled field of idlePollMs',
      { streamArn, idlePollMs: { minimum: 1 } },
      'There is no option idlePollMs.minimum; did you mean min?',
    ],
    [
      'an option with an unknown name',
      { streamArn, retries: 3 },
      'There is no option retries; expected one of tableName, streamArn, ',
    ],
    [
      'a listener of an unknown event',
      { streamArn, listeners: { error: () => {} } },
      'There is no event error; expected one of shardOpened, ',
    ],
    [
      'a listener that is not a function',
      { streamArn, listeners: { gap: 5 } },
      'The listener of the event gap must be a function, but is 5.',
    ],
    ['a stream ARN as the table name', { tableName: streamArn }, 'use streamArn for the ARN of a stream'],
    ['neither streamArn nor tableName', {}, 'Provide streamArn or tableName.'],
    [
      'both streamArn and tableName',
      { streamArn, tableName: 'orders' },
      'Provide streamArn or tableName, not both.',
    ],
    [
      'a setting of the SDK client',
      { streamArn, region: 'eu-west-1' },
      'There is no option region; pass it to the SDK client, as in client: new DynamoDBStreamsClient({ region }).',
    ],
    [
      'an AbortController instead of its signal',
      { streamArn, signal: new AbortController() },
      'must be an AbortSignal',
    ],
    [
      'listeners that are not an object',
      { streamArn, listeners: 5 },
      'Option listeners is 5, but must be an object with',
    ],
    [
      'a client of the AWS SDK v2',
      { streamArn, client: { send() {}, config: { serviceId: 'x' }, makeRequest() {} } },
      clientIs('client', 'a client of the AWS SDK v2'),
    ],
    ['a string as the client', { streamArn, client: 'x' }, clientIs('client', '"x"')],
    [
      'a DynamoDBClient as the streams client',
      { streamArn, client: tableClient },
      clientIs('client', 'a DynamoDBClient'),
    ],
    ['null as the client', { streamArn, client: null }, clientIs('client', 'null')],
    ['client options as the client', { streamArn, client: config }, clientIs('client', 'a plain object')],
    [
      'the class as the client',
      { streamArn, client: DynamoDBStreamsClient },
      clientIs('client', 'the function DynamoDBStreamsClient'),
    ],
    [
      'a streams client as the table client',
      { tableName: 'orders', tableClient: streamsClient },
      'Option tableClient is a DynamoDBStreamsClient, but must be a DynamoDBClient of the AWS SDK for JavaScript v3.',
    ],
    [
      'a checkpoint store as the checkpoint',
      { streamArn, checkpoint: memoryCheckpointStore() },
      'Option checkpoint is a checkpoint store, but must be { store, name }.',
    ],
    [
      'null as the checkpoint',
      { streamArn, checkpoint: null },
      'Option checkpoint is null, but must be an object',
    ],
    [
      'followTable with streamArn',
      { streamArn, followTable: true },
      'Option followTable requires tableName.',
    ],
    [
      'a word for followTable',
      { tableName: 'orders', followTable: 'no' },
      'Option followTable is "no", but must be true or false.',
    ],
    [
      'a number as the source of random numbers',
      { streamArn, random: 4 },
      'Option random is 4, but must be a function, such as Math.random.',
    ],
    [
      'a string for unmarshallOptions',
      { streamArn, unmarshallOptions: 'x' },
      'Option unmarshallOptions is "x", but must be an object with wrapNumbers, convertWithoutMapWrapper.',
    ],
    [
      'a misspelled option of unmarshall()',
      { streamArn, unmarshallOptions: { wrapNumber: true } },
      'There is no option unmarshallOptions.wrapNumber; did you mean wrapNumbers?',
    ],
    [
      'a longest pause below the shortest one',
      { streamArn, idlePollMs: { min: 2000, max: 1000 } },
      'Option idlePollMs.max is 1000, but must be at least idlePollMs.min (2000).',
    ],
    [
      'a longest pause that is not a number',
      { streamArn, idlePollMs: { min: 2000, max: '3000' } },
      'Option idlePollMs.max is "3000", but must be a whole number from 2000 to 60000.',
    ],
    ['a time limit below 0', { streamArn, connectTimeoutMs: -1 }, 'a whole number from 0 to 3600000'],
  ])('openStream refuses %s', async (_, options, message) => {
    await expect(open(options)).rejects.toThrow(message)
    await expect(open(options)).rejects.toMatchObject({
      code: 'options.invalid',
      message: expect.stringMatching(/[.?]$/),
    })
  })
})

it('idlePollMs.max is at least idlePollMs.min by default', () => {
  const idlePollMs = (options: { min?: number; max?: number }) =>
    checkReadingOptions({ idlePollMs: options }).idlePollMs
  expect(idlePollMs({ min: 2000 })).toEqual({ min: 2000, max: 2000 })
  expect(idlePollMs({ min: 500 })).toEqual({ min: 500, max: 1000 })
})

function clientIs(option: string, actual: string): string {
  return `Option ${option} is ${actual}, but must be a DynamoDBStreamsClient of the AWS SDK for JavaScript v3.`
}

describe('new Coordinator', () => {
  it.each([
    [
      'a misspelled option',
      { streamArn, pagesize: 10 },
      'There is no option pagesize; did you mean pageSize?',
    ],
    [
      'the name of a table',
      { tableName: 'orders' },
      'There is no option tableName; pass streamArn, or use openStream, which looks up the stream of a table.',
    ],
    [
      'an option of openStream',
      { streamArn, startAt: 'latest' },
      'There is no option startAt; expected one of streamArn, ',
    ],
    ['a DynamoDBClient', { streamArn, client: tableClient }, clientIs('client', 'a DynamoDBClient')],
    [
      'no options',
      undefined,
      "new Coordinator expects an object with options, such as { streamArn: 'arn:…' }, but got undefined.",
    ],
  ])('the Coordinator constructor refuses %s', (_, options, message) => {
    expect(() => create(options)).toThrow(message)
    expect(() => create(options)).toThrow(expect.objectContaining({ code: 'options.invalid' }))
  })
})

describe('checkpoint stores', () => {
  it.each([
    [
      'no options',
      () => storeOf(),
      "dynamoDBCheckpointStore expects an object with options, such as { client, tableName: 'checkpoints' }, but got undefined.",
    ],
    [
      'options without a client',
      () => storeOf({ tableName: 'checkpoints' }),
      'Option client is undefined, but must be a Dyn',
    ],
    [
      'a streams client',
      () => storeOf({ client: streamsClient, tableName: 'checkpoints' }),
      'Option client is a DynamoDBStreamsClient, but must be a DynamoDBClient',
    ],
    [
      'options without a table',
      () => storeOf({ client: tableClient }),
      'Option tableName is undefined, but must be a table name',
    ],
    [
      'a misspelled option',
      () => storeOf({ client: tableClient, table: 'checkpoints' }),
      'There is no option table; did you mean tableName?',
    ],
    [
      'a missing folder',
      () => (fileCheckpointStore as () => unknown)(),
      'Option folder is undefined, but must be a path',
    ],
    [
      'an empty string as the folder',
      () => fileCheckpointStore(''),
      'Option folder is "", but must be a path or a file: URL.',
    ],
    [
      'a URL that is not a file: URL',
      () => fileCheckpointStore(new URL('https://example.com/')),
      'Option folder is https://example.com/, but must be a path or a file: URL',
    ],
  ])('a checkpoint store refuses %s', (_, create, message) => {
    expect(create).toThrow(message)
    expect(create).toThrow(expect.objectContaining({ code: 'options.invalid' }))
  })
})

describe('a stream', () => {
  const { clock, emulator } = emulatedTable()
  const start = () => clock.run(openStream({ streamArn: emulator.streamArn, client: emulator.api, clock }))

  it('a stream refuses unknown events, and listeners that are not functions', async () => {
    const stream = await start()
    const on = stream.on.bind(stream) as (name: unknown, listener: unknown) => unknown
    expect(() => on('caughtup', () => {})).toThrow('There is no event caughtup; did you mean caughtUp?')
    expect(() => on('gap', 5)).toThrow('The listener of the event gap must be a function, but is 5.')
    await clock.run(stream.close())
  })

  it('a stream refuses to move to an undefined position, or to a time that is not a Date', async () => {
    const stream = await start()
    const moveTo = stream.moveTo.bind(stream) as (position?: unknown) => Promise<void>
    await expect(moveTo()).rejects.toThrow('Cannot read from undefined: a position is')
    await expect(moveTo('2026-01-01')).rejects.toThrow("as in new Date('2026-01-01')")
    await expect(moveTo()).rejects.toMatchObject({ code: 'position.invalid' })
    await clock.run(stream.close())
  })

  it('a stream refuses unknown options of batches()', async () => {
    const stream = await start()
    const batches = stream.batches.bind(stream) as (options: unknown) => unknown
    expect(() => batches({ size: 5 })).toThrow(
      'There is no option size; expected one of maxRecords, maxWaitMs.',
    )
    expect(() => batches(5)).toThrow(
      'batches expects an object with options, such as { maxRecords: 100 }, but got 5.',
    )
    await clock.run(stream.close())
  })
})

it('parseToken() without an argument throws token.invalid', () => {
  const parse = parseToken as (input?: unknown) => unknown
  expect(() => parse()).toThrow('expected a token (an object or a JSON string), got undefined')
  expect(() => parse()).toThrow(expect.objectContaining({ code: 'token.invalid' }))
})

describe('the client that openStream creates', () => {
  const before = process.env.AWS_REGION
  afterEach(() => {
    if (before === undefined) delete process.env.AWS_REGION
    else process.env.AWS_REGION = before
  })

  it.each([undefined, 'us-east-1'])(
    'the created client uses the region of the stream ARN, with AWS_REGION=%s',
    async (region) => {
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
    },
  )
})
