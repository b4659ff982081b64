/** The promises that the oracle holds the library to. */
export type Promised =
  | 'complete'
  | 'nothing twice'
  | 'shard order'
  | 'parent first'
  | 'key order'
  | 'nothing unwanted'
  | 'time order'
  | 'gaps told'
  | 'no false gap'
  | 'few DescribeStream calls'
  | 'bounded buffer'
  | 'ends'
  | 'no false undefined'
  | 'no unexpected error'
  | 'never stuck'
  // Of `openStream`.
  | 'redelivery'
  | 'exact checkpoint'
  | 'first position'
  | 'saves in time'
  | 'one save at a time'
  | 'conflict'
  | 'batch size'
  | 'quiet'
  | 'not held up'
  | 'hidden parents awaited'
  | 'true lag'
  | 'bounded memory'

/** A promise that was broken. */
export class Violation extends Error {
  override readonly name: string = 'Violation'
  readonly promise: Promised

  constructor(promise: Promised, what: string, cause?: unknown) {
    super(`${promise}: ${what}`, cause === undefined ? undefined : { cause })
    this.promise = promise
  }
}
