import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { abortedBy, isServiceError } from '../checkpoints/dynamodb-table.ts'
import { untilNoConflict } from './dynamodb-conflict.ts'
import { Fence } from './dynamodb-fence.ts'
import { apiKey, LEASE, type ParkingTable } from './dynamodb-items.ts'
import { getLease, type Lease, readLease, smallerEpoch } from './dynamodb-lease-item.ts'

/** The worker that acquires a lease. */
export interface Acquirer {
  /** A random ID, one per lease. While the lease item contains it, no other worker has acquired the lease. */
  readonly session: string
  readonly owner: string
  /** The fencing number of the worker's checkpoint; undefined if there is no check. */
  readonly epoch: number | undefined
}

/**
 * Makes a session the only one that can write. The write is conditional on the lease that was read, so a
 * request that was abandoned and arrives after a later one changes nothing.
 *
 * @throws StreamError `checkpoint.conflict` if the epoch is smaller than that of an earlier lease.
 */
export async function acquireFence(
  table: ParkingTable,
  acquirer: Acquirer,
  signal?: AbortSignal,
): Promise<Fence> {
  for (;;) {
    signal?.throwIfAborted()
    const seen = await getLease(table, signal)
    const acquired = await untilNoConflict(table.clock, () => takeOver(table, acquirer, seen, signal), signal)
    // Otherwise, another worker was faster. Try again: the last worker to acquire the lease can write.
    if (acquired) return new Fence(table, acquired)
  }
}

async function takeOver(
  table: ParkingTable,
  { session, owner, epoch }: Acquirer,
  seen: Lease | undefined,
  signal: AbortSignal | undefined,
): Promise<Lease | undefined> {
  if (seen !== undefined && epoch !== undefined && epoch < seen.epoch) throw smallerEpoch(table, epoch, seen)
  const command = new UpdateItemCommand({
    TableName: table.tableName,
    Key: apiKey(table, { part: LEASE }),
    UpdateExpression:
      'SET #session = :session, #owner = :owner, #acquiredAt = :now, #epoch = :epoch, #version = :zero',
    ConditionExpression: seen === undefined ? 'attribute_not_exists(#session)' : '#session = :seen',
    ExpressionAttributeNames: {
      '#session': 'session',
      '#owner': 'owner',
      '#acquiredAt': 'acquiredAt',
      '#epoch': 'epoch',
      '#version': 'version',
    },
    ExpressionAttributeValues: {
      ':session': { S: session },
      ':owner': { S: owner },
      ':now': { S: new Date(table.clock.now()).toISOString() },
      ':epoch': { N: String(Math.max(epoch ?? 0, seen?.epoch ?? 0)) },
      ':zero': { N: '0' },
      ...(seen !== undefined && { ':seen': { S: seen.session } }),
    },
    ReturnValues: 'ALL_NEW',
  })
  try {
    const { Attributes } = await table.client.send(command, abortedBy(signal))
    return readLease(table, Attributes)
  } catch (error) {
    if (!isServiceError(error, 'ConditionalCheckFailedException')) throw error
    // An earlier attempt of the SDK may have succeeded although its response was lost.
    const lease = await getLease(table, signal)
    return lease?.session === session ? lease : undefined
  }
}
