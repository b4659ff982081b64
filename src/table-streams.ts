import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { type Clock, sleep, systemClock } from './clock.ts'
import { StreamError } from './errors.ts'
import { Emitter, type StreamEvents } from './events.ts'
import { abortable } from './streams-api/abortable.ts'
import { classifyError } from './streams-api/classify-error.ts'
import { callUntilAnswered } from './streams-api/retry.ts'

/** Finds the stream of a table: the one that was enabled last. */
export interface TableStreams {
  /**
   * The ARN of the table's latest stream, which may have been disabled since. Asks for as long as it takes.
   * @throws StreamError `stream.notFound` when there is no such table, `stream.notEnabled` when it never had a stream.
   */
  latestStreamArn(tableName: string, signal?: AbortSignal): Promise<string>
  close(): void
}

/** The SDK's client for tables is loaded here, and so only where a table is asked for. */
export async function tableStreams(
  client: DynamoDBClient | undefined,
  around: {
    readonly clock: Clock
    readonly random: () => number
    readonly events: Emitter<StreamEvents>
  } = { clock: systemClock, random: Math.random, events: new Emitter() },
): Promise<TableStreams> {
  const { DescribeTableCommand, DynamoDBClient } = await import('@aws-sdk/client-dynamodb')
  const table = client ?? new DynamoDBClient()
  return {
    async latestStreamArn(tableName, signal = new AbortController().signal) {
      const command = new DescribeTableCommand({ TableName: tableName })
      const answer = await callUntilAnswered(
        (abortSignal) => abortable(table.send(command, { abortSignal }), abortSignal),
        { ...around, signal },
        (retry) => around.events.emit('retry', { operation: 'DescribeTable', shardId: undefined, ...retry }),
      ).catch((error: unknown) => {
        throw classifyError(error) === 'notFound' ? tableNotFound(tableName, error) : error
      })
      const streamArn = answer.Table?.LatestStreamArn
      if (!streamArn) throw streamNotEnabled(tableName)
      return streamArn
    },
    close() {
      if (client === undefined) table.destroy()
    },
  }
}

/**
 * The stream that the table has after `current` was switched off; waits until there is one. `undefined` when the wait
 * was aborted.
 */
export async function nextStreamOf(
  tables: TableStreams,
  tableName: string,
  current: string,
  wait: { readonly clock: Clock; readonly pollMs: number; readonly signal: AbortSignal },
): Promise<string | undefined> {
  try {
    for (;;) {
      const latest = await tables.latestStreamArn(tableName, wait.signal)
      if (latest !== current) return latest
      await sleep(wait.clock, wait.pollMs, wait.signal)
      wait.signal.throwIfAborted()
    }
  } catch (error) {
    if (wait.signal.aborted) return undefined
    throw error
  }
}

/** The part of a stream's ARN that names its table. */
export function tableOf(streamArn: string): string {
  return streamArn.split('/stream/', 1)[0] as string
}

function tableNotFound(tableName: string, cause: unknown): StreamError<'stream.notFound'> {
  return new StreamError(
    'stream.notFound',
    `There is no table ${tableName} in this region and account. Check its name, the region and the credentials.`,
    { tableName },
    cause,
  )
}

export function streamNotEnabled(tableName: string, cause?: unknown): StreamError<'stream.notEnabled'> {
  return new StreamError(
    'stream.notEnabled',
    `Table ${tableName} has no stream. Enable one: aws dynamodb update-table --table-name ${tableName} --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES`,
    { tableName },
    cause,
  )
}
