import { hostname } from 'node:os'
import {
  type AttributeValue,
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  GetItemCommand,
} from '@aws-sdk/client-dynamodb'
import { type Clock, sleep } from '../core/clock.ts'
import { endSentence } from '../core/end-sentence.ts'
import { StreamError } from '../core/errors.ts'
import { invalidOption } from '../core/options.ts'
import { checkSdkClient, type SdkClient } from '../core/sdk-client.ts'

/** A new table is usually ready within ten seconds. */
const TIMEOUT_MS = 120_000
const POLL_MS = 500

/**
 * Matches the messages of DynamoDB, DynamoDB Local and LocalStack for a key that does not fit the table's
 * schema.
 */
const WRONG_KEYS =
  /key element|key schema|key condition|conditions on the keys|missing the key|required keys/i

/** DynamoDB limits a partition key to 2048 bytes. */
const MAX_NAME_BYTES = 2048

/** A table with the string keys `name` and `part`, which stores checkpoints or parked keys. */
export interface ItemTable {
  readonly client: DynamoDBClient
  readonly tableName: string
  /** What is stored, for error messages. Default: `checkpoints`. */
  readonly contents?: string
}

export type Item = Record<string, AttributeValue>

/** Returns the key of an item: a name, such as that of a checkpoint, and the part of it, both strings. */
export function keyOf(name: string, part: string): { name: AttributeValue; part: AttributeValue } {
  return { name: { S: name }, part: { S: part } }
}

/**
 * Checks the options of a store that say which table to use.
 *
 * @throws StreamError `options.invalid`
 */
export function checkTable(options: { readonly client: SdkClient; readonly tableName: string }): ItemTable {
  const command = new GetItemCommand({ TableName: undefined, Key: undefined })
  checkSdkClient('client', options.client, 'DynamoDB', command)
  const { client, tableName } = options
  if (typeof tableName !== 'string' || tableName === '') {
    throw invalidOption('tableName', tableName, 'a table name')
  }
  return { client: client as DynamoDBClient, tableName }
}

/** Identifies this worker to people: the host name and the process ID. */
export function defaultOwner(): string {
  return `${hostname()}:${process.pid}`
}

/**
 * @param suffixBytes - the length of what is appended to the name in partition keys.
 * @throws StreamError `options.invalid` if `name` cannot be a partition key.
 */
export function checkName(name: string, suffixBytes = 0): string {
  const maxBytes = MAX_NAME_BYTES - suffixBytes
  const expected = `a well-formed string of 1 to ${maxBytes} bytes`
  // DynamoDB stores a lone surrogate as U+FFFD, so two such names would share a checkpoint.
  const isValid = typeof name === 'string' && name !== '' && name.isWellFormed()
  if (isValid && Buffer.byteLength(name) <= maxBytes) return name
  throw invalidOption('name', name, expected)
}

/** Runs `work`. If the table does not exist, creates it and runs `work` again. */
export async function withTable<T>(
  table: ItemTable,
  clock: Clock,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  try {
    return await withExistingTable(table, work)
  } catch (error) {
    if (!isServiceError(error, 'ResourceNotFoundException')) throw error
    await ensureTable(table, clock, signal)
    return await work()
  }
}

/**
 * Runs `work`, and explains its error if the table has other keys.
 *
 * @throws StreamError `options.invalid`
 */
export async function withExistingTable<T>(table: ItemTable, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isServiceError(error, 'ValidationException') || !WRONG_KEYS.test(error.message)) throw error
    throw wrongTable(table, error)
  }
}

/**
 * Creates the table if it does not exist, and waits until it can be used. When several workers do so at once,
 * one of them creates it. The others receive ResourceInUseException and wait.
 */
async function ensureTable(
  { client, tableName }: ItemTable,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let waitedMs = 0; waitedMs < TIMEOUT_MS; waitedMs += POLL_MS) {
    signal?.throwIfAborted()
    const status = await tableStatus(client, tableName)
    if (status === 'ACTIVE' || status === 'UPDATING') return
    if (status === undefined) await createTable(client, tableName)
    await sleep(clock, POLL_MS, signal)
  }
  throw new Error(`The table "${tableName}" was not ready within ${TIMEOUT_MS / 1000} s`)
}

async function tableStatus(client: DynamoDBClient, tableName: string): Promise<string | undefined> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }))
    return Table?.TableStatus
  } catch (error) {
    if (isServiceError(error, 'ResourceNotFoundException')) return undefined
    throw error
  }
}

async function createTable(client: DynamoDBClient, tableName: string): Promise<void> {
  try {
    await client.send(
      new CreateTableCommand({
        TableName: tableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'name', AttributeType: 'S' },
          { AttributeName: 'part', AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: 'name', KeyType: 'HASH' },
          { AttributeName: 'part', KeyType: 'RANGE' },
        ],
      }),
    )
  } catch (error) {
    if (!isServiceError(error, 'ResourceInUseException')) throw error
  }
}

function wrongTable(
  { tableName, contents = 'checkpoints' }: ItemTable,
  cause: Error,
): StreamError<'options.invalid'> {
  const expected = 'a table with the keys "name" and "part", both of type S'
  const message = `The table "${tableName}" cannot store ${contents}, because it is not ${expected}: ${cause.message}`
  return new StreamError(
    'options.invalid',
    endSentence(message),
    { option: 'tableName', value: tableName, expected },
    cause,
  )
}

/** Returns the SDK's request options for `signal`. */
export function abortedBy(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal }
}

/** Compares names, since the caller's client may come from another copy of the SDK. */
export function isServiceError(error: unknown, name: string): error is Error {
  return error instanceof Error && error.name === name
}
