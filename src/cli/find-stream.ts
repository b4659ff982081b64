import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { systemClock } from '../core/clock.ts'
import { Emitter } from '../core/emitter.ts'
import { type StreamEvents, streamEventNames } from '../stream/events.ts'
import { tableStreams } from '../stream/table-streams.ts'

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
  const events = new Emitter<StreamEvents>(streamEventNames)
  events.on('retry', ({ error }) => onRetry(error))
  const tables = await tableStreams(
    tableName,
    { table: client },
    { clock: systemClock, random: Math.random, events },
  )
  return tables.latestStreamArn(signal)
}
