import { TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import { type DynamoDBStream, type ProcessingRun, processStream } from 'dynamodb-stream-iterator'
import { applyChange, type Order, ReplacedError, type SumsTable } from './apply-change.ts'
import { positionOf } from './position.ts'

/** Keeps the exact sum of the orders of each customer, also if records are repeated or workers replaced. */
export function sumUp(stream: DynamoDBStream<Order>, table: SumsTable): ProcessingRun {
  return processStream(
    stream,
    async ({ sequenceNumber, keys, oldImage: before, newImage: after }, { epoch }) => {
      if (epoch === undefined)
        throw new Error('The checkpoint store has no leases; use dynamoDBCheckpointStore.')
      const position = positionOf(stream.streamArn, sequenceNumber)
      await applyChange(table, { id: String(keys.id), before, after, position, epoch })
    },
    { retry: { classify: (error) => (isTransient(error) ? 'wait' : 'retry') } },
  )
}

/**
 * Whether an attempt has failed through no fault of the record. A worker that was replaced stops soon anyway,
 * when its checkpoint cannot be saved.
 */
function isTransient(error: unknown): boolean {
  if (error instanceof ReplacedError) return true
  if (!(error instanceof TransactionCanceledException)) return false
  // Two orders of one customer were changed at the same time.
  return error.CancellationReasons?.some(({ Code }) => Code === 'TransactionConflict') ?? false
}
