import { createHash } from 'node:crypto'
import { parseStreamArn } from '../core/stream-arn.ts'
import type { DeadLetterCondition } from '../destinations/destination.ts'

/** The namespace of the ids of dead letters (RFC 9562, section 5.5). Random; it must never change. */
const NAMESPACE = Buffer.from('6f0c51f7b5a94f1c8a6c0a3b6e1d2c94', 'hex')

/** What identifies a dead letter. */
export interface LetterIdentity {
  /** The name of the run. */
  readonly name: string
  readonly streamArn: string
  readonly shardId: string
  readonly sequenceNumber: string
  readonly task: string | undefined
  readonly condition: DeadLetterCondition
}

/**
 * Returns a UUID of version 5 that is always the same for the same letter, so that a letter which is sent
 * again after a crash replaces itself. It depends neither on the time nor on the error.
 */
export function deriveLetterId(identity: LetterIdentity): string {
  const { name, streamArn, shardId, sequenceNumber, task, condition } = identity
  const label = parseStreamArn(streamArn)?.label ?? streamArn
  // As JSON, so that no two identities are the same string.
  const json = JSON.stringify([name, label, shardId, sequenceNumber, task ?? null, condition])
  const bytes = createHash('sha1').update(NAMESPACE).update(json).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
