/** The guarantees that the oracles check. */
export type Guarantee =
  | 'complete'
  | 'no duplicates'
  | 'shard order'
  | 'parent first'
  | 'key order'
  | 'no unrequested records'
  | 'time order'
  | 'gaps reported'
  | 'no false gaps'
  | 'few DescribeStream calls'
  | 'bounded buffer'
  | 'ends'
  | 'no false undefined'
  | 'no unexpected error'
  | 'never stuck'
  | 'no idle polling'
  | 'isolated failures'
  | 'waits for hidden parents'
  | 'accurate lag'
  | 'bounded memory'
  // Guarantees of `openStream` only.
  | 'redelivery'
  | 'exact checkpoint'
  | 'initial save'
  | 'timely saves'
  | 'one save at a time'
  | 'no save after a conflict'
  | 'batch size'
  // Guarantees of `processStream` only.
  | 'one fate'
  | 'one at a time'
  | 'attempts'
  | 'bounded'
  | 'counters'
  | 'dead letters'
  | 'fenced'
  | 'stops'
  // Guarantees of parking only.
  | 'parking store'
  | 'stays parked'

/** Thrown when a history violates a guarantee. */
export class Violation extends Error {
  override readonly name: string = 'Violation'
  readonly guarantee: Guarantee

  constructor(guarantee: Guarantee, what: string, cause?: unknown) {
    super(`${guarantee}: ${what}`, cause === undefined ? undefined : { cause })
    this.guarantee = guarantee
  }
}
