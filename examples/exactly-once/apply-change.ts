import {
  type CancellationReason,
  type DynamoDBClient,
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb'

export interface Order {
  readonly id: string
  readonly customer: string
  readonly cents: number
}

/** A change of an order. */
export interface OrderChange {
  readonly id: string
  readonly before: Order | undefined
  readonly after: Order | undefined
  /** See `positionOf`. */
  readonly position: string
  /** The epoch of the worker that makes the change: `context.epoch`. */
  readonly epoch: number
}

/** A table with the string key `pk`: `order#…` for the last change of an order, `customer#…` for the sums. */
export interface SumsTable {
  readonly client: Pick<DynamoDBClient, 'send'>
  readonly tableName: string
}

/** A worker with a higher epoch has changed the order since. */
export class ReplacedError extends Error {}

/**
 * Adds a change to the sums of the customers, unless that was done before: one transaction remembers the
 * change and adds it.
 *
 * @throws ReplacedError
 */
export async function applyChange(table: SumsTable, change: OrderChange): Promise<'applied' | 'repeated'> {
  const command = new TransactWriteItemsCommand({
    TransactItems: [rememberChange(table.tableName, change), ...addToSums(table.tableName, change)],
  })
  try {
    await table.client.send(command)
    return 'applied'
  } catch (error) {
    const [reason] = error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []) : []
    if (reason?.Code !== 'ConditionalCheckFailed') throw error
    if (isRepeated(reason, change)) return 'repeated'
    throw new ReplacedError(`A worker with a later epoch than ${change.epoch} has changed the order.`)
  }
}

/** Fails if this or a later change of the order was applied, and if a worker with a higher epoch did so. */
function rememberChange(tableName: string, { id, position, epoch }: OrderChange): TransactWriteItem {
  return {
    Update: {
      TableName: tableName,
      Key: { pk: { S: `order#${id}` } },
      UpdateExpression: 'SET #position = :position, #epoch = :epoch',
      ConditionExpression: 'attribute_not_exists(#position) OR (#position < :position AND #epoch <= :epoch)',
      ExpressionAttributeNames: { '#position': 'position', '#epoch': 'epoch' },
      ExpressionAttributeValues: { ':position': { S: position }, ':epoch': { N: String(epoch) } },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    },
  }
}

function isRepeated({ Item }: CancellationReason, { position }: OrderChange): boolean {
  return (Item?.position?.S ?? '') >= position
}

/** A transaction can change an item only once, so the changes of each customer are added up first. */
function addToSums(tableName: string, { before, after }: OrderChange): TransactWriteItem[] {
  const sums = new Map<string, number>()
  if (before) sums.set(before.customer, -before.cents)
  if (after) sums.set(after.customer, (sums.get(after.customer) ?? 0) + after.cents)
  return [...sums].map(([customer, cents]) => ({
    Update: {
      TableName: tableName,
      Key: { pk: { S: `customer#${customer}` } },
      UpdateExpression: 'ADD #cents :cents',
      ExpressionAttributeNames: { '#cents': 'cents' },
      ExpressionAttributeValues: { ':cents': { N: String(cents) } },
    },
  }))
}
