import { TransactGetItemsCommand } from '@aws-sdk/client-dynamodb'
import { abortedBy, isServiceError } from '../checkpoints/dynamodb-table.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { apiKey, type ItemKey, type ParkingTable } from './dynamodb-items.ts'

/** A transaction is in progress for some milliseconds. If the service loses it, it completes it soon. */
const ATTEMPTS = 8
const FIRST_DELAY_MS = 25

/** Why DynamoDB has canceled a transaction, for each of its actions. */
interface CancellationReason {
  readonly Code?: string | undefined
}

/** Returns the reasons if a transaction was canceled. */
export function cancellationReasons(error: unknown): readonly CancellationReason[] {
  if (!isServiceError(error, 'TransactionCanceledException')) return []
  const reasons: unknown = Reflect.get(error, 'CancellationReasons')
  return Array.isArray(reasons) ? reasons : []
}

function isTransactionConflict(error: unknown): boolean {
  if (isServiceError(error, 'TransactionConflictException')) return true
  const codes = cancellationReasons(error).map(({ Code = 'None' }) => Code)
  return codes.includes('TransactionConflict') && !codes.includes('ConditionalCheckFailed')
}

/**
 * Runs `work`, and repeats it while a transaction of another worker that is in progress prevents it. The SDK
 * does not retry these errors.
 */
export async function untilNoConflict<T>(
  clock: Clock,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      if (!isTransactionConflict(error) || attempt === ATTEMPTS) throw error
      await sleep(clock, FIRST_DELAY_MS * 2 ** (attempt - 1), signal)
    }
  }
}

/**
 * Waits until the transaction that has written these items is carried out on each of them.
 *
 * DynamoDB carries out a transaction on one item after the other. Meanwhile GetItem and Query return the
 * former state of the others, even with strong consistency. Only TransactGetItems detects that:
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-isolation
 */
export async function transactionCompleted(
  table: ParkingTable,
  written: readonly ItemKey[],
  signal?: AbortSignal,
): Promise<void> {
  if (written.length === 0) return
  const TransactItems = written.map((key) => ({
    Get: {
      TableName: table.tableName,
      Key: apiKey(table, key),
      ProjectionExpression: '#part',
      ExpressionAttributeNames: { '#part': 'part' },
    },
  }))
  const read = () => table.client.send(new TransactGetItemsCommand({ TransactItems }), abortedBy(signal))
  await untilNoConflict(table.clock, read, signal)
}
