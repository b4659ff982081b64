/** The content of a shard iterator. It is encoded in the iterator string, so that iterators use no memory. */
export interface IteratorState {
  readonly streamArn: string
  /** The index of the shard in the list of all shards of its stream. */
  readonly shard: number
  /** The index of the next record in the shard. */
  readonly index: number
  /** When the iterator was issued, in ms on the service's clock. */
  readonly issuedAt: number
  /**
   * The number of iterators issued before it. To expire iterators, the emulator expires all serial numbers
   * below a limit.
   */
  readonly serial: number
  /**
   * The chain of iterators that it belongs to. All iterators that follow from one GetShardIterator call are
   * one reader.
   */
  readonly reader: number
  /** The number of empty pages to return before the next record. */
  readonly emptyPages: number
}

/**
 * Encodes the state as plain text after the ARN. Every GetRecords call decodes one iterator and encodes
 * another; base64 would be too slow.
 */
export function encodeIterator(state: IteratorState): string {
  const { streamArn, shard, index, issuedAt, serial, reader, emptyPages } = state
  return `${streamArn}|1|${shard}.${index}.${issuedAt}.${serial}.${reader}.${emptyPages}`
}

const pattern = /^(.*)\|1\|(\d+)\.(\d+)\.(-?\d+(?:\.\d+)?)\.(\d+)\.(\d+)\.(\d+)$/

/** Reverses `encodeIterator`; returns `undefined` for any other string. */
export function decodeIterator(text: string): IteratorState | undefined {
  const match = pattern.exec(text)
  if (!match) return undefined
  const [, streamArn = '', ...fields] = match
  const [shard = 0, index = 0, issuedAt = 0, serial = 0, reader = 0, emptyPages = 0] = fields.map(Number)
  return { streamArn, shard, index, issuedAt, serial, reader, emptyPages }
}
