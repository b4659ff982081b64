import { parseStreamArn } from '../core/stream-arn.ts'
import { compareSequenceNumbers } from '../position/sequence-number.ts'
import { hashItemKey } from '../records/item-key.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { ParsedLetter } from './parse-letter.ts'

/** A record of a dead letter. */
export interface LetterRecord {
  /** Identifies the item, also across the streams of its table. */
  readonly key: string
  readonly keyHash: string
  readonly sequenceNumber: string
  /** In ms since 1970. */
  readonly createdAtMs: number
  /** Equal for the same failed work: the same record, task and run. */
  readonly identity: string
  /** The index of the record in the letter. */
  readonly index: number
  /** Undefined if the letter must be read again, because all letters are too large for the memory. */
  readonly record: StreamRecord | undefined
}

/** A dead letter that waits to be handled. */
export interface QueuedLetter {
  /** Where it is stored: the id of a message, the key of an object, or the number of a line. */
  readonly place: string
  readonly letter: Omit<ParsedLetter, 'records'>
  /** When the stream was enabled. The streams of a table are in this order. */
  readonly streamLabel: string
  /** In the order of their sequence numbers; at least one. */
  readonly records: readonly LetterRecord[]
}

/** @param keepsRecords - false: the records will be read again. */
export function queuedLetter(
  place: string,
  { records: _, ...letter }: ParsedLetter,
  records: readonly StreamRecord[],
  keepsRecords: boolean,
): QueuedLetter {
  const { streamArn } = letter.range
  const { tableArn = '', label = '' } = parseStreamArn(streamArn) ?? {}
  const letterRecords = records.map((record, index): LetterRecord => {
    const { sequenceNumber } = record
    const keyHash = hashItemKey(record.itemKey)
    return {
      key: `${tableArn} ${keyHash}`,
      keyHash,
      sequenceNumber,
      createdAtMs: record.createdAt.getTime(),
      identity: JSON.stringify([streamArn, record.shardId, sequenceNumber, letter.task, letter.name]),
      index,
      record: keepsRecords ? record : undefined,
    }
  })
  letterRecords.sort((one, other) => compareSequenceNumbers(one.sequenceNumber, other.sequenceNumber))
  return { place, letter, streamLabel: label, records: letterRecords }
}

/** The order in which the letters of a key are handled. */
export function compareLetters(one: QueuedLetter, other: QueuedLetter): number {
  return comparePositions(positionOf(one), positionOf(other))
}

/** A place in the history of an item. */
export interface ItemPosition {
  readonly streamLabel: string
  readonly sequenceNumber: string
}

export function comparePositions(one: ItemPosition, other: ItemPosition): number {
  if (one.streamLabel !== other.streamLabel) return one.streamLabel < other.streamLabel ? -1 : 1
  return compareSequenceNumbers(one.sequenceNumber, other.sequenceNumber)
}

function positionOf({ streamLabel, records }: QueuedLetter): ItemPosition {
  return { streamLabel, sequenceNumber: records[0]?.sequenceNumber ?? '' }
}
