import type { IteratorStart } from '../../../streams-api/streams-api.ts'
import type { Behavior } from '../behavior/behavior.ts'
import { parseSequenceNumber } from '../state/sequence-numbers.ts'
import type { Shard } from '../state/shard.ts'
import { invalid, ServiceFault } from './errors.ts'

type Checks = Pick<Behavior, 'requestChecks'>

/** Where to start, as it was asked for. */
export interface AskedStart {
  readonly type: string
  readonly sequenceNumber?: string | undefined
}

/** DynamoDB Local counts in 64 bits, with a sign. */
const largestOfLocal = 2n ** 63n - 1n

export function checkStreamArn(arn: string, { requestChecks }: Checks): void {
  if (requestChecks === 'model') checkLength('StreamArn', arn, 37, 1024)
}

/** @param at the call, as DynamoDB Local checks ids in the listing only */
export function checkShardId(shardId: string, at: 'listing' | 'iterator', { requestChecks }: Checks): void {
  if (requestChecks === 'model' || at === 'listing') checkLength('ShardId', shardId, 28, 65)
}

export function checkLimit(limit: number, max: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > max)
    throw invalid(`Limit must be between 1 and ${max}`)
}

/** The start in its one right form. */
export function checkStart({ type, sequenceNumber }: AskedStart, { requestChecks }: Checks): IteratorStart {
  switch (type) {
    case 'TRIM_HORIZON':
    case 'LATEST':
      if (sequenceNumber !== undefined) throw invalid(`SequenceNumber must not be given with ${type}`)
      return { type }
    case 'AT_SEQUENCE_NUMBER':
    case 'AFTER_SEQUENCE_NUMBER':
      if (sequenceNumber === undefined) throw invalid(`SequenceNumber must be given with ${type}`)
      return { type, sequenceNumber }
    default:
      throw requestChecks === 'local' ? internalFailure() : invalid(`ShardIteratorType: not ${type}`)
  }
}

/** The number of a start, if the shard could have it. */
export function checkSequenceNumber(text: string, shard: Shard, { requestChecks }: Checks): bigint {
  // A consumer that cuts leading zeros off meets this.
  checkLength('SequenceNumber', text, 21, 40)
  const sequence = parseSequenceNumber(text)
  if (requestChecks === 'model') {
    if (sequence === undefined) throw invalid(`Invalid SequenceNumber: ${text}`)
    return sequence
  }
  if (sequence === undefined || sequence > largestOfLocal) throw internalFailure()
  const isBelow = sequence < BigInt(shard.startingSequenceNumber)
  const isAbove = shard.endingSequenceNumber !== undefined && sequence > BigInt(shard.endingSequenceNumber)
  if (isBelow || isAbove) throw invalid('Invalid SequenceNumber for the shard')
  return sequence
}

function checkLength(name: string, text: string, min: number, max: number): void {
  if (text.length < min || text.length > max) {
    throw invalid(`${name} must have ${min} to ${max} characters, and ${text} has ${text.length}`)
  }
}

/** What DynamoDB Local answers when it trips over a request. */
function internalFailure(): ServiceFault {
  return new ServiceFault(
    'InternalFailure',
    'The request processing has failed because of an unknown error, exception or failure.',
  )
}
