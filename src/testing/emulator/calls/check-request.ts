import type { IteratorStart } from '../../../streams-api/streams-api.ts'
import type { Behavior } from '../behavior/behavior.ts'
import { parseSequenceNumber } from '../state/sequence-numbers.ts'
import type { Shard } from '../state/shard.ts'
import { invalid, ServiceFault } from './errors.ts'

type Checks = Pick<Behavior, 'requestChecks'>

/** The iterator type and sequence number of a GetShardIterator request, not yet checked. */
export interface RequestedStart {
  readonly type: string
  readonly sequenceNumber?: string | undefined
}

/** DynamoDB Local stores sequence numbers as signed 64-bit integers. */
const maxLocalSequenceNumber = 2n ** 63n - 1n

export function checkStreamArn(arn: string, { requestChecks }: Checks): void {
  if (requestChecks === 'model') checkLength('StreamArn', arn, 37, 1024)
}

/** @param at - the call: DynamoDB Local checks the length of shard ids in listings only. */
export function checkShardId(shardId: string, at: 'listing' | 'iterator', { requestChecks }: Checks): void {
  if (requestChecks === 'model' || at === 'listing') checkLength('ShardId', shardId, 28, 65)
}

export function checkLimit(limit: number, max: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > max)
    throw invalid(`Limit must be between 1 and ${max}`)
}

/** Converts the requested start. Throws if the sequence number is missing or not allowed for the type. */
export function checkStart(
  { type, sequenceNumber }: RequestedStart,
  { requestChecks }: Checks,
): IteratorStart {
  switch (type) {
    case 'TRIM_HORIZON':
    case 'LATEST':
      if (sequenceNumber !== undefined) throw invalid(`SequenceNumber is not allowed with ${type}`)
      return { type }
    case 'AT_SEQUENCE_NUMBER':
    case 'AFTER_SEQUENCE_NUMBER':
      if (sequenceNumber === undefined) throw invalid(`SequenceNumber is required with ${type}`)
      return { type, sequenceNumber }
    default:
      throw requestChecks === 'local' ? internalFailure() : invalid(`Invalid ShardIteratorType: ${type}`)
  }
}

/** Parses a sequence number. Throws if the service would refuse it for this shard. */
export function checkSequenceNumber(text: string, shard: Shard, { requestChecks }: Checks): bigint {
  // Refuses sequence numbers whose leading zeros the consumer has removed.
  checkLength('SequenceNumber', text, 21, 40)
  const sequence = parseSequenceNumber(text)
  if (requestChecks === 'model') {
    if (sequence === undefined) throw invalid(`Invalid SequenceNumber: ${text}`)
    return sequence
  }
  if (sequence === undefined || sequence > maxLocalSequenceNumber) throw internalFailure()
  const isBelow = sequence < BigInt(shard.startingSequenceNumber)
  const isAbove = shard.endingSequenceNumber !== undefined && sequence > BigInt(shard.endingSequenceNumber)
  if (isBelow || isAbove) throw invalid('Invalid SequenceNumber for the shard')
  return sequence
}

function checkLength(name: string, text: string, min: number, max: number): void {
  if (text.length < min || text.length > max) {
    throw invalid(`${name} must have ${min} to ${max} characters, but ${text} has ${text.length}`)
  }
}

/** The error of DynamoDB Local for requests that it fails to parse. */
function internalFailure(): ServiceFault {
  return new ServiceFault(
    'InternalFailure',
    'The request processing has failed because of an unknown error, exception or failure.',
  )
}
