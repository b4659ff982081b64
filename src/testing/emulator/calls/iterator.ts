/** What a shard iterator stands for. It is all in its text, so that any number of them cost no memory. */
export interface IteratorState {
  readonly streamArn: string
  /** The shard's place in the list of all shards of its stream. */
  readonly shard: number
  /** How many records of the shard lie before it. */
  readonly index: number
  /** When it was given out, in ms. */
  readonly issuedAt: number
  /** Counts all iterators of the emulator: those below a number can be made to expire. */
  readonly serial: number
  /** Which chain of iterators it belongs to: those that follow from one GetShardIterator are one reader. */
  readonly reader: number
  /** Empty pages still to be crossed before data. */
  readonly emptyPages: number
}

/** In plain text after the ARN: it is made and read at every page, and base64 would take most of that time. */
export function encodeIterator(state: IteratorState): string {
  const { streamArn, shard, index, issuedAt, serial, reader, emptyPages } = state
  return `${streamArn}|1|${shard}.${index}.${issuedAt}.${serial}.${reader}.${emptyPages}`
}

const form = /^(.*)\|1\|(\d+)\.(\d+)\.(-?\d+(?:\.\d+)?)\.(\d+)\.(\d+)\.(\d+)$/

/** What `encodeIterator` put into the text; undefined when that is not where it comes from. */
export function decodeIterator(text: string): IteratorState | undefined {
  const found = form.exec(text)
  if (!found) return undefined
  const [, streamArn = '', ...fields] = found
  const [shard = 0, index = 0, issuedAt = 0, serial = 0, reader = 0, emptyPages = 0] = fields.map(Number)
  return { streamArn, shard, index, issuedAt, serial, reader, emptyPages }
}
