import type { WireForm } from '../behavior/behavior.ts'
import { ServiceFault } from '../calls/errors.ts'
import type { ListedShards } from '../calls/list-shards.ts'
import type { ListedStreams } from '../calls/list-streams.ts'
import type { ReadPage } from '../calls/read-records.ts'
import type { Service } from '../calls/service.ts'
import type { AttributeMap } from '../state/attributes.ts'
import type { Table } from '../state/table.ts'
import { describeStreamJson, getRecordsJson, listStreamsJson } from './encode.ts'
import {
  describeStreamRequest,
  getRecordsRequest,
  getShardIteratorRequest,
  listStreamsRequest,
  type Members,
} from './parse-request.ts'
import { deleteItem, describeTable, putItem } from './table-calls.ts'

/** The parts of the emulator that the wire layer uses. */
export interface WireContext {
  readonly service: Service
  readonly table: Table
  readonly put: (item: AttributeMap) => void
  readonly remove: (key: AttributeMap) => void
  readonly requestId: () => string
  /** The JSON dialect of responses, which can change at any time. */
  readonly form: () => WireForm
}

export interface Operation {
  call(context: WireContext, members: Members, signal: AbortSignal): Promise<unknown>
  encode(context: WireContext, result: unknown): string | Uint8Array
}

/** Combines a call with the encoder of its result and hides the type of the result. */
function operation<T>(
  call: (context: WireContext, members: Members, signal: AbortSignal) => Promise<T>,
  encode: (context: WireContext, result: T) => string | Uint8Array,
): Operation {
  return { call, encode: (context, result) => encode(context, result as T) }
}

const alreadyEncoded = (_: WireContext, body: string) => body

const operations: ReadonlyMap<string, Operation> = new Map([
  [
    'DynamoDBStreams_20120810.DescribeStream',
    operation<ListedShards>(
      ({ service }, members, signal) => service.listShards(describeStreamRequest(members), signal),
      ({ table, form }, result) => describeStreamJson(table, result, form()),
    ),
  ],
  [
    'DynamoDBStreams_20120810.GetShardIterator',
    operation<string>(
      ({ service }, members, signal) => service.openIterator(getShardIteratorRequest(members), signal),
      (_, iterator) => JSON.stringify({ ShardIterator: iterator }),
    ),
  ],
  [
    'DynamoDBStreams_20120810.GetRecords',
    operation<ReadPage>(
      ({ service }, members, signal) => service.readRecords(getRecordsRequest(members), signal),
      ({ form }, page) => getRecordsJson(page, form()),
    ),
  ],
  [
    'DynamoDBStreams_20120810.ListStreams',
    operation<ListedStreams>(
      ({ service }, members, signal) => service.listStreams(listStreamsRequest(members), signal),
      ({ table, form }, result) => listStreamsJson(table, result, form()),
    ),
  ],
  [
    'DynamoDB_20120810.DescribeTable',
    operation<string>(
      ({ service }, members, signal) =>
        service.runTableCall('DescribeTable', (context) => describeTable(context, members), signal),
      alreadyEncoded,
    ),
  ],
  [
    'DynamoDB_20120810.PutItem',
    operation<string>(async ({ table, put }, members) => putItem(table, members, put), alreadyEncoded),
  ],
  [
    'DynamoDB_20120810.DeleteItem',
    operation<string>(
      async ({ table, remove }, members) => deleteItem(table, members, remove),
      alreadyEncoded,
    ),
  ],
])

export function findOperation(target: string): Operation {
  const found = operations.get(target)
  if (!found)
    throw new ServiceFault(
      'UnknownOperationException',
      `The emulator does not support ${target || 'calls without X-Amz-Target'}`,
    )
  return found
}
