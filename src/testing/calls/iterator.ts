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

/** After the ARN. In plain text: it is made and read at every page, and base64 would take most of that time. */
const mark = '|1|'

export function encodeIterator(state: IteratorState): string {
  const { streamArn, shard, index, issuedAt, serial, reader, emptyPages } = state
  return `${streamArn}${mark}${shard}.${index}.${issuedAt}.${serial}.${reader}.${emptyPages}`
}

/** What `encodeIterator` put into the text; undefined when that is not where it comes from. */
export function decodeIterator(text: string): IteratorState | undefined {
  const bar = text.lastIndexOf(mark)
  if (bar === -1) return undefined
  const fields = text.slice(bar + mark.length).split('.')
  if (fields.length !== 6) return undefined
  const [shard, index, issuedAt, serial, reader, emptyPages] = fields.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  if (Number.isNaN(shard + index + issuedAt + serial + reader + emptyPages)) return undefined
  return { streamArn: text.slice(0, bar), shard, index, issuedAt, serial, reader, emptyPages }
}
