import type { OrderChange } from './orders.ts'

/** What can be done to the stream while it is written to. */
export type Disturbance = 'split' | 'roll' | 'roll-all' | 'expire-iterators'

/** The table that the demo writes to. */
export interface DemoTable extends AsyncDisposable {
  /** Where it is, in words. */
  readonly place: string
  readonly endpoint: string
  readonly tableName: string
  /** Whether its records tell their time to the second. DynamoDB Local cuts it to the minute. */
  readonly tellsSeconds: boolean
  /** Resolves when all changes are written. Those of one call are of different orders. */
  write(changes: readonly OrderChange[]): Promise<void>
  /** Does something to the stream. Returns what, in words; undefined where this table cannot. */
  disturb(what: Disturbance): string | undefined
}

export const ordersTable = 'orders'
