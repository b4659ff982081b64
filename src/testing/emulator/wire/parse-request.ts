import { invalid, ServiceFault } from '../calls/errors.ts'
import type { ListShardsRequest } from '../calls/list-shards.ts'
import type { ListStreamsRequest } from '../calls/list-streams.ts'
import type { OpenIteratorRequest } from '../calls/open-iterator.ts'
import type { GetRecordsRequest } from '../calls/service.ts'

/** The members of a request, not yet validated. */
export type Members = Readonly<Record<string, unknown>>

export function parseMembers(body: string): Members {
  let parsed: unknown
  try {
    parsed = JSON.parse(body === '' ? '{}' : body)
  } catch {
    throw new ServiceFault('SerializationException', 'The request is not JSON')
  }
  if (!isMembers(parsed)) throw new ServiceFault('SerializationException', 'The request is not a JSON object')
  return parsed
}

export function describeStreamRequest(members: Members): ListShardsRequest {
  const filter = members.ShardFilter
  if (filter !== undefined && (!isMembers(filter) || filter.Type !== 'CHILD_SHARDS')) {
    throw invalid('ShardFilter.Type must be CHILD_SHARDS')
  }
  return {
    streamArn: requiredString(members, 'StreamArn'),
    exclusiveStartShardId: optionalString(members, 'ExclusiveStartShardId'),
    childrenOf: filter === undefined ? undefined : (optionalString(filter, 'ShardId') ?? ''),
    limit: optionalNumber(members, 'Limit'),
  }
}

export function getShardIteratorRequest(members: Members): OpenIteratorRequest {
  return {
    streamArn: requiredString(members, 'StreamArn'),
    shardId: requiredString(members, 'ShardId'),
    start: {
      type: optionalString(members, 'ShardIteratorType') ?? '',
      sequenceNumber: optionalString(members, 'SequenceNumber'),
    },
  }
}

export function getRecordsRequest(members: Members): GetRecordsRequest {
  return { iterator: requiredString(members, 'ShardIterator'), limit: optionalNumber(members, 'Limit') }
}

export function listStreamsRequest(members: Members): ListStreamsRequest {
  return {
    tableName: optionalString(members, 'TableName'),
    exclusiveStartStreamArn: optionalString(members, 'ExclusiveStartStreamArn'),
    limit: optionalNumber(members, 'Limit'),
  }
}

export function requiredString(members: Members, name: string): string {
  const value = optionalString(members, name)
  if (value === undefined || value === '') throw invalid(`${name} is required`)
  return value
}

export function optionalString(members: Members, name: string): string | undefined {
  const value = members[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw invalid(`${name} must be a string`)
  return value
}

function optionalNumber(members: Members, name: string): number | undefined {
  const value = members[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number') throw invalid(`${name} must be a number`)
  return value
}

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
