import { type AttributeValue, QueryCommand } from '@aws-sdk/client-dynamodb'
import type { Item } from '../checkpoints/dynamodb-table.ts'
import { sleep } from '../core/clock.ts'
import { readRecordItem, type StoredRecord, unpackContent } from './dynamodb-content.ts'
import { getHeader, later } from './dynamodb-header.ts'
import { damaged, type ParkingTable, PIECES, partitionOf, positionOf, RECORDS } from './dynamodb-items.ts'
import type { ParkedRecord } from './parking-store.ts'

/** The number of times that records are read of which one seems to be missing, and the first delay. */
const ATTEMPTS = 6
const FIRST_DELAY_MS = 50

/**
 * Returns records of a key, by position: at least one if there is one after the position `after`.
 *
 * Each record names the one before it, so none can be missing unnoticed. One that is missing is read again
 * for 1.5 s: the key may have changed since its header was read, or a transaction may be in progress
 * (see `transactionCompleted`).
 *
 * @throws StreamError `parking.failed` if a record is missing or damaged.
 */
export async function readRecords(
  table: ParkingTable,
  keyHash: string,
  after: string | undefined,
  limit: number,
): Promise<readonly ParkedRecord[]> {
  for (let attempt = 1; ; attempt++) {
    const header = await getHeader(table, keyHash)
    const from = later(after, header?.floor)
    const end = header?.end
    if (end === undefined || (from !== undefined && from >= end)) return []
    const { records, isLast } = await queryRecords(table, keyHash, { from, end, limit })
    if (isComplete(records, from, isLast ? end : undefined)) {
      const contents = await Promise.all(records.map((record) => unpackContent(table, keyHash, record)))
      const found = records.flatMap(({ position }, index) => {
        const content = contents[index]
        return content === undefined ? [] : [{ position, content }]
      })
      if (found.length === records.length) return found
    }
    if (attempt === ATTEMPTS) {
      const where = from === undefined ? `up to ${end}` : `between ${from} and ${end}`
      throw damaged(table, 'read', `a record ${where}, or a part of one, is missing`, { keyHash })
    }
    await sleep(table.clock, FIRST_DELAY_MS * 2 ** (attempt - 1))
  }
}

/** A part of a key's records. */
interface Range {
  /** The position before the first one; undefined: from the start. */
  readonly from: string | undefined
  readonly end: string
  readonly limit: number
}

/** Whether no record is missing between `from`, the records, and `end` (undefined: there may be more). */
function isComplete(
  records: readonly StoredRecord[],
  from: string | undefined,
  end: string | undefined,
): boolean {
  let last: StoredRecord | undefined
  for (const record of records) {
    const { previous } = record
    const follows =
      last === undefined
        ? previous === undefined || (from !== undefined && previous <= from)
        : previous === last.position
    if (!follows) return false
    last = record
  }
  return end === undefined || last?.position === end
}

/** Reads the items of records, with strongly consistent reads of up to 1 MB, until there is one. */
async function queryRecords(
  table: ParkingTable,
  keyHash: string,
  { from, end, limit }: Range,
): Promise<{ records: StoredRecord[]; isLast: boolean }> {
  const input = rangeQuery(table, keyHash, from ?? '', end)
  let ExclusiveStartKey: Record<string, AttributeValue> | undefined
  for (;;) {
    // The range includes the record at `from`, which counts.
    const { Items = [], LastEvaluatedKey } = await table.client.send(
      new QueryCommand({ ...input, Limit: limit + 1, ExclusiveStartKey }),
    )
    const records = Items.map((item: Item) => {
      const position = positionOf(item.part?.S ?? '')
      return from !== undefined && position <= from
        ? undefined
        : readRecordItem(table, keyHash, position, item)
    }).filter((record) => record !== undefined)
    if (records.length > limit) return { records: records.slice(0, limit), isLast: false }
    if (LastEvaluatedKey === undefined) return { records, isLast: true }
    if (records.length > 0) return { records, isLast: false }
    ExclusiveStartKey = LastEvaluatedKey
  }
}

/**
 * Reads some of the records up to a position, which may have been deleted in part.
 *
 * @param limit - the maximum number of records.
 */
export async function queryFirst(
  table: ParkingTable,
  keyHash: string,
  end: string,
  limit: number,
): Promise<{ records: StoredRecord[]; isLast: boolean }> {
  const input = rangeQuery(table, keyHash, '', end)
  const { Items = [], LastEvaluatedKey } = await table.client.send(
    new QueryCommand({ ...input, Limit: limit }),
  )
  const records = Items.map((item) => readRecordItem(table, keyHash, positionOf(item.part?.S ?? ''), item))
  return { records, isLast: LastEvaluatedKey === undefined }
}

/**
 * Yields the sort keys of all records and pieces of a key, page by page. The sort keys of a checkpoint that
 * shares the partition are smaller.
 */
export async function* listParts(
  table: ParkingTable,
  keyHash: string,
): AsyncGenerator<string[], void, undefined> {
  const input = {
    TableName: table.tableName,
    ConsistentRead: true,
    KeyConditionExpression: '#name = :name AND #part >= :first',
    ProjectionExpression: '#part',
    ExpressionAttributeNames: { '#name': 'name', '#part': 'part' },
    ExpressionAttributeValues: { ':name': { S: partitionOf(table, keyHash) }, ':first': { S: PIECES } },
  }
  let ExclusiveStartKey: Record<string, AttributeValue> | undefined
  do {
    const { Items = [], LastEvaluatedKey } = await table.client.send(
      new QueryCommand({ ...input, ExclusiveStartKey }),
    )
    yield Items.map(({ part }) => part?.S ?? '')
    ExclusiveStartKey = LastEvaluatedKey
  } while (ExclusiveStartKey !== undefined)
}

function rangeQuery(table: ParkingTable, keyHash: string, first: string, last: string) {
  return {
    TableName: table.tableName,
    ConsistentRead: true,
    KeyConditionExpression: '#name = :name AND #part BETWEEN :first AND :last',
    ExpressionAttributeNames: { '#name': 'name', '#part': 'part' },
    ExpressionAttributeValues: {
      ':name': { S: partitionOf(table, keyHash) },
      ':first': { S: `${RECORDS}${first}` },
      ':last': { S: `${RECORDS}${last}` },
    },
  }
}
