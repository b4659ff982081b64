import {
  type AttributeValue,
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb'
import { type Clock, sleep } from '../core/clock.ts'
import { StreamError } from '../core/errors.ts'
import { invalidOption } from '../core/options.ts'

/** A new table is usually ready within ten seconds. */
const TIMEOUT_MS = 120_000
const POLL_MS = 500

/** What DynamoDB, DynamoDB Local and LocalStack say of a key that is not the table's. */
const WRONG_KEYS = /key element|key schema|conditions on the keys|missing the key|required keys/i

/** DynamoDB limits a partition key to 2048 bytes. */
const MAX_NAME_BYTES = 2048

/** The table that holds the items of checkpoints. */
export interface CheckpointItems {
  readonly client: DynamoDBClient
  readonly tableName: string
}

export type Item = Record<string, AttributeValue>

/** The key of an item: the name of the checkpoint, and which part of it this is. Both are texts. */
export function keyOf(name: string, part: string): { name: AttributeValue; part: AttributeValue } {
  return { name: { S: name }, part: { S: part } }
}

/** @throws StreamError `options.invalid` unless `name` can be the key of a checkpoint. */
export function checkName(name: string): string {
  const expected = `a well-formed string of 1 to ${MAX_NAME_BYTES} bytes`
  // DynamoDB would store a lone surrogate as U+FFFD: two names would share a checkpoint.
  const isValid = typeof name === 'string' && name !== '' && name.isWellFormed()
  if (isValid && Buffer.byteLength(name) <= MAX_NAME_BYTES) return name
  throw invalidOption('name', name, expected)
}

/** Does `work`; where that shows that the table is missing, makes it and does `work` again. */
export async function withTable<T>(
  table: CheckpointItems,
  clock: Clock,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isServiceError(error, 'ValidationException') && WRONG_KEYS.test(error.message)) {
      throw wrongTable(table.tableName, error)
    }
    if (!isServiceError(error, 'ResourceNotFoundException')) throw error
    await ensureTable(table, clock, signal)
    return await work()
  }
}

/**
 * Makes the table if it is missing, and waits until it can be used. Several workers may do so at once: one of them
 * creates it, to the others DynamoDB says that it is in use, and they wait.
 */
async function ensureTable(
  { client, tableName }: CheckpointItems,
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

function wrongTable(tableName: string, cause: Error): StreamError<'options.invalid'> {
  const expected = 'a table with the keys "name" and "part", both of type S'
  const message = `The table "${tableName}" cannot hold checkpoints: it must be ${expected}: ${cause.message}`
  return new StreamError(
    'options.invalid',
    message,
    { option: 'tableName', value: tableName, expected },
    cause,
  )
}

/** The options of a call that `signal` aborts. */
export function abortedBy(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal }
}

/** By name, since the user's client may be of another copy of the SDK. */
export function isServiceError(error: unknown, name: string): error is Error {
  return error instanceof Error && error.name === name
}
