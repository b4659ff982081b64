import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { systemClock } from '../clock.ts'
import { Emitter, type StreamEvents } from '../events.ts'
import { tableStreams } from '../table-streams.ts'

/**
 * The ARN of the stream that was enabled last on a table; asks for as long as it takes.
 * @param onRetry hears the errors meanwhile
 */
export async function findStream(
  client: DynamoDBClient | undefined,
  tableName: string,
  signal: AbortSignal,
  onRetry: (error: unknown) => void,
): Promise<string> {
  const events = new Emitter<StreamEvents>()
  events.on('retry', ({ error }) => onRetry(error))
  const tables = await tableStreams(
    tableName,
    { table: client },
    { clock: systemClock, random: Math.random, events },
  )
  return tables.latestStreamArn(signal)
}
