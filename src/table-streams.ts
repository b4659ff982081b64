import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { type Clock, sleep } from './clock.ts'
import { StreamError } from './errors.ts'
import { classifyError } from './streams-api/classify-error.ts'

/** Finds the stream of a table: the one that was enabled last. */
export interface TableStreams {
  /**
   * The ARN of the table's latest stream, which may have been disabled since.
   * @throws StreamError `stream.notFound` when there is no such table, `stream.notEnabled` when it never had a stream.
   */
  latestStreamArn(tableName: string): Promise<string>
  close(): void
}

/** The SDK's client for tables is loaded here, and so only where a table is asked for. */
export async function tableStreams(client: DynamoDBClient | undefined): Promise<TableStreams> {
  const { DescribeTableCommand, DynamoDBClient } = await import('@aws-sdk/client-dynamodb')
  const table = client ?? new DynamoDBClient()
  return {
    async latestStreamArn(tableName) {
      const answer = await table
        .send(new DescribeTableCommand({ TableName: tableName }))
        .catch((error: unknown) => {
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
  while (!wait.signal.aborted) {
    const latest = await tables.latestStreamArn(tableName)
    if (latest !== current) return latest
    await sleep(wait.clock, wait.pollMs, wait.signal)
  }
  return undefined
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
