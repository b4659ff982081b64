import { escapeForSqs } from '../destinations/serialize-letter.ts'
import { LambdaRecordError } from '../records/convert-lambda-record.ts'
import { fromLambdaRecord } from '../records/from-lambda-record.ts'
import { hashItemKey } from '../records/item-key.ts'
import { toLambdaRecord } from '../records/lambda-record.ts'
import type { PlainItem, StreamRecord } from '../records/stream-record.ts'

/** A record with items of any type. */
export type AnyRecord = StreamRecord<unknown, unknown, unknown>

/** A record as a message for a queue. */
export interface RelayMessage {
  /**
   * Identifies the record, and is the same whenever it is sent: the `eventId`. A queue that discards
   * duplicates compares it. At most 128 characters: letters, digits, `-` and `:`.
   */
  readonly id: string
  /**
   * Identifies the item: the messages of one group must be delivered in order. 128 bits of a hash of the
   * item's key, in 22 characters: letters, digits, `-` and `_`.
   */
  readonly groupId: string
  /**
   * The record as JSON, from which {@link parseRelayedRecord} creates it again. It contains only characters
   * that SQS accepts.
   */
  readonly body: string
  /** The size of the body in UTF-8. */
  readonly bytes: number
}

/** Returns the message for a record. The record is parsed as a whole. */
export function toRelayMessage(record: AnyRecord): RelayMessage {
  const any = record as StreamRecord
  const body = escapeForSqs(
    JSON.stringify({ ...toLambdaRecord(any, any.streamArn ?? ''), shardId: any.shardId }),
  )
  return {
    // Some emulators send no event ids.
    id: any.eventId || `${any.shardId}:${any.sequenceNumber}`,
    groupId: hashItemKey(any.itemKey),
    body,
    bytes: Buffer.byteLength(body),
  }
}

/**
 * The body of a message is not a record that a relay has sent. The error message contains neither values nor
 * names of attributes.
 */
export class RelayedRecordError extends Error {
  override readonly name: string = 'RelayedRecordError'

  constructor(reason: string, options?: ErrorOptions) {
    super(`The message was not sent by a relay: ${reason}`, options)
  }
}

/**
 * Returns the record in the body of a message that a relay has sent. Its properties are those of the record
 * in the stream. The body is checked as untrusted input.
 *
 * @typeParam Image - the type of the table's items. It is not checked.
 * @param body - a string, or its bytes in UTF-8.
 * @throws RelayedRecordError if the body is anything else.
 */
export function parseRelayedRecord<Image = PlainItem>(body: string | Uint8Array): StreamRecord<Image> {
  const value = parseJson(typeof body === 'string' ? body : new TextDecoder().decode(body))
  const { shardId } = Object(value) as { readonly shardId?: unknown }
  if (typeof shardId !== 'string' || shardId === '') {
    throw new RelayedRecordError('the body has no shardId.')
  }
  try {
    return fromLambdaRecord(value, shardId) as StreamRecord as StreamRecord<Image>
  } catch (error) {
    if (error instanceof LambdaRecordError) throw new RelayedRecordError(error.message, { cause: error })
    throw error
  }
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    // The message of a SyntaxError contains a part of the body.
    throw new RelayedRecordError('the body is not JSON.')
  }
}

/** Sequence numbers have 21 to 40 digits (API reference, StreamRecord). */
const MAX_DIGITS = 40

/**
 * Returns a string that increases with each change of an item: compare it, as a string, with the one that was
 * stored with the last change that was applied, to ignore changes that arrive again. It consists of the label
 * of the stream, which is the time of its creation, and the sequence number in 40 digits:
 * `2026-01-01T00:00:00.000/0000000000000000421000000000012345678901`.
 *
 * The positions of different items cannot be compared.
 */
export function positionOf(record: AnyRecord): string {
  const { streamArn = '', sequenceNumber } = record as StreamRecord
  const label = streamArn.slice(streamArn.lastIndexOf('/') + 1)
  return `${label}/${sequenceNumber.padStart(MAX_DIGITS, '0')}`
}
